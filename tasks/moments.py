"""Moment retrieval with scored windows: average precision and R1 by IoU threshold and by length of the target.

Source: `standalone_eval` of moment_detr (github.com/jayleicn/moment_detr at b7e553a), the evaluator of QVHighlights (Lei et al.,
arXiv 2107.09609). Its rules are kept, with two differences: a query without windows scores 0 and stays in the mean (there it
leaves the mAP and breaks R1), and windows that are empty, reversed or infinite have an IoU of 0 (there it may be 0 / 0).
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import NamedTuple

import numpy as np

from tasks.answer import Answer
from tasks.metrics import Bools, Floats, iou
from tasks.span import Span, exact, exact_iou

Window = tuple[float | Decimal, float | Decimal, float]

THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
MAX_WINDOWS = 10
DIGITS = 12
# Seconds, (over, up to]; they select targets, never predictions.
LENGTHS = {"short": (0.0, 10.0), "middle": (10.0, 30.0), "long": (30.0, 150.0), "full": (-math.inf, math.inf)}


class MomentScores(NamedTuple):
    """Values of each query against its targets of one range of lengths; a column stands for a threshold of `THRESHOLDS`.

    Attributes:
        counted: `(n,)` whether the query has a target of this range; only these belong in a mean.
        ap: `(n, t)` average precision.
        hit: `(n, t)` whether the first window reaches the threshold with any target (R1).
        iou: `(n,)` IoU of the first window with its best target.
    """

    counted: Bools
    ap: Floats
    hit: Bools
    iou: Floats


def windows(prediction: Answer) -> list[Window]:
    """Spans of a prediction with their scores, in the order of the reply; without scores, every span has 1."""
    scores = prediction.scores or (1.0,) * len(prediction.spans)
    return [(*span, score) for span, score in zip(prediction.spans, scores, strict=True)]


def moment_retrieval(
    predictions: Sequence[Sequence[Window]], targets: Sequence[Sequence[Span]], comparison: str = "exact"
) -> dict[str, MomentScores]:
    """Score the windows of every query, for each range of `LENGTHS`.

    R1 takes the first window in file order. AP takes the first ten in file order, sorts them by score (ties keep their order)
    and gives each the unmatched target of highest IoU, if that reaches the threshold (`>=`).

    Args:
        predictions: For each of n queries its windows (start s, end s, score), in file order; none is a miss.
        targets: All ground-truth spans of each query, at least one.
        comparison: `exact` compares IoU and threshold as the decimals that were written; `float` in the original's arithmetic.

    Raises:
        ValueError: A query has no target, the lists differ in length, or there is no such comparison.

    >>> scores = moment_retrieval([[(0, 9, 0.5), (20, 40, 0.9)]], [[Span(0, 10), Span(20, 40)]])
    >>> float(scores["full"].ap[0, 0]), float(scores["short"].ap[0, 0]), float(scores["full"].iou[0])
    (1.0, 0.5, 0.9)
    """
    if comparison not in ("exact", "float"):
        raise ValueError(f"expected a comparison `exact` or `float`, found {comparison!r}")
    if len(predictions) != len(targets) or not all(targets):
        raise ValueError(f"expected targets for each of {len(predictions)} predictions, found {sum(map(bool, targets))}")
    kept = [row[:MAX_WINDOWS] for row in predictions]
    window, given = padded(kept, 3)
    target, present = padded(targets, 2)
    with np.errstate(over="ignore"):
        overlap, first = _overlaps(window[..., :2], target)
    if comparison == "exact":
        # Equal fractions become equal floats, so that of targets with the same IoU the last is taken.
        overlap = overlap.round(DIGITS)
        _settle(overlap, kept, targets)
        first = overlap[:, 0]
    order = np.argsort(np.where(given, -window[..., 2], np.inf), axis=1, kind="stable")
    ranked = np.take_along_axis(overlap, order[..., None], axis=1)
    length = target[..., 1] - target[..., 0]
    return {
        name: _score(ranked, overlap[:, 0], first, present & (over < length) & (length <= up_to))
        for name, (over, up_to) in LENGTHS.items()
    }


def _score(ranked: Floats, choice: Floats, first: Floats, relevant: Bools) -> MomentScores:
    """Scores of one range: `(n, p, g)` IoU by rank, `(n, g)` of the first window to choose and to compare, `(n, g)` targets."""
    counted = np.asarray(relevant.any(axis=1))
    ap = np.zeros((len(ranked), len(THRESHOLDS)))
    ap[counted] = _average_precision(ranked[counted], relevant[counted])
    best = np.where(relevant, choice, -1.0).argmax(axis=1, keepdims=True)
    value = np.where(counted, np.take_along_axis(first, best, axis=1)[:, 0], 0.0)
    return MomentScores(counted, ap, value[:, None] >= np.array(THRESHOLDS), value)


def _average_precision(overlap: Floats, relevant: Bools) -> Floats:
    """`(n, t)` interpolated AP from `(n, p, g)` IoU by rank and `(n, g)` targets, at least one a query."""
    queries, ranks, _ = overlap.shape
    thresholds = np.array(THRESHOLDS)[:, None]
    free = np.repeat(relevant[:, None, :], len(THRESHOLDS), axis=1)
    hit = np.zeros((queries, ranks, len(THRESHOLDS)))
    for rank in range(ranks):
        value = overlap[:, rank, None, :]
        # Reversed, so that of equal targets the last is taken, as the original does.
        open_to = np.where(free & (value >= thresholds), value, -1.0)[..., ::-1]
        query, threshold = np.nonzero(open_to.max(axis=2) >= 0)
        taken = free.shape[2] - 1 - open_to[query, threshold].argmax(axis=1)
        free[query, threshold, taken] = False
        hit[query, rank, threshold] = 1
    found = hit.cumsum(axis=1)
    precision = found / np.arange(1, ranks + 1)[:, None]
    interpolated = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = found / relevant.sum(axis=1)[:, None, None]
    gained = np.diff(recall, axis=1, prepend=0.0)
    return np.asarray((gained * interpolated).sum(axis=1))


def padded(rows: Sequence[Sequence[Sequence[float | Decimal]]], width: int) -> tuple[Floats, Bools]:
    """`(n, longest, width)` with zeros where a row is shorter, and `(n, longest)` where it is not."""
    lengths = np.array([len(row) for row in rows], dtype=np.intp)
    present = np.arange(max(1, lengths.max(initial=0))) < lengths[:, None]
    padded = np.zeros((*present.shape, width))
    flat = np.array(list(chain.from_iterable(rows)), dtype=np.float64)
    padded[present] = flat.reshape(-1, width)
    return padded, present


def _overlaps(window: Floats, target: Floats) -> tuple[Floats, Floats]:
    """`(n, p, g)` IoU of every pair and, for the first window, `(n, g)` over the hull, whose rounding is the original's in R1."""
    shape = (*window.shape[:2], target.shape[1])
    # A number too long for a float is infinite, and its window a miss.
    window = np.where(np.isfinite(window).all(axis=2, keepdims=True), window, 0.0)
    left = np.broadcast_to(window[:, :, None], (*shape, 2)).reshape(-1, 2)
    right = np.broadcast_to(target[:, None], (*shape, 2)).reshape(-1, 2)
    overlap = iou(left, right).reshape(shape)
    both = np.stack([np.broadcast_to(window[:, :1], target.shape), target])
    shared = both[..., 1].min(axis=0) - both[..., 0].max(axis=0)
    hull = both[..., 1].max(axis=0) - both[..., 0].min(axis=0)
    return overlap, np.divide(shared, hull, out=np.zeros_like(hull), where=overlap[:, 0] > 0)


