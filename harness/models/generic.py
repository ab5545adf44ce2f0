"""Checkpoints through their own processor and `generate`: one video is decoded and prefilled once for all its questions."""

import copy
import hashlib
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import transformers

from harness.frames import Frames
from harness.models import adapters, families, loading, sight, template
from harness.models.base import AnswerError, Reply
from harness.models.checkpoint import Checkpoint, trained_on
from harness.models.generate import Row, shared_length
from harness.models.options import Options
from harness.models.processed import Given, Processed
from harness.models.prompt import special_token
from harness.models.spread import home
from harness.models.verdict import right_to
from tasks.errors import Failure, InputError
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.rules import DecodingRules

_CONFIG: Any = transformers.GenerationConfig


def load(checkpoint: Checkpoint, protocol: Protocol, options: Options) -> "GenericModel":
    """Load a checkpoint exactly as asked, its template tried and its sight probed under a protocol. Raises InputError."""
    family = families.of(checkpoint.family)
    loaded, processor, unused = loading.read(checkpoint, options)
    with loading.refused(checkpoint, options):
        template.check(processor, protocol.prompt, family.slot)
        opened = GenericModel(checkpoint, loaded, processor, options, unused)
        opened.verdict = right_to(opened.inputs.check(protocol.prompt))
    clip = sight.clip(opened.pixel_factor, 2)
    changed = {name: partial(opened.look, protocol, frames) for name, frames in sight.changes(clip, 2).items()}
    opened.sight = sight.check("logits", partial(opened.look, protocol, clip), changed)
    return opened


