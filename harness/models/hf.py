"""Checkpoints through transformers: one video is decoded, encoded and prefilled once for all its questions."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from harness.frames import Frames
from harness.models import clock, generate, loading, prompt, sight, template
from harness.models.base import AnswerError, Question, Reply
from harness.models.checkpoint import Checkpoint, find, fingerprint, trained_on
from harness.models.inputs import Inputs
from harness.models.options import Options
from harness.models.positions import check_positions
from tasks.errors import Failure, InputError
from tasks.protocol import Protocol

SUPPRESSED = ("<|vision_start|>", "<|vision_end|>", "<|video_pad|>", "<|image_pad|>")
DEFAULTS = Options()


def load(name: str, protocol: Protocol, options: Options = DEFAULTS) -> "HfModel":
    """Load a checkpoint folder or hub id.

    Raises:
        InputError: The checkpoint or an option cannot be used as asked, or the model does not see the video; nothing is
            replaced by something else.
    """
    checkpoint = find(name, options.trust_remote_code)
    loaded, processor, unused = loading.read(checkpoint, options)
    with loading.refused(checkpoint, options):
        template.check(processor, protocol.prompt)
        opened = HfModel(checkpoint, loaded, processor, protocol, options, unused)
        opened.inputs.check()
    opened.sight = sight.probe(opened.look, loaded, opened.pixel_factor)
    return opened


class HfModel:
    """A loaded Qwen-VL checkpoint; implements `harness.models.base.Model`."""

    needs_video = True

    def __init__(
        self,
        checkpoint: Checkpoint,
        model: Any,
        processor: Any,
        protocol: Protocol,
        options: Options = DEFAULTS,
        unused: Sequence[str] = (),
    ) -> None:
        self.name = checkpoint.name
        self.checkpoint = checkpoint
        self.model = model
        self.processor = processor
        self.protocol = protocol
        self.options = options
        self.unused = list(unused)
        self.positions = check_positions(model)
        self.sight = "not probed"
        self.rules = _rules(model, processor, protocol, options.seed)
        self.inputs = Inputs(model, processor, checkpoint.family, protocol.prompt)
        self.pixel_factor = self.inputs.pixel_factor

    def describe(self) -> dict[str, Any]:
        """Identity for `run.json`, with what was corrected."""
        family, training = self.checkpoint.family, trained_on(self.checkpoint.folder)
        return {
            "name": self.name,
            "backend": "hf",
            "revision": self.checkpoint.revision,
            "fingerprint": fingerprint(self.checkpoint.folder),
            "family": family,
            "unused_weights": self.unused,
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "device": self.model.device.type,
            "attention": self.model.config._attn_implementation,
            "batch_size": self.options.batch_size,
            "shared_prefix": self.options.share,
            "seed": self.options.seed,
            "positions": self.positions,
            "clock": clock.rule(family),
            "video_slot": prompt.slot_rule(family),
            "sight": self.sight,
            **({"trained_on": training} if training else {}),
        }

    def answer(self, frames: Frames | None, questions: Sequence[Question], /) -> list[Reply | Failure]:
        """One reply per question, in order; a failure where the question contains a special token.

        Raises:
            AnswerError: The GPU ran out of memory.
            ClockError: The model would be told wrong times.
            InputError: The frames do not have a size this model takes.
        """
        if frames is None:
            raise InputError(f"frames with sides divisible by {self.pixel_factor}", "no frames", "harness show default")
        failures = [prompt.special_token(self.processor, question.text) for question in questions]
        asked = [question for question, failure in zip(questions, failures, strict=True) if failure is None]
        groups = [asked] if self.options.share else [[question] for question in asked]
        try:
            replies = iter([reply for group in groups if group for reply in self._answer(frames, group)])
        except torch.OutOfMemoryError as error:
            advice = "lower --batch-size or the protocol's total_pixels"
            raise AnswerError(Failure("out-of-memory", f"{str(error).splitlines()[0]} ({advice})")) from error
        return [failure or next(replies) for failure in failures]

    def look(self, frames: Frames) -> torch.Tensor:
        """Logits `(passes and rows, vocabulary)` behind the first token of replies, computed as `answer` does."""
        rows, video = self.inputs.build(frames, sight.TEXTS, str(self.model.device))
        with sight.listening(self.model) as heard:
            self._generate(rows, self._see(video), replace(self.rules, max_new_tokens=1))
        return torch.cat(heard)

    def _answer(self, frames: Frames, questions: list[Question]) -> list[Reply]:
        texts = [question.text for question in questions]
        rows, video = self.inputs.build(frames, texts, str(self.model.device))
        outputs = self._generate(rows, self._see(video), self.rules)
        frames_json = json.dumps(frames.fingerprint(), sort_keys=True)
        return [self._reply(row, output, frames_json) for row, output in zip(rows, outputs, strict=True)]

    @torch.no_grad()
    def _see(self, video: prompt.Video) -> Any:
        device = self.model.device
        return self.model.model.get_video_features(video.pixels.to(device), video.grid.to(device), return_dict=True)

    def _generate(self, rows: list[generate.Row], seen: Any, rules: generate.Rules) -> list[generate.Output]:
        end = len(rows[0].ids) - rows[0].ids[::-1].index(self.model.config.vision_end_token_id)
        length = generate.shared_length(rows)
        share = self.options.share and length >= end
        prefix = generate.prefill(self.model, rows[:1], [length], seen) if share else None
        size = self.options.batch_size
        chunks = [rows[index : index + size] for index in range(0, len(rows), size)]
        return [output for chunk in chunks for output in generate.generate(self.model, chunk, rules, prefix, seen)]

    def _reply(self, row: generate.Row, output: generate.Output, frames_json: str) -> Reply:
        text = self.processor.tokenizer.decode(output.ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        digest = hashlib.sha256(f"{row.ids}\n{frames_json}".encode()).hexdigest()
        return Reply(text, digest, len(row.ids), len(output.ids), output.truncated)


def _rules(model: Any, processor: Any, protocol: Protocol, seed: int) -> generate.Rules:
    stop = model.generation_config.eos_token_id
    stops = frozenset([stop] if isinstance(stop, int) else stop)
    suppress = tuple(processor.tokenizer.convert_tokens_to_ids(list(SUPPRESSED)))
    decoding = protocol.decoding
    return generate.Rules(
        max_new_tokens=decoding.max_new_tokens,
        stop=stops,
        suppress=suppress,
        temperature=decoding.temperature,
        repetition_penalty=decoding.repetition_penalty,
        top_p=decoding.top_p,
        seed=seed,
    )
