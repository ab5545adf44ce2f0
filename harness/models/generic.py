"""Checkpoints through their own processor and `generate`: a video is prefilled once for its questions, replies come together."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
import transformers

from harness.frames import Frames
from harness.models import adapters, continued, families, loading, sight, template
from harness.models.base import AnswerError, Answers, Asked, Reply, answered
from harness.models.batching import Batching, Limit, Ready, by_protocol, reply, shown
from harness.models.checkpoint import Checkpoint, trained_on
from harness.models.generate import Output, Row, Rules, shared_length
from harness.models.options import Options
from harness.models.processed import Given, Processed
from harness.models.prompt import special_token
from harness.models.verdict import right_to
from tasks.errors import Failure
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
        self._limit = Limit(options)
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
            "batch_size": self.options.batch_size,
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
        return answered(self, frames, questions)

    def stream(self, videos: Iterator[Asked], /) -> Iterator[tuple[int, Answers]]:
        """As `harness.models.base.Streaming`: questions of several videos are generated together. Raises as `Processed.build`."""
        return Batching(self._prepare, self._answers, self._limit).stream(videos)

    def told(self) -> dict[str, Any]:
        """That memory did not hold the batches that were asked for."""
        return self._limit.told()

    def look(self, protocol: Protocol, frames: Frames) -> torch.Tensor:
        """Logits `(passes, vocabulary)` behind the first token of replies, computed as `answer` does."""
        prompts = self.inputs.build(frames, protocol.prompt, sight.TEXTS)
        with sight.listening(self.model) as heard:
            self._replies(prompts, DecodingRules(max_new_tokens=1))
        return torch.cat(heard)

    def _prepare(self, asked: Asked) -> list[Ready | Failure]:
        """Compute once what questions of one protocol share of a video; without sharing, each is on its own."""
        refused = partial(special_token, self.processor, family=self.family)
        frames, groups, failures = by_protocol(asked, self.pixel_factor, refused)
        found: dict[int, Ready | Failure] = {**failures}
        for rules, places, texts in groups:
            prompts = self.inputs.build(frames, rules.prompt, texts)
            self._check_length(prompts, rules.decoding)
            for place, given, start in zip(places, prompts, self._starts(prompts), strict=True):
                found[place] = Ready(_row(given), start, given if start is None else None, rules.decoding, shown(frames))
        return [found[place] for place in range(len(asked.questions))]

    def _check_length(self, prompts: Sequence[Given], rules: DecodingRules) -> None:
        """Raises AnswerError where a prompt and its reply have more tokens than the model has positions."""
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        longest = max(given["input_ids"].shape[1] for given in prompts) + rules.max_new_tokens
        if limit is not None and longest > limit:
            found = f"{longest:,} tokens of prompt and reply, the model takes {limit:,} (lower the protocol's max_frames)"
            raise AnswerError(Failure("prompt-too-long", found))

    def _starts(self, prompts: Sequence[Given]) -> Sequence[continued.Start | None]:
        """What is computed of each prompt on one video: all share it, unless they differ before the video ends."""
        if not self.options.share:
            return [None] * len(prompts)
        rows = [_row(given) for given in prompts]
        if (length := shared_length(rows)) >= self.inputs.visual_end(prompts[0]):
            return [continued.start(self.model, prompts[0], length)] * len(prompts)
        return [continued.start(self.model, given, len(row.ids) - 1) for given, row in zip(prompts, rows, strict=True)]

    def _replies(self, prompts: Sequence[Given], decoding: DecodingRules) -> list[list[int]]:
        """New token ids of each prompt on one video."""
        starts = self._starts(prompts)
        return [output.ids for output in self._outputs([_row(given) for given in prompts], starts, prompts, decoding)]

    def _outputs(self, rows: Sequence[Row], starts: Sequence[Any], given: Sequence[Any], decoding: DecodingRules) -> list[Output]:
        chosen = {**asdict(decoding), "seed": self.options.seed}
        rules = Rules(stop=frozenset(self.stop), suppress=self.inputs.visual, **chosen)
        if starts[0] is None:
            return [continued.whole(self.model, one, row, rules) for one, row in zip(given, rows, strict=True)]
        return continued.together(self.model, rows, starts, rules)

    def _answers(self, batch: Sequence[Ready]) -> list[Reply]:
        rows, starts, given, (decoding, *_), frames = zip(*batch, strict=True)
        outputs = zip(rows, self._outputs(rows, starts, given, decoding), frames, strict=True)
        return [reply(self.processor, row, output.ids, output.truncated, told) for row, output, told in outputs]


def _row(given: Given) -> Row:
    """The ids of a prompt; `generate` finds the positions."""
    return Row(given["input_ids"][0].tolist(), torch.empty(0))
