"""Checkpoints through transformers: one video is decoded, encoded and prefilled once for all its questions."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch

from harness.frames import Frames
from harness.models import adapters, clock, generate, loading, prompt, remote, sight, template
from harness.models.base import AnswerError, Reply
from harness.models.checkpoint import Checkpoint, trained_on
from harness.models.inputs import Inputs
from harness.models.options import Options
from harness.models.positions import check_positions
from tasks.errors import Failure, InputError
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.rules import DecodingRules

DEFAULTS = Options()


def load(name: str, protocol: Protocol, options: Options = DEFAULTS) -> "HfModel":
    """Load a folder or hub id exactly as asked, its template tried and its sight probed under a protocol. Raises InputError."""
    checkpoint = adapters.find(name, options.trust_remote_code)
    loaded, processor, unused = loading.read(checkpoint, options)
    with loading.refused(checkpoint, options):
        template.check(processor, protocol.prompt)
        opened = HfModel(checkpoint, loaded, processor, options, unused)
        opened.remote = remote.check(opened.inputs, protocol.prompt, checkpoint)
        opened.inputs.check(protocol.prompt)
    opened.sight = sight.probe(partial(opened.look, protocol), loaded, opened.pixel_factor)
    return opened


class HfModel:
    """A loaded Qwen-VL checkpoint; implements `harness.models.base.Model`."""

    needs_video = True

    def __init__(
        self, checkpoint: Checkpoint, model: Any, processor: Any, options: Options = DEFAULTS, unused: Sequence[str] = ()
    ) -> None:
        self.name = checkpoint.name
        self.checkpoint = checkpoint
        self.model = model
        self.processor = processor
        self.options = options
        self.unused = list(unused)
        self.positions = check_positions(model)
        self.sight = "not probed"
        self.remote: dict[str, Any] = {}
        self.inputs = Inputs(model, processor, checkpoint.family)
        self.pixel_factor = self.inputs.pixel_factor

    def describe(self) -> dict[str, Any]:
        """Identity for `run.json`, with what was corrected."""
        family, training = self.checkpoint.family, trained_on(self.checkpoint.folder)
        return {
            "name": self.name,
            "backend": "hf",
            "revision": self.checkpoint.revision,
            "fingerprint": adapters.identity(self.checkpoint),
            **adapters.described(self.checkpoint),
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
            "clock": clock.RULES[family],
            "video_slot": prompt.slot_rule(family),
            "sight": self.sight,
            **({"remote_code": self.remote} if self.remote else {}),
            **({"trained_on": training} if training else {}),
        }

    def answer(self, frames: Frames | None, questions: Sequence[Question], /) -> list[Reply | Failure]:
        """A reply to each question, a failure to one with a special token. Raises AnswerError (memory), and as `Inputs.build`."""
        if frames is None:
            raise InputError(f"frames with sides divisible by {self.pixel_factor}", "no frames", "harness show default")
        failures = [prompt.special_token(self.processor, question.text) for question in questions]
        asked = [question for question, failure in zip(questions, failures, strict=True) if failure is None]
        try:
            replies = self._answer_all(frames, asked)
        except torch.OutOfMemoryError as error:
            advice = "lower --batch-size or the protocol's total_pixels"
            raise AnswerError(Failure("out-of-memory", f"{str(error).splitlines()[0]} ({advice})")) from error
        remaining = iter(replies)
        return [failure or next(remaining) for failure in failures]

    def look(self, protocol: Protocol, frames: Frames) -> torch.Tensor:
        """Logits `(passes and rows, vocabulary)` behind the first token of replies, computed as `answer` does."""
        rows, video = self.inputs.build(frames, protocol.prompt, sight.TEXTS, str(self.model.device))
        with sight.listening(self.model) as heard:
            self._generate(rows, self._see(video), self.rules(DecodingRules(max_new_tokens=1)))
        return torch.cat(heard)

    def rules(self, decoding: DecodingRules) -> generate.Rules:
        """How the tokens of a reply are chosen under these rules of a protocol."""
        return generate.rules_of(self.model, self.processor, seed=self.options.seed, **asdict(decoding))

    def _answer_all(self, frames: Frames, questions: Sequence[Question]) -> list[Reply]:
        """Questions of one protocol share a prefix and its decoding; without sharing, each is on its own."""
        groups: dict[int, list[int]] = {}
        for index, question in enumerate(questions):
            groups.setdefault(id(question.protocol) if self.options.share else index, []).append(index)
        replies: dict[int, Reply] = {}
        for members in groups.values():
            replies |= zip(members, self._answer(frames, [questions[index] for index in members]), strict=True)
        return [replies[index] for index in range(len(questions))]

    def _answer(self, frames: Frames, questions: list[Question]) -> list[Reply]:
        texts, protocol = [question.text for question in questions], questions[0].protocol
        rows, video = self.inputs.build(frames, protocol.prompt, texts, str(self.model.device))
        outputs = self._generate(rows, self._see(video), self.rules(protocol.decoding))
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
