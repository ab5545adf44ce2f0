"""Which seconds of a video are named: extractive summaries of E.T. Bench."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from tasks.answer import Answer
from tasks.kinds import Columns, Kind
from tasks.metrics import Bools
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.span import Span

LENGTH_S = 1000
"""Seconds of the map; what comes later is lost, as in the original."""


def values(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Columns:
    """`F1` of the seconds that an answer names against the true ones, on a map of 1,000 whole seconds.

    Source: ETBench evaluation/compute_metrics.py, evs_eval (445f620).
    """
    del protocol
    pairs = zip(samples, answers, strict=True)
    return {"F1": np.array([_f1(_map(a.spans), _map(s.truth.spans)) for s, a in pairs], dtype=np.float64)}


def _map(spans: Iterable[Span]) -> Bools:
    named = np.zeros(LENGTH_S, dtype=np.bool_)
    for start, end in spans:
        named[max(0, math.floor(min(start, LENGTH_S))) : max(0, math.ceil(min(end, LENGTH_S)))] = True
    return named


def _f1(said: Bools, true: Bools) -> float:
    total = int(said.sum()) + int(true.sum())
    return 2 * int((said & true).sum()) / total if total else 0.0


KIND = Kind(needs=("spans",), main="F1", values=values)
