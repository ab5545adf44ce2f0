"""Checkpoints through transformers: a video is encoded and prefilled once for its questions, replies are generated together."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch

from harness.frames import Frames
from harness.models import adapters, families, generate, generic, loading, prompt, remote, sight, template
from harness.models.base import Answers, Asked, Reply, answered
from harness.models.batching import Batching, Limit, Ready, by_protocol, reply, shown
from harness.models.checkpoint import Checkpoint, trained_on
from harness.models.inputs import Inputs
from harness.models.options import Options
from harness.models.positions import check_positions
from harness.models.spread import home
from harness.models.verdict import right_to
from tasks.errors import Failure
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.rules import DecodingRules

DEFAULTS = Options()


def load(name: str, protocol: Protocol, options: Options = DEFAULTS) -> "HfModel | generic.GenericModel":
    """Load a folder or hub id exactly as asked, its template tried and its sight probed under a protocol. Raises InputError."""
    checkpoint = adapters.find(name, options.trust_remote_code)
    if not families.of(checkpoint.family).exact:
        return generic.load(checkpoint, protocol, options)
    loaded, processor, unused = loading.read(checkpoint, options)
    with loading.refused(checkpoint, options):
        template.check(processor, protocol.prompt)
        opened = HfModel(checkpoint, loaded, processor, options, unused)
        opened.remote = remote.check(opened.inputs, protocol.prompt, checkpoint)
        opened.verdict = right_to(opened.inputs.check(protocol.prompt))
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
        self.sight = self.verdict = "not probed"
        self.remote: dict[str, Any] = {}
        self._limit = Limit(options)
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
            "clock": families.of(family).clock,
            "clock_verdict": self.verdict,
            "video_slot": families.of(family).video_slot,
            "sight": self.sight,
            **({"remote_code": self.remote} if self.remote else {}),
            **({"trained_on": training} if training else {}),
        }

    def answer(self, frames: Frames | None, questions: Sequence[Question], /) -> list[Reply | Failure]:
        """A reply to each question, a failure to one with a special token. Raises AnswerError (memory), and as `Inputs.build`."""
        return answered(self, frames, questions)

    def stream(self, videos: Iterator[Asked], /) -> Iterator[tuple[int, Answers]]:
        """As `harness.models.base.Streaming`: questions of several videos are generated together. Raises as `Inputs.build`."""
        return Batching(self._prepare, self._replies, self._limit).stream(videos)

    def told(self) -> dict[str, Any]:
        """That memory did not hold the batches that were asked for."""
        return self._limit.told()

    def look(self, protocol: Protocol, frames: Frames) -> torch.Tensor:
        """Logits `(passes and rows, vocabulary)` behind the first token of replies, computed as `answer` does."""
        rows, video = self.inputs.build(frames, protocol.prompt, sight.TEXTS, str(home(self.model)))
        with sight.listening(self.model) as heard:
            self._generate(rows, self._see(video), self.rules(DecodingRules(max_new_tokens=1)))
        return torch.cat(heard)

    def rules(self, decoding: DecodingRules) -> generate.Rules:
        """How the tokens of a reply are chosen under these rules of a protocol."""
        return generate.rules_of(self.model, self.processor, seed=self.options.seed, **asdict(decoding))

    def _prepare(self, asked: Asked) -> list[Ready | Failure]:
        """Encode a video once, and once what questions of one protocol share of it; without sharing, each is on its own."""
        share, seen = self.options.share, None
        frames, groups, failures = by_protocol(asked, self.pixel_factor, partial(prompt.special_token, self.processor), not share)
        found: dict[int, Ready | Failure] = {**failures}
        for rules, places, texts in groups:
            rows, video = self.inputs.build(frames, rules.prompt, texts, str(home(self.model)))
            seen = self._see(video) if seen is None or not share else seen
            for place, row, prefix in zip(places, rows, self._prefixes(rows, seen), strict=True):
                found[place] = Ready(row, prefix, seen if prefix is None else None, rules.decoding, shown(frames))
        return [found[place] for place in range(len(asked.questions))]

    @torch.no_grad()
    def _see(self, video: prompt.Video) -> Any:
        device = home(self.model)
        return self.model.model.get_video_features(video.pixels.to(device), video.grid.to(device), return_dict=True)

    def _prefixes(self, rows: Sequence[generate.Row], seen: Any) -> Sequence[generate.Prefix | None]:
        """What is computed of each row on one video: all rows share it, unless they differ before the video ends."""
        if not self.options.share:
            return [None] * len(rows)
        end = len(rows[0].ids) - rows[0].ids[::-1].index(self.model.config.vision_end_token_id)
        if (length := generate.shared_length(rows)) >= end:
            return [generate.prefill(self.model, rows[:1], [length], seen)] * len(rows)
        return [generate.prefill(self.model, [row], [len(row.ids) - 1], seen) for row in rows]

    def _generate(self, rows: Sequence[generate.Row], seen: Any, rules: generate.Rules) -> list[generate.Output]:
        return self._outputs(rows, self._prefixes(rows, seen), [seen] * len(rows), rules)

    def _outputs(
        self, rows: Sequence[generate.Row], prefixes: Sequence[generate.Prefix | None], seen: Sequence[Any], rules: generate.Rules
    ) -> list[generate.Output]:
        known = {id(prefix): prefix for prefix in prefixes if prefix is not None}
        if not known:
            alone = zip(rows, seen, strict=True)
            return [output for row, one in alone for output in generate.generate(self.model, [row], rules, None, one)]
        sources = [list(known).index(id(prefix)) for prefix in prefixes]
        together = list(known.values())
        return generate.generate(self.model, rows, rules, together if len(together) > 1 else together[0], None, sources)

    def _replies(self, batch: Sequence[Ready]) -> list[Reply]:
        rows, prefixes, seen, (decoding, *_), frames = zip(*batch, strict=True)
        outputs = self._outputs(rows, prefixes, seen, self.rules(decoding))
        given = zip(rows, outputs, frames, strict=True)
        return [reply(self.processor, row, output.ids, output.truncated, told) for row, output, told in given]
