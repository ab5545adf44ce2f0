"""Moment-retrieval metrics: pure functions over arrays of spans."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.span import Span, exact, exact_iou

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_NOTHING = Span(0.0, 0.0)


def iou(predicted: Floats, target: Floats) -> Floats:
    """Temporal intersection over union of spans, pair by pair; 0 where either span is empty or reversed.

    Args:
        predicted: `(n, 2)` start and end in seconds.
        target: `(n, 2)` start and end in seconds.

    Returns:
        `(n,)` values in [0, 1].

    >>> iou(np.array([[0.0, 10.0]]), np.array([[5.0, 15.0]]))
    array([0.33333333])
    """
    lengths = (predicted[:, 1] - predicted[:, 0], target[:, 1] - target[:, 0])
    overlap = np.minimum(predicted[:, 1], target[:, 1]) - np.maximum(predicted[:, 0], target[:, 0])
    valid = (lengths[0] > 0) & (lengths[1] > 0) & (overlap > 0)
    union = np.where(valid, lengths[0] + lengths[1] - overlap, 1.0)
    return np.where(valid, overlap / union, 0.0)


def union(predicted: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.floating]:
    """Overlap over summed lengths minus overlap; 0 where that is not positive. Arguments as for `iou`, of any width.

    Source: nncore.ops.temporal_iou 0.4.7, which MUSEG and E.T. Bench call in float32.
    """
    overlap = np.maximum(np.minimum(predicted[:, 1], target[:, 1]) - np.maximum(predicted[:, 0], target[:, 0]), 0)
    return share(overlap, predicted[:, 1] - predicted[:, 0] + (target[:, 1] - target[:, 0]) - overlap)


def share(overlap: NDArray[np.floating], length: NDArray[np.floating]) -> NDArray[np.floating]:
    """Overlap over a length; 0 where either is not positive, or the length not finite."""
    valid = (length > 0) & (overlap > 0) & np.isfinite(length)
    return np.where(valid, overlap / np.where(valid, length, 1), 0).astype(overlap.dtype)


def reaches(value: Floats, threshold: float, predicted: Sequence[Span], target: Sequence[Span]) -> NDArray[np.bool_]:
    """Whether IoU >= threshold in exact decimal arithmetic, given the IoU in floating point.

    Floating point decides wherever its rounding error cannot matter; the rest is compared as fractions of the decimals
    that the times were written as, so that a true 0.5 counts as 0.5.

    Args:
        value: `(n,)` from `iou` on the same spans.
        threshold: A decimal such as 0.7.
        predicted: n spans.
        target: n spans.
    """
    result = value >= threshold
    times = np.array([(*p, *t) for p, t in zip(predicted, target, strict=True)], dtype=np.float64)
    length = np.maximum(times[:, 1] - times[:, 0], 0) + np.maximum(times[:, 3] - times[:, 2], 0)
    # Six roundings of at most eps times the largest time, over a union of at least half the summed lengths, twice to be safe.
    with np.errstate(over="ignore"):
        error = 24 * np.finfo(np.float64).eps * (1 + np.abs(times).max(axis=1) / np.maximum(length, np.finfo(np.float64).tiny))
    for i in np.flatnonzero(np.abs(value - threshold) <= error).tolist():
        result[i] = exact_iou(predicted[i], target[i]) >= exact(threshold)
    return result


def top1(
    predicted: Sequence[Span | None], targets: Sequence[Sequence[Span]], thresholds: Sequence[float]
) -> tuple[Floats, dict[float, NDArray[np.bool_]]]:
    """First predicted span of each query against its best-matching target.

    Args:
        predicted: One span a query, None where there is no prediction.
        targets: All ground-truth spans of each query, at least one.
        thresholds: IoU thresholds of R1.

    Returns:
        `(n,)` IoU with the best target, and `(n,)` hits by threshold.
    """
    if not predicted:
        return np.zeros(0), {threshold: np.zeros(0, dtype=np.bool_) for threshold in thresholds}
    pairs = [(p or _NOTHING, t) for p, spans in zip(predicted, targets, strict=True) for t in spans]
    left, right = [p for p, _ in pairs], [t for _, t in pairs]
    starts = np.cumsum([0, *(len(spans) for spans in targets[:-1])])
    values = iou(np.array(left, dtype=np.float64), np.array(right, dtype=np.float64))
    hits = {t: np.logical_or.reduceat(reaches(values, t, left, right), starts) for t in thresholds}
    return np.maximum.reduceat(values, starts), hits