def _settle(overlap: Floats, predictions: Sequence[Sequence[Window]], targets: Sequence[Sequence[Span]]) -> None:
    """Move each IoU that rounding may have put on the wrong side of a threshold to the right side, in place."""
    for threshold in THRESHOLDS:
        # Wider than any rounding error: windows this near a target of a millisecond or more lie within the same day.
        for i, p, g in np.argwhere(np.abs(overlap - threshold) < 1e-6).tolist():
            start, end, _ = predictions[i][p]
            reached = exact_iou(Span(start, end), targets[i][g]) >= exact(threshold)
            value = overlap[i, p, g]
            overlap[i, p, g] = max(value, threshold) if reached else min(value, np.nextafter(threshold, 0))


def means(scores: Mapping[str, MomentScores]) -> dict[str, float]:
    """Percentages by name, such as `MR-full-mAP`, `MR-full-mAP@0.5`, `MR-full-R1@0.7`, `MR-full-mIoU`; NaN over no query.

    Means are exactly rounded sums, so that the order of the queries plays no part.
    """
    result = {}
    for name, values in scores.items():
        ap = [percent(column) for column in values.ap[values.counted].T]
        hit = [percent(column) for column in values.hit[values.counted].T]
        result[f"MR-{name}-mAP"] = math.fsum(ap) / len(ap)
        result |= {f"MR-{name}-mAP@{t}": value for t, value in zip(THRESHOLDS, ap, strict=True)}
        result |= {f"MR-{name}-R1@{t}": value for t, value in zip(THRESHOLDS, hit, strict=True)}
        result[f"MR-{name}-mIoU"] = percent(values.iou[values.counted])
    return result


def percent(values: Floats | Bools) -> float:
    """The mean in percent, by an exactly rounded sum; NaN over nothing."""
    return 100 * (math.fsum(values.tolist()) / len(values)) if len(values) else math.nan
