"""Models that do not look: the rows every table needs as a floor and a ceiling. They run without torch or video."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, partial
from itertools import product
from typing import Any

import numpy as np

from harness.frames import Frames
from harness.models.base import Reply
from harness.models.priors import best_constant_span, by_place, usual_option
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
    *("equal-parts", "place-prior", "tiles:4", "tiles:10", "majority-option"),
    *("oracle", "oracle-grid", "oracle-rounded", "oracle-seconds", "oracle-clamped", "longest-window", "hull"),
)
Rule = tuple[Callable[[Sample], Answer], str]
TILES = "tiles:"
"""Before the length in seconds of the tiles that a video is cut into."""


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
        return [
            Reply(
                say(self.answer_of(question.sample), question.sample, self.protocol),
                hashlib.sha256(question.text.encode()).hexdigest(),
            )
            for question in questions
        ]


def trivial(
    name: str,
    protocol: Protocol,
    train: Callable[[], Sequence[Sample]],
    seed: int,
    truth_of: Callable[[Sample], Answer] | None = None,
) -> TrivialModel | None:
    """A trivial model by name, which speaks in the words of the protocol; None if the name is not one.

    Args:
        train: Loads the train split; called by the `train-prior` rows only.
        truth_of: What an oracle knows; by default the truth as far as the protocol can say it.
    """
    truth_of = truth_of or partial(sayable, protocol=protocol)
    found = _blind(name, protocol, train, seed) or _ceiling(name, protocol, truth_of)
    return TrivialModel(name, found[0], protocol, found[1]) if found is not None else None


def _blind(name: str, protocol: Protocol, train: Callable[[], Sequence[Sample]], seed: int) -> Rule | None:
    """An answer that does not look at the video, and the rule in words."""

    def guess(span: Callable[[Sample], Span], note: str) -> Rule:
        return lambda sample: blind(span(sample), sample, protocol), note

    def several(spans: Callable[[Sample], Sequence[Span]], note: str) -> Rule:
        return lambda sample: replace(blind(_whole(sample), sample, protocol), spans=tuple(spans(sample))), note

    if name.startswith(TILES) and name in NAMES:
        tile_s = float(name.removeprefix(TILES))
        return several(lambda s: _tiles(s.duration_s, tile_s), f"the video cut into equal tiles of about {tile_s:g} s")
    match name:
        case "whole-video":
            return guess(_whole, "from 0 to the annotated duration")
        case "middle-half":
            middle = cache(lambda duration_s: Span(*(Decimal(repr(duration_s)) * k / 4 for k in (1, 3))))
            return guess(lambda s: middle(s.duration_s), "from 1/4 to 3/4 of the duration")
        case "train-prior" | "train-prior:relative":
            low, high = best_constant_span(train(), True, protocol)
            note = f"best constant span of the train split: {low:.2f} to {high:.2f} of the duration"
            return guess(lambda s: share(low, high, s.duration_s, protocol.kind), note)
        case "train-prior:absolute":
            start, end = best_constant_span(train(), False, protocol)
            return guess(lambda _: Span(start, end), f"best constant span of the train split: {start} to {end} s")
        case "random":
            return guess(lambda s: _random_span(s, seed), f"two uniform times in the video, seed {seed}")
        case "equal-parts":
            return several(lambda s: parts(s.duration_s, len(s.queries)), "equal parts of the video in order, one a sentence")
        case "place-prior":
            return several(by_place(train()), "the best span of the train split for event i of N")
        case "majority-option":
            letter = usual_option(train())
            note = f"the option that is right most often in the train split, {letter}, and the whole video"
            return lambda sample: replace(blind(_whole(sample), sample, protocol), option=letter), note
    return None


def _ceiling(name: str, protocol: Protocol, truth_of: Callable[[Sample], Answer]) -> Rule | None:
    """What one who knows the truth can say, and the rule in words."""

    def moved(change: Callable[[Span, Sample], Span], note: str) -> Rule:
        def answer_of(sample: Sample) -> Answer:
            truth = truth_of(sample)
            spans = tuple([change(span, sample) for span in truth.spans])
            return truth if spans == truth.spans else Answer(spans, marks=truth.marks, option=truth.option)

        return answer_of, note

    def one(choose: Callable[[Sequence[Span]], Span], note: str) -> Rule:
        def answer_of(sample: Sample) -> Answer:
            truth = truth_of(sample)
            return replace(truth, spans=(choose(truth.spans),)) if truth.spans else truth

        return answer_of, note

    match name:
        case "longest-window":
            return one(lambda spans: max(spans, key=_length), "of several true spans the longest alone")
        case "hull":
            return one(_hull, "one span from the first true start to the last true end")
        case "oracle":
            return truth_of, "the ground truth; where one span can be said of several, the one that scores best alone"
        case "oracle-grid":
            note = "the oracle's times moved to the nearest sampled frames: what a model can at best tell by frame"
            count = cache(lambda duration_s: frame_count(protocol.video.max_frames, duration_s, protocol.video))
            return moved(lambda span, s: _on_grid(span, s.duration_s, count(s.duration_s)), note)
        case "oracle-rounded":
            note = "the oracle's answer as exactly as the protocol teaches to say it: in its unit, rounding and decimals"
            return lambda s: rounded(truth_of(s), s, protocol), note
        case "oracle-seconds":
            note = "the oracle's times at the whole seconds that fit best: what a clock of whole seconds can at best tell"
            return moved(lambda span, _: _at_seconds(span), note)
        case "oracle-clamped":
            return moved(lambda span, s: _clamped(span, s.duration_s), "the oracle's times cut to the annotated duration")
    return None


def share(low: float, high: float, duration_s: float, kind: str) -> Span:
    """The span between two fractions of the duration; to 0.01 s for the kinds of version 0.2, whose numbers stay."""
    span = Span(low * duration_s, high * duration_s)
    return _hundredths(span) if kind in ("moment", "union", "windows", "highlights") else span


def parts(duration_s: float, count: int) -> list[Span]:
    """A video cut into `count` equal parts."""
    return [Span(i * duration_s / count, (i + 1) * duration_s / count) for i in range(count)]


def _tiles(duration_s: float, tile_s: float) -> list[Span]:
    return [_hundredths(span) for span in parts(duration_s, max(1, round(duration_s / tile_s)))]


def _hundredths(span: Span) -> Span:
    return Span(round(float(span.start_s), 2), round(float(span.end_s), 2))


def _whole(sample: Sample) -> Span:
    return Span(0.0, sample.duration_s)


def _length(span: Span) -> float:
    return float(span.end_s) - float(span.start_s)


def _hull(spans: Sequence[Span]) -> Span:
    return Span(min(span.start_s for span in spans), max(span.end_s for span in spans))


def _on_grid(span: Span, duration_s: float, count: int) -> Span:
    """The span on the grid of `count` frames of a video that has frames enough; at least one interval long."""
    interval_s = duration_s / (count - 1)
    start = min(max(round(float(span.start_s) / interval_s), 0), count - 2)
    end = min(max(round(float(span.end_s) / interval_s), start + 1), count - 1)
    return Span(start * interval_s, end * interval_s)


def _at_seconds(span: Span) -> Span:
    """The span between whole seconds around its ends whose IoU with it is best; at least one second long."""
    starts, ends = ({math.floor(bound), math.ceil(bound)} for bound in span)
    first = min(starts)
    bounds = [(start, end) for start, end in product(sorted(starts), sorted(ends)) if start < end] or [(first, first + 1)]
    best = int(np.argmax(iou(np.array(bounds, dtype=np.float64), np.array([span] * len(bounds), dtype=np.float64))))
    return Span(*map(float, bounds[best]))


def _clamped(span: Span, duration_s: float) -> Span:
    return Span(min(max(span.start_s, 0.0), duration_s), min(max(span.end_s, 0.0), duration_s))


def _random_span(sample: Sample, seed: int) -> Span:
    digest = hashlib.sha256(f"{seed}/{sample.id}".encode()).digest()
    a, b = (int.from_bytes(part) / 2**64 * sample.duration_s for part in (digest[:8], digest[8:16]))
    start_s = round(min(a, b), 2)
    return Span(start_s, max(round(max(a, b), 2), round(start_s + 0.01, 2)))
