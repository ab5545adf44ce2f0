"""Every instance of a class of action: temporal action localization, asked class by class."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from tasks import matching
from tasks.answer import Answer
from tasks.kinds import Columns, Kind
from tasks.matching import Ints, Pairs
from tasks.metrics import Bools, Floats
from tasks.protocol import Protocol
from tasks.sample import Sample

RANGES = {"mAP@0.3:0.7": (0.3, 0.4, 0.5, 0.6, 0.7), "mAP@0.5:0.95": tuple(k / 100 for k in range(50, 100, 5))}
"""Thresholds of mAP that THUMOS and ActivityNet report."""
HEADINGS = {"matched-mF1": "mF1 one-to-one", "multi-mF1": "mF1 several"}
HEADINGS |= {name: f"{name} (class given)" for name in RANGES}


def values(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Columns:
    """`F1@t` at the thresholds of the protocol and their mean `mF1`; `multi-mF1` of samples with several instances.

    In these a span may hit several instances and an instance be hit by several spans: precision is the share of spans that hit
    one, recall that of instances. `matched-mF1` lets each span and instance be in one pair at most.

    Source: MUSEG src/eval_grounding.py (889565e) and E.T. Bench compute_metrics.py, tal_eval; both compute in float32.
    """
    pairs = _pairs(samples, answers, protocol, min(protocol.score.thresholds))
    m = np.array([len(answer.spans) for answer in answers], dtype=np.intp)
    n = np.array([len(sample.truth.spans) for sample in samples], dtype=np.intp)
    dtype = np.dtype(np.float32 if protocol.score.float_bits == 32 else np.float64)
    columns, matched = {}, []
    for threshold in protocol.score.thresholds:
        reached = pairs.reaching(float(dtype.type(threshold)))
        precision, recall = (
            _shares(np.bincount(hits, minlength=int(counts.sum())) > 0, counts)
            for hits, counts in ((reached.left, m), (reached.right, n))
        )
        columns[f"F1@{threshold}"] = _harmonic(precision, recall)
        made = matching.most_pairs(reached, (int(m.sum()), int(n.sum())))
        matched.append(_harmonic(*(_shares(made, m) * m / np.maximum(counts, 1) for counts in (m, n))))
    mean = np.mean(list(columns.values()), axis=0) if len(samples) else np.zeros(0)
    several = np.where(n > 1, mean, np.nan)
    one_to_one = np.mean(matched, axis=0) if len(samples) else np.zeros(0)
    return {"mF1": mean, **columns, "multi-mF1": several, "matched-mF1": one_to_one}


def corpus(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> dict[str, float]:
    """Mean over classes and thresholds of the interpolated average precision of all spans of a class.

    The question gives the class, so the numbers do not compare with those of detectors, which have to find it. Spans choose
    their instances by score, then in the order said; those of equal score form one step, but for the rule `stable`. A class
    without spans has 0.

    Source: ActivityNet Evaluation, eval_detection.py (82304fa).
    """
    m, n = ([len(spans) for spans in rows] for rows in ([a.spans for a in answers], [s.truth.spans for s in samples]))
    scores = np.array([score for a in answers for score in (a.scores or (1.0,) * len(a.spans))], dtype=np.float64)
    order = np.argsort(-scores, kind="stable")
    turn = np.empty(len(scores), dtype=np.intp)
    turn[order] = np.arange(len(scores))
    step = turn.astype(np.float64) if protocol.score.ties == "stable" else -scores
    pairs = _pairs(samples, answers, protocol, min(chain(*RANGES.values())))
    classes, index = np.unique(np.array([sample.query for sample in samples]), return_inverse=True)
    totals = np.bincount(np.repeat(index, n), minlength=len(classes)).tolist()
    label = np.repeat(index, m)[order]
    by_class = np.split(order[np.argsort(label, kind="stable")], np.cumsum(np.bincount(label, minlength=len(classes)))[:-1])
    found: dict[float, float] = {}
    for threshold in {*chain(*RANGES.values())}:
        reached = pairs.reaching(threshold)
        hit = matching.in_turn(reached, turn, (sum(m), sum(n)))
        average = [_average_precision(hit[c], step[c], total) for c, total in zip(by_class, totals, strict=True)]
        found[threshold] = float(np.mean(average)) if average else 0.0
    return {name: float(np.mean([found[t] for t in thresholds])) for name, thresholds in RANGES.items()}


def _pairs(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol, least: float) -> Pairs:
    dtype = np.float32 if protocol.score.float_bits == 32 else np.float64
    return matching.overlapping([a.spans for a in answers], [s.truth.spans for s in samples], least, dtype)


def _shares(hit: Bools, counts: Ints) -> Floats:
    """`(n,)` share of the spans of each row that hit; 0 where there are none."""
    rows = np.repeat(np.arange(len(counts)), counts)
    return np.bincount(rows, hit, minlength=len(counts)) / np.maximum(counts, 1)


def _harmonic(a: Floats, b: Floats) -> Floats:
    return np.where(a + b > 0, 2 * a * b / np.where(a + b > 0, a + b, 1), 0.0)


def _average_precision(hit: Bools, step: Floats, total: int) -> float:
    """Area under the precision, made monotone, over the recall at the end of each step; spans are in order."""
    ends = np.flatnonzero(np.diff(step, append=np.inf))
    true = np.cumsum(hit)[ends]
    precision = np.maximum.accumulate((true / (ends + 1))[::-1])[::-1]
    return float((np.diff(true, prepend=0) * precision).sum() / total) if total else 0.0


KIND = Kind(needs=("spans",), main="mF1", values=values, headings=HEADINGS, corpus=corpus)
