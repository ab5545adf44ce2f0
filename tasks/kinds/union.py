"""All spans of an answer as one region against all true spans as one region."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks import metrics
from tasks.answer import Answer
from tasks.kinds import Columns, Kind, moment
from tasks.kinds.moment import Spans, adjusted
from tasks.metrics import Floats
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.span import exact

Pair = tuple[Any, Any]
"""Start and end in seconds, as floats or as fractions."""


def values(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Columns:
    """`set-mIoU`, and `set-R1@t` at the thresholds of the protocol."""
    found = fit(samples, answers, protocol)
    reached = {t: found > t if protocol.score.comparison == ">" else found >= t for t in protocol.score.thresholds}
    if protocol.score.comparison == "exact":
        for threshold, hits in reached.items():
            for i in np.flatnonzero(np.abs(found - threshold) < moment.NEAR).tolist():
                sides = (answers[i].spans, samples[i].truth.spans)
                left, right = (merged([(exact(start), exact(end)) for start, end in spans]) for spans in sides)
                shared = overlap(left, right)
                hits[i] = shared >= exact(threshold) * (sum(end - start for start, end in (*left, *right)) - shared)
    return {"set-mIoU": found, **{f"set-R1@{t}": hits.astype(np.float64) for t, hits in reached.items()}}


def fit(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Floats:
    """IoU of the region of each answer with the true region."""
    spans, durations = [answer.spans for answer in answers], [sample.duration_s for sample in samples]
    left, right = adjusted(protocol, spans, [sample.truth.spans for sample in samples], durations)
    # One span against one needs no merging: the same arithmetic, for all of them at once.
    single = np.array([len(p) == len(t) == 1 for p, t in zip(left, right, strict=True)], dtype=np.bool_)
    found = np.zeros(len(left))
    for i in np.flatnonzero(~single).tolist():
        found[i] = merged_set(left[i], right[i]) if left[i] else 0.0
    pairs = [left[i][0] + right[i][0] for i in np.flatnonzero(single).tolist()]
    table = np.array(pairs, dtype=np.float64).reshape(-1, 4)
    flat = table[:, 1] - table[:, 0] + (table[:, 3] - table[:, 2]) == 0
    found[single] = np.where(flat, 1.0, np.minimum(metrics.union(table[:, :2], table[:, 2:]), 1.0))
    return found


KIND = Kind(needs=("spans",), main="set-mIoU", values=values, fit=fit)


def merged_set(predicted: Spans, target: Spans) -> float:
    """IoU of two sets of spans, overlapping ones merged first; two sets of no length give 1.

    Source: VideoChat-R1.5 src_eval/evaluate_chara.py, compute_iou (67d2d75). Reversed spans count with negative length there
    and here; a value outside [0, 1] that comes of it is cut off here only.
    """
    left, right = (merged([(float(start), float(end)) for start, end in spans]) for spans in (predicted, target))
    shared = overlap(left, right)
    length = sum(end - start for start, end in (*left, *right)) - shared
    return min(max(shared / length, 0.0), 1.0) if length else 1.0


def overlap(left: Sequence[Pair], right: Sequence[Pair]) -> Any:
    """Seconds that two lists of spans share; each list is in order of time."""
    shared: Any = 0
    i = j = 0
    while i < len(left) and j < len(right):
        shared += max(min(left[i][1], right[j][1]) - max(left[i][0], right[j][0]), 0)
        i, j = (i + 1, j) if left[i][1] < right[j][1] else (i, j + 1)
    return shared


def merged(spans: Sequence[Pair]) -> list[Pair]:
    """Spans in order of time; those that touch are one."""
    result: list[Pair] = []
    for start, end in sorted(spans, key=lambda span: span[0]):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result
