"""Models that do not look: the rows every table needs as a floor and a ceiling. They run without torch or video."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, partial
from typing import Any

import numpy as np

from harness.frames import Frames
from harness.models.base import Reply
from harness.video.sampling import frame_count
from tasks.answer import Answer
from tasks.metrics import iou
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.sample import Sample
from tasks.say import blind, rounded, say, sayable
from tasks.span import Span

NAMES = (
    *("whole-video", "middle-half", "train-prior", "train-prior:absolute", "random"),
    *("oracle", "oracle-grid", "oracle-rounded", "oracle-clamped"),
)
GRID_POINTS = 51
PRIORS = {
    "anet": (0.0, 1.0),
    "charades": (0.0, 0.46),
    "charades-cd": (0.0, 0.4),
    "charades-cg": (0.0, 0.44),
    "qvhighlights": (0.0, 0.98),
    "tacos": (0.1, 0.9),
}
"""`best_constant_span` of train splits that never change, as fractions of the duration: a table need not read them again."""


@dataclass(frozen=True)
class TrivialModel:
    """Replies with an answer that a rule reads off the sample, in the protocol's own words."""

    name: str
    answer_of: Callable[[Sample], Answer]
    protocol: Protocol
    note: str
    needs_video: bool = False
    pixel_factor: int = 1

    def describe(self) -> dict[str, Any]:
        """Name and rule."""
        return {"name": self.name, "backend": "trivial", "rule": self.note}

    def answer(self, _: Frames | None, questions: Sequence[Question]) -> list[Reply]:
        """The rule's answer to each question."""
        texts = [say(self.answer_of(question.sample), question.sample, self.protocol) for question in questions]
        digests = [hashlib.sha256(question.text.encode()).hexdigest() for question in questions]
        return list(map(Reply, texts, digests))


def trivial(
    name: str,
    protocol: Protocol,
    train: Callable[[], Sequence[Sample]],
    seed: int,
    truth_of: Callable[[Sample], Answer] | None = None,
) -> TrivialModel | None:
    """A trivial model of `NAMES`, which speaks in the words of the protocol; None if the name is not one.

    Only `train-prior` loads the train split. `truth_of` is what an oracle knows, by default the truth as far as the protocol can
    say it.
    """
    truth_of = truth_of or partial(sayable, protocol=protocol)

    def guess(rule: Callable[[Sample], Span], note: str) -> TrivialModel:
        return TrivialModel(name, lambda sample: blind(rule(sample), sample, protocol), protocol, note)

    def oracle(change: Callable[[Span, Sample], Span] | None, note: str) -> TrivialModel:
        def answer_of(sample: Sample) -> Answer:
            truth = truth_of(sample)
            if change is None:
                return truth
            return Answer(tuple(change(span, sample) for span in truth.spans), marks=truth.marks, option=truth.option)

        return TrivialModel(name, answer_of, protocol, note)

    match name:
        case "whole-video":
            return guess(lambda s: Span(0.0, s.duration_s), "from 0 to the annotated duration")
        case "middle-half":
            middle = cache(lambda duration_s: Span(*(Decimal(repr(duration_s)) * k / 4 for k in (1, 3))))
            return guess(lambda s: middle(s.duration_s), "from 1/4 to 3/4 of the duration")
        case "train-prior" | "train-prior:relative":
            low, high = best_constant_span(train(), relative=True)
            note = f"best constant span of the train split: {low:.2f} to {high:.2f} of the duration"
            return guess(lambda s: share(low, high, s.duration_s), note)
        case "train-prior:absolute":
            start, end = best_constant_span(train(), relative=False)
            return guess(lambda _: Span(start, end), f"best constant span of the train split: {start} to {end} s")
        case "random":
            return guess(lambda s: _random_span(s, seed), f"two uniform times in the video, seed {seed}")
        case "oracle":
            return oracle(None, "the ground truth; where one span can be said of several, the one that scores best alone")
        case "oracle-grid":
            note = "the oracle's times moved to the nearest sampled frames: what a model can at best tell by frame"
            count = cache(lambda duration_s: frame_count(protocol.video.max_frames, duration_s, protocol.video))
            return oracle(lambda span, s: _on_grid(span, s.duration_s, count(s.duration_s)), note)
        case "oracle-rounded":
            note = "the oracle's answer as exactly as the protocol teaches to say it: in its unit, rounding and decimals"
            return TrivialModel(name, lambda s: rounded(truth_of(s), s, protocol), protocol, note)
        case "oracle-clamped":
            clamped = lambda span, s: Span(*(min(max(time, 0.0), s.duration_s) for time in span))  # noqa: E731
            return oracle(clamped, "the oracle's times cut to the annotated duration")
    return None


def share(low: float, high: float, duration_s: float) -> Span:
    """The span between two fractions of the duration, to 0.01 s."""
    return Span(round(low * duration_s, 2), round(high * duration_s, 2))


def best_constant_span(samples: Sequence[Sample], relative: bool) -> tuple[float, float]:
    """The one span with the highest mIoU over the first targets of the samples, on a grid of 51 points.

    In fractions of the duration, or in seconds to two decimals (grid up to the 99th percentile of the ends).
    """
    targets = np.array([sample.truth.spans[0] for sample in samples], dtype=np.float64)
    scale = np.array([sample.duration_s if relative else 1.0 for sample in samples])[:, None]
    targets = targets / scale
    top = 1.0 if relative else float(np.quantile(targets[:, 1], 0.99))
    grid = np.round(np.linspace(0, top, GRID_POINTS), 2)
    candidates = [(low, high) for i, low in enumerate(grid.tolist()) for high in grid[i + 1 :].tolist()]
    return max(candidates, key=lambda span: float(iou(np.broadcast_to(span, targets.shape), targets).mean()))


def _on_grid(span: Span, duration_s: float, count: int) -> Span:
    """The span on the grid of `count` frames of a video that has frames enough; at least one interval long."""
    interval_s = duration_s / (count - 1)
    start, end = (min(max(round(float(time) / interval_s), 0), count - 1) for time in span)
    start = min(start, count - 2)
    return Span(start * interval_s, max(end, start + 1) * interval_s)


def _random_span(sample: Sample, seed: int) -> Span:
    digest = hashlib.sha256(f"{seed}/{sample.id}".encode()).digest()
    a, b = (int.from_bytes(part) / 2**64 * sample.duration_s for part in (digest[:8], digest[8:16]))
    start_s = round(min(a, b), 2)
    return Span(start_s, max(round(max(a, b), 2), round(start_s + 0.01, 2)))
