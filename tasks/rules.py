"""The rules by which evaluators differ once spans are read: rounding, clamping, IoU, width, comparison. Pure functions."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks import metrics
from tasks.answer import Answer
from tasks.highlights import CLIP_S, centre, flat
from tasks.metrics import Floats
from tasks.protocol import Protocol, ScoreRules
from tasks.sample import Sample
from tasks.span import Span

Bools = NDArray[np.bool_]
Spans = Sequence[Span]
_NOTHING = Span(0.0, 0.0)


def hull(predicted: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.floating]:
    """Overlap over the distance from the earliest start to the latest end; 0 where that is not positive.

    Equals the IoU of two spans that overlap up to the last bit, which thresholds can see. Reversed spans give 0.

    Args:
        predicted: `(n, 2)` start and end in seconds; the result has the same width.
        target: `(n, 2)`.
    """
    overlap = np.minimum(predicted[:, 1], target[:, 1]) - np.maximum(predicted[:, 0], target[:, 0])
    length = np.maximum(predicted[:, 1], target[:, 1]) - np.minimum(predicted[:, 0], target[:, 0])
    return _share(overlap, length)


def union(predicted: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.floating]:
    """Overlap over summed lengths minus overlap; 0 where that is not positive. Arguments as for `hull`.

    Source: nncore.ops.temporal_iou 0.4.7, which MUSEG and E.T. Bench call in float32.
    """
    overlap = np.maximum(np.minimum(predicted[:, 1], target[:, 1]) - np.maximum(predicted[:, 0], target[:, 0]), 0)
    return _share(overlap, predicted[:, 1] - predicted[:, 0] + (target[:, 1] - target[:, 0]) - overlap)


def merged_set(predicted: Spans, target: Spans) -> float:
    """IoU of two sets of spans, overlapping ones merged first; two sets of no length give 1.

    Source: VideoChat-R1.5 src_eval/evaluate_chara.py, compute_iou (67d2d75). Reversed spans count with negative length there
    and here; a value outside [0, 1] that comes of it is cut off here only.
    """
    left, right = _merged(predicted), _merged(target)
    overlap, i, j = 0.0, 0, 0
    while i < len(left) and j < len(right):
        overlap += max(min(left[i][1], right[j][1]) - max(left[i][0], right[j][0]), 0.0)
        i, j = (i + 1, j) if left[i][1] < right[j][1] else (i, j + 1)
    length = sum(end - start for start, end in left) + sum(end - start for start, end in right) - overlap
    return min(max(overlap / length, 0.0), 1.0) if length else 1.0


CLIPS: dict[str, Callable[[float], int]] = {
    "t/2": lambda time: int(time / 2),
    "(t-1)/2": lambda time: int((time - 1) / 2),
    "t/2-1": lambda time: int(time / 2) - 1,
}
IOU: dict[str, Callable[[Floats, Floats], NDArray[np.floating]]] = {"span": metrics.iou, "hull": hull, "union": union}


def ious(protocol: Protocol, predicted: Sequence[Spans], targets: Sequence[Spans], duration_s: Sequence[float]) -> Floats:
    """IoU of each answer with the target it matches best; 0 for an answer without spans.

    Args:
        protocol: Its unit, rounding, clamping, IoU variant and width apply.
        predicted: Spans of n answers in the unit of the protocol; all count for `merged-set`, the first otherwise.
        targets: True spans of n queries in seconds, at least one each.
        duration_s: `(n,)`.

    Returns:
        `(n,)` values in [0, 1].
    """
    rules = protocol.score
    if not predicted:
        return np.zeros(0)
    left, right = adjusted(protocol, predicted, targets, duration_s)
    if rules.iou == "merged-set":
        values = np.array([merged_set(p, t) if p else 0.0 for p, t in zip(left, right, strict=True)])
    else:
        pairs = [(*(p[0] if p else _NOTHING), *t) for p, spans in zip(left, right, strict=True) for t in spans]
        table = np.array(pairs, dtype=np.float64)
        # Numbers beyond 32 bits become infinite and score 0.
        with np.errstate(over="ignore", invalid="ignore"):
            table = table.astype(np.float32 if rules.float_bits == 32 else np.float64)
            values = np.maximum.reduceat(IOU[rules.iou](table[:, :2], table[:, 2:]), _starts(right)).astype(np.float64)
    if rules.round_iou is not None:
        values = np.array([round(value, rules.round_iou) for value in values.tolist()])
    return values


def hits(
    protocol: Protocol, values: Floats, predicted: Sequence[Spans], targets: Sequence[Spans], duration_s: Sequence[float]
) -> dict[float, Bools]:
    """Whether each answer reaches each threshold. `values` come from `ious` on the same arguments."""
    rules = protocol.score
    if rules.comparison == "exact":
        left, right = adjusted(protocol, predicted, targets, duration_s)
        return metrics.top1([p[0] if p else None for p in left], right, rules.thresholds)[1]
    if rules.comparison == ">":
        return {threshold: values > threshold for threshold in rules.thresholds}
    return {threshold: values >= threshold for threshold in rules.thresholds}


def adjusted(
    protocol: Protocol, predicted: Sequence[Spans], targets: Sequence[Spans], duration_s: Sequence[float]
) -> tuple[Sequence[Spans], Sequence[Spans]]:
    """Predicted and true spans after rounding, clamping and change of unit; the same objects where no rule applies."""
    if protocol.answer.unit == "percent":
        predicted = [[Span(*(float(time) / 100 for time in span)) for span in spans] for spans in predicted]
        targets = [
            [Span(*(float(time) / d for time in span)) for span in spans] for spans, d in zip(targets, duration_s, strict=True)
        ]
    if protocol.score.round_prediction == "integer":
        predicted = [[Span(*(float(round(time)) for time in span)) for span in spans] for spans in predicted]
    if protocol.score.clamp_targets:
        targets = [
            [Span(span.start_s, min(span.end_s, d)) for span in spans] for spans, d in zip(targets, duration_s, strict=True)
        ]
    return predicted, targets


def saliency(protocol: Protocol, prediction: Answer, duration_s: float) -> list[float]:
    """Scores of the whole clips of 2 s of a video; all 0 where nothing was read.

    Several times in one clip are averaged; times behind the end mark nothing, and early ones that a rule puts before the
    first clip mark the first.

    Args:
        protocol: Its `saliency` rule applies, to spans or to pairs of time and score.
        prediction: Its `clips` are returned as they are, if it has any.
        duration_s: Length of the video.

    Source: TimeChat utils/format_vhd.py, format_vhd_output; TRACE trace/eval/reformat_vhd.py.
    """
    if prediction.clips is not None:
        return [score for (score,) in prediction.clips]
    clips, rule = int(duration_s / CLIP_S), protocol.score.saliency
    if rule == "none":
        return [0.0] * clips
    if rule in ("flat", "centre"):
        return (flat if rule == "flat" else centre)(prediction.spans, clips)
    given: list[list[float]] = [[] for _ in range(clips)]
    for time, score in prediction.marks:
        if 0 <= (clip := max(0, CLIPS[rule](time)) if time <= duration_s else clips) < clips:
            given[clip].append(score)
    return [sum(scores) / len(scores) if scores else 0.0 for scores in given]


def counted(samples: Sequence[Sample], failed: Sequence[bool], missing: Sequence[bool], score: ScoreRules) -> Bools:
    """Which samples stay in the denominator.

    Args:
        samples: The split, in its order.
        failed: `(n,)` the reply holds no span.
        missing: `(n,)` there is no reply.
        score: Its failure, error and duplicate rules apply.
    """
    dropped = np.zeros(len(samples), dtype=np.bool_)
    if score.failure == "drop":
        dropped |= np.array(failed, dtype=np.bool_)
    if score.error == "drop":
        dropped |= np.array(missing, dtype=np.bool_)
    if score.duplicates == "last":
        last = {(s.video, s.clip, s.query, s.truth.spans): i for i, s in enumerate(samples)}
        dropped |= ~np.isin(np.arange(len(samples)), list(last.values()))
    return ~dropped


def _share(overlap: NDArray[np.floating], length: NDArray[np.floating]) -> NDArray[np.floating]:
    valid = (length > 0) & (overlap > 0) & np.isfinite(length)
    return np.where(valid, overlap / np.where(valid, length, 1), 0).astype(overlap.dtype)


def _merged(spans: Spans) -> list[list[float]]:
    result: list[list[float]] = []
    for start, end in sorted([[float(span.start_s), float(span.end_s)] for span in spans], key=lambda span: span[0]):
        if result and start <= result[-1][1]:
            result[-1][1] = max(result[-1][1], end)
        else:
            result.append([start, end])
    return result


def _starts(groups: Sequence[Spans]) -> NDArray[np.int64]:
    return np.cumsum([0, *(len(spans) for spans in groups[:-1])])
