"""All moments of a long video that a query is true of, whole seconds against true ones: VUE-TR."""

import math
from collections.abc import Sequence

import numpy as np

from tasks.answer import Answer
from tasks.kinds import Columns, Kind
from tasks.kinds.union import merged, overlap
from tasks.metrics import Bools, Floats
from tasks.protocol import Protocol
from tasks.sample import Sample

LEVELS = np.linspace(0, 1, 101)
WIDTHS = np.array([0.005, *[0.01] * 99, 0.005])
"""Of the trapezoids between levels."""


def values(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Columns:
    """`IoU` (`AUC`), `precision` and `recall`: each the area under the share of queries that reach a level, 0 to 1 by 0.01.

    Predicted spans grow to whole seconds and are merged; true ones are not. A query without predicted seconds leaves the mean
    of precision, one without true seconds that of recall; a query with neither has an IoU and a precision of 1.

    Source: VUE_TR/qa_eval.py and VUE_TR_V2/qa_eval.py of bytedance/vidi (fc30c87).
    """
    del protocol
    columns = [_row(sample, answer) for sample, answer in zip(samples, answers, strict=True)]
    table = np.array(columns, dtype=np.float64).reshape(-1, 3)
    return {
        "AUC": _area(table[:, :1] > LEVELS),
        "precision": np.where(np.isnan(table[:, 1]), np.nan, _area(table[:, 1:2] >= LEVELS)),
        "recall": np.where(np.isnan(table[:, 2]), np.nan, _area(table[:, 2:] >= LEVELS)),
    }


def _row(sample: Sample, answer: Answer) -> tuple[float, float, float]:
    """IoU, precision and recall of one query; NaN where it does not count."""
    given = [(math.floor(start), math.ceil(end)) for start, end in answer.spans]
    true = [(float(start), float(end)) for start, end in sample.truth.spans]
    if not given or not true:
        alike = float(not given and not true)
        return alike, alike if not true else math.nan, 0.0 if true else math.nan
    region = [(start, end) for start, end in merged(given) if start <= end]
    shared, length = overlap(region, true), _length(region) + _length(true)
    turned = [(min(span), max(span)) for span in given]
    covered, m, n = overlap(true, turned), _length(turned), _length(true)
    return shared / (length - shared) if length > shared else 0.0, covered / m if m else math.nan, covered / n if n else math.nan


def _length(spans: Sequence[tuple[float, float]]) -> float:
    return sum(end - start for start, end in spans)


def _area(reached: Bools) -> Floats:
    return np.asarray(reached @ WIDTHS)


KIND = Kind(needs=("spans",), main="AUC", values=values)
