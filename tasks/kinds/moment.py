"""One moment against the true one it fits best; evaluators differ in rounding, clamping, IoU and comparison."""

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tasks import metrics
from tasks.answer import Answer
from tasks.kinds import Columns, Kind
from tasks.metrics import Bools, Floats, share, union
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.span import Span

Spans = Sequence[Span]
_NOTHING = Span(0.0, 0.0)
NEAR = 1e-3
"""IoU this near a threshold is compared with it in decimal arithmetic."""
HUNDREDTHS = 9
"""Decimals to which a time in seconds gives back the hundredths of a video that were said."""


def values(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Columns:
    """`mIoU`, and `R1@t` at the thresholds of the protocol; the first span of an answer counts."""
    asked = _asked(samples, answers)
    found = ious(protocol, *asked)
    reached = hits(protocol, found, *asked)
    return {"mIoU": found, **{f"R1@{t}": reached[t].astype(np.float64) for t in protocol.score.thresholds}}


def fit(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Floats:
    """IoU of the first span of each answer with the true span that it fits best."""
    return ious(protocol, *_asked(samples, answers))


def _asked(samples: Sequence[Sample], answers: Sequence[Answer]) -> tuple[list[Spans], list[Spans], list[float]]:
    return (
        [answer.spans for answer in answers],
        [sample.truth.spans for sample in samples],
        [sample.duration_s for sample in samples],
    )


KIND = Kind(needs=("spans",), main="mIoU", values=values, single=True, fit=fit)


def hull(predicted: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.floating]:
    """Overlap over the distance from the earliest start to the latest end; 0 where that is not positive.

    Equals the IoU of two spans that overlap up to the last bit, which thresholds can see. Reversed spans give 0.

    Args:
        predicted: `(n, 2)` start and end in seconds; the result has the same width.
        target: `(n, 2)`.
    """
    overlap = np.minimum(predicted[:, 1], target[:, 1]) - np.maximum(predicted[:, 0], target[:, 0])
    length = np.maximum(predicted[:, 1], target[:, 1]) - np.minimum(predicted[:, 0], target[:, 0])
    return share(overlap, length)


IOU: dict[str, Callable[[Floats, Floats], NDArray[np.floating]]] = {"span": metrics.iou, "hull": hull, "union": union}


def ious(protocol: Protocol, predicted: Sequence[Spans], targets: Sequence[Spans], duration_s: Sequence[float]) -> Floats:
    """IoU of the first span of each answer with the target it matches best; 0 for an answer without spans.

    Args:
        protocol: Its unit, rounding, clamping, IoU variant and width apply.
        predicted: Spans of n answers in seconds.
        targets: True spans of n queries in seconds, at least one each.
        duration_s: `(n,)`.

    Returns:
        `(n,)` values in [0, 1].
    """
    rules = protocol.score
    if not predicted:
        return np.zeros(0)
    left, right = adjusted(protocol, [spans[:1] for spans in predicted], targets, duration_s)
    table, starts = first_against(left, right)
    # Numbers beyond 32 bits become infinite and score 0.
    with np.errstate(over="ignore", invalid="ignore"):
        table = table.astype(np.float32 if rules.float_bits == 32 else np.float64)
        found = np.maximum.reduceat(IOU[rules.iou](table[:, :2], table[:, 2:]), starts).astype(np.float64)
    return found if rules.round_iou is None else np.array([round(value, rules.round_iou) for value in found.tolist()])


def first_against(predicted: Sequence[Spans], targets: Sequence[Spans]) -> tuple[Floats, NDArray[np.intp]]:
    """The first span of each answer, [0, 0] where there is none, beside each target of its query.

    Returns:
        `(k, 4)` start and end of the span and of the target, and `(n,)` rows at which the targets of each query start.
    """
    pairs = ((p[0] if p else _NOTHING) + t for p, spans in zip(predicted, targets, strict=True) for t in spans)
    table = np.fromiter(chain.from_iterable(pairs), dtype=np.float64).reshape(-1, 4)
    return table, np.cumsum([0, *(len(spans) for spans in targets[:-1])])


def hits(
    protocol: Protocol, found: Floats, predicted: Sequence[Spans], targets: Sequence[Spans], duration_s: Sequence[float]
) -> dict[float, Bools]:
    """Whether each answer reaches each threshold. `found` comes from `ious` on the same arguments.

    What is compared in decimals is looked at only where the IoU is near a threshold, farther than any rounding error of floats:
    targets of a millisecond or more would have to lie years into a video.
    """
    rules = protocol.score
    if rules.comparison == ">":
        return {threshold: found > threshold for threshold in rules.thresholds}
    reached = {threshold: found >= threshold for threshold in rules.thresholds}
    if rules.comparison == "exact":
        is_float = (rules.iou, rules.round_iou, rules.float_bits) == ("span", None, 64)
        distance = np.abs(found[:, None] - np.array(rules.thresholds))
        near = np.flatnonzero((distance < NEAR).any(axis=1)).tolist() if is_float else range(len(found))
        left, right = adjusted(
            protocol, [predicted[i][:1] for i in near], [targets[i] for i in near], [duration_s[i] for i in near]
        )
        for threshold, exact in metrics.top1([p[0] if p else None for p in left], right, rules.thresholds)[1].items():
            reached[threshold][near] = exact
    return reached


def adjusted(
    protocol: Protocol, predicted: Sequence[Spans], targets: Sequence[Spans], duration_s: Sequence[float]
) -> tuple[Sequence[Spans], Sequence[Spans]]:
    """Predicted and true spans after rounding, clamping and change of unit; the same objects where no rule applies."""
    rules = protocol.score
    if protocol.answer.unit == "percent":
        predicted = [
            [Span(*(round(100 * float(time) / d, HUNDREDTHS) / 100 for time in span)) for span in spans]
            for spans, d in zip(predicted, duration_s, strict=True)
        ]
        targets = _shares(targets, duration_s)
    if rules.round_prediction == "integer":
        predicted = [[Span(*(float(round(time)) for time in span)) for span in spans] for spans in predicted]
    if rules.clamp_targets:
        targets = [
            [Span(span.start_s, min(span.end_s, d)) for span in spans] for spans, d in zip(targets, duration_s, strict=True)
        ]
    if rules.relative:
        predicted, targets = _shares(predicted, duration_s), _shares(targets, duration_s)
    return predicted, targets


def _shares(side: Sequence[Spans], duration_s: Sequence[float]) -> list[Spans]:
    """Spans as fractions of the durations."""
    return [[Span(*(float(time) / d for time in span)) for span in spans] for spans, d in zip(side, duration_s, strict=True)]