class GenericModel:
    """A loaded checkpoint of a family that goes through its own processor; implements `harness.models.base.Model`."""

    needs_video = True

    def __init__(self, checkpoint: Checkpoint, model: Any, processor: Any, options: Options, unused: Sequence[str] = ()) -> None:
        self.name = checkpoint.name
        self.checkpoint = checkpoint
        self.family = families.of(checkpoint.family)
        self.model = model
        self.processor = processor
        self.options = options
        self.unused = list(unused)
        self.inputs = Processed(processor, self.family)
        self.pixel_factor = self.inputs.pixel_factor
        self.sight = self.verdict = "not probed"
        stop = model.generation_config.eos_token_id
        self.stop = [stop] if isinstance(stop, int) else list(stop)
        # The checkpoint's own decoding is not the protocol's, and would fill what that leaves open.
        model.generation_config = _CONFIG(eos_token_id=self.stop, pad_token_id=self.stop[0])

    def describe(self) -> dict[str, Any]:
        """Identity for `run.json`."""
        training = trained_on(self.checkpoint.folder)
        return {
            "name": self.name,
            "backend": "hf",
            "revision": self.checkpoint.revision,
            "fingerprint": adapters.identity(self.checkpoint),
            **adapters.described(self.checkpoint),
            "family": self.checkpoint.family,
            "unused_weights": self.unused,
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "device": self.model.device.type,
            "attention": self.model.config._attn_implementation,
            "batch_size": 1,
            "shared_prefix": self.options.share,
            "seed": self.options.seed,
            "clock": self.family.clock,
            "clock_verdict": self.verdict,
            "video_slot": self.family.video_slot,
            "frame_size": "the processor's own" if self.family.own_size else "the protocol's",
            "sight": self.sight,
            **({"trained_on": training} if training else {}),
        }

    def answer(self, frames: Frames | None, questions: Sequence[Question], /) -> list[Reply | Failure]:
        """A reply to each question, a failure to one with a special token. Raises AnswerError, and as `Processed.build`."""
        if frames is None:
            raise InputError(f"frames with sides divisible by {self.pixel_factor}", "no frames", "harness show default")
        outcomes: dict[int, Reply | Failure] = {}
        groups: dict[int, list[int]] = {}
        for index, question in enumerate(questions):
            if (failure := special_token(self.processor, question.text, self.family)) is not None:
                outcomes[index] = failure
            else:
                groups.setdefault(id(question.protocol), []).append(index)
        try:
            for members in groups.values():
                outcomes |= zip(members, self._answer(frames, [questions[index] for index in members]), strict=True)
        except torch.OutOfMemoryError as error:
            found = f"{str(error).splitlines()[0]} (lower the protocol's total_pixels)"
            raise AnswerError(Failure("out-of-memory", found)) from error
        return [outcomes[index] for index in range(len(questions))]

    def look(self, protocol: Protocol, frames: Frames) -> torch.Tensor:
        """Logits `(passes, vocabulary)` behind the first token of replies, computed as `answer` does."""
        prompts = self.inputs.build(frames, protocol.prompt, sight.TEXTS)
        with sight.listening(self.model) as heard:
            self._replies(prompts, DecodingRules(max_new_tokens=1))
        return torch.cat(heard)

    def _answer(self, frames: Frames, questions: list[Question]) -> list[Reply | Failure]:
        rules = questions[0].protocol
        prompts = self.inputs.build(frames, rules.prompt, [question.text for question in questions])
        frames_json = json.dumps(frames.fingerprint(), sort_keys=True)
        self._check_length(prompts, rules.decoding)
        replies = self._replies(prompts, rules.decoding)
        return [self._reply(given, ids, frames_json) for given, ids in zip(prompts, replies, strict=True)]

    def _check_length(self, prompts: Sequence[Given], rules: DecodingRules) -> None:
        """Raises AnswerError where a prompt and its reply have more tokens than the model has positions."""
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        longest = max(given["input_ids"].shape[1] for given in prompts) + rules.max_new_tokens
        if limit is not None and longest > limit:
            found = f"{longest:,} tokens of prompt and reply, the model takes {limit:,} (lower the protocol's max_frames)"
            raise AnswerError(Failure("prompt-too-long", found))

    @torch.no_grad()
    def _replies(self, prompts: Sequence[Given], rules: DecodingRules) -> list[list[int]]:
        """New token ids of each prompt, one after another; what they all begin with, the video in it, is computed once."""
        length = shared_length([Row(given["input_ids"][0].tolist(), given["input_ids"]) for given in prompts])
        share = self.options.share and len(prompts) > 1 and length >= self.inputs.visual_end(prompts[0])
        prefix = self._prefix(prompts[0], length) if share else None
        return [self._generate(given, rules, copy.deepcopy(prefix)) for given in prompts]

    def _prefix(self, given: Given, length: int) -> Any:
        """The cache of the first tokens of a prompt, which contain its video."""
        shape = given["input_ids"].shape
        beside = {name for name, value in given.items() if torch.is_tensor(value) and value.shape == shape}
        cut = {name: value[:, :length] if name in beside else value for name, value in given.items()}
        config = _CONFIG(max_new_tokens=1, do_sample=False, return_dict_in_generate=True)
        return self.model.generate(**self._placed(cut), generation_config=config).past_key_values

    def _generate(self, given: Given, rules: DecodingRules, cache: Any) -> list[int]:
        """Behind a cache, only text is left: the video is in it."""
        ids = given["input_ids"]
        kept = given if cache is None else {"input_ids": ids, "attention_mask": torch.ones_like(ids), "past_key_values": cache}
        sampled = rules.temperature > 0
        config = _CONFIG(
            max_new_tokens=rules.max_new_tokens,
            do_sample=sampled,
            repetition_penalty=rules.repetition_penalty,
            suppress_tokens=list(self.inputs.visual),
            **({"temperature": rules.temperature, "top_p": rules.top_p, "top_k": 0} if sampled else {}),
        )
        digest = hashlib.sha256(f"{self.options.seed} {ids[0].tolist()}".encode()).digest()
        with torch.random.fork_rng():
            # The random numbers of a reply follow from the seed and its own prompt.
            torch.manual_seed(int.from_bytes(digest[:8], "little") >> 1)
            made = self.model.generate(**self._placed(kept), generation_config=config)
        return [int(token) for token in made[0, ids.shape[1] :]]

    def _placed(self, given: Given) -> Given:
        """What floats in the model's dtype, all on its device."""
        placed = transformers.BatchFeature(given).to(home(self.model), self.model.dtype)
        return dict(placed.items())

    def _reply(self, given: Given, new: list[int], frames_json: str) -> Reply:
        ids = given["input_ids"][0].tolist()
        text = self.processor.tokenizer.decode(new, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        digest = hashlib.sha256(f"{ids}\n{frames_json}".encode()).hexdigest()
        return Reply(text, digest, len(ids), len(new), new[-1] not in self.stop)
