"""One point in time that has to lie in any true span: highlight detection of E.T. Bench."""

from collections.abc import Sequence

import numpy as np

from tasks.answer import Answer
from tasks.kinds import Columns, Kind
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.span import Span


def values(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Columns:
    """`Hit`: whether the middle of the first span lies inside a true span, ends included.

    Source: ETBench evaluation/compute_metrics.py, vhd_eval (445f620), which calls the share of hits F1.
    """
    del protocol
    pairs = zip(samples, answers, strict=True)
    hits = [any(_inside(answer, span) for span in sample.truth.spans) for sample, answer in pairs]
    return {"Hit": np.array(hits, dtype=np.float64)}


def _inside(answer: Answer, window: Span) -> bool:
    return any(window.start_s <= (float(start) + float(end)) / 2 <= window.end_s for start, end in answer.spans[:1])


KIND = Kind(needs=("spans",), main="Hit", values=values)
