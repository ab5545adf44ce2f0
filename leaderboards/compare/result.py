"""Runs against the first of them, mode by mode: every figure of `harness compare`, as JSON values. Pure."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from leaderboards.compare.errors import THRESHOLD, diagnose
from leaderboards.compare.paired import SAME, Comparison, holm, over_seeds
from leaderboards.compare.strata import strata
from leaderboards.compare.values import CURVE, Values
from tasks.metrics import Floats
from tasks.sample import Sample
from tasks.statistics import RESAMPLES

SCHEMA = "vtg-harness/compare/1"
MOVERS = 5
"""Queries listed in each direction."""


class System(NamedTuple):
    """What is compared: one run, or runs of one recipe with different seeds.

    Attributes:
        name: As tables call it.
        runs: Values of each run on the same queries, with the same metrics.
    """

    name: str
    runs: tuple[Values, ...]

    @property
    def table(self) -> Floats:
        """`(n, m)` values, mean over the runs; NaN where a query does not count in one of them."""
        return np.asarray(np.mean([run.table for run in self.runs], axis=0))


def compare(samples: Sequence[Sample], systems: Sequence[System], resamples: int = RESAMPLES) -> dict[str, Any]:
    """Every later system against the first.

    Args:
        samples: The n queries all runs share.
        systems: At least one; their metrics that all have are compared.
        resamples: Number of bootstrap samples.
    """
    first, *others = systems
    metrics = [m for m in first.runs[0].metrics if all(m in run.metrics for system in systems for run in system.runs)]
    found = [_compared(samples, first, other, metrics, resamples) for other in others]
    for metric in metrics:
        corrected = holm(np.array([_nan(pair["metrics"][metric]["p"]) for pair in found], dtype=np.float64))
        for pair, p in zip(found, corrected.tolist(), strict=True):
            pair["metrics"][metric]["p_holm"] = _number(p)
    return {"systems": [_described(samples, system) for system in systems], "comparisons": found}


def _described(samples: Sequence[Sample], system: System) -> dict[str, Any]:
    """Means of a system on its own, its failures, and its errors by type; averages over its runs."""
    means = np.array([_means(run.table) for run in system.runs])
    spread = means.std(axis=0, ddof=1) if len(means) > 1 else np.full(means.shape[1], np.nan)
    at = CURVE.index(THRESHOLD)
    errors = [diagnose(samples, run.table[:, 0] / 100, run.curve[:, at] > 0, run.spans, run.failures) for run in system.runs]
    failures = Counter(failure for run in system.runs for failure in run.failures if failure is not None)
    return {
        "name": system.name,
        "runs": len(system.runs),
        "means": {m: _number(v) for m, v in zip(system.runs[0].metrics, means.mean(axis=0).tolist(), strict=True)},
        "sd_over_runs": {m: _number(v) for m, v in zip(system.runs[0].metrics, spread.tolist(), strict=True)},
        "truncated": float(np.mean([sum(run.cut_off) for run in system.runs])),
        "failures": {name: count / len(system.runs) for name, count in sorted(failures.items())},
        "errors": {
            name: {
                "n": float(np.mean([e.count[name] for e in errors])),
                "mIoU": float(np.mean([e.miou[name] for e in errors])),
                f"R1@{THRESHOLD}": float(np.mean([e.r1[name] for e in errors])),
            }
            for name in errors[0].count
        },
        "clocks": [{"reads": error.clock, "mIoU": error.clock_gain} for error in errors if error.clock is not None],
    }


def _compared(samples: Sequence[Sample], a: System, b: System, metrics: Sequence[str], resamples: int) -> dict[str, Any]:
    videos = [sample.video for sample in samples]
    parts = strata(samples)
    tables = [_columns(system, metrics) for system in (a, b)]
    masked = [
        [np.concatenate([run, *(np.where(part.members, run[:, 0], np.nan)[:, None] for part in parts)], axis=1) for run in runs]
        for runs in tables
    ]
    figures = _figures(over_seeds(masked[0], masked[1], videos, resamples))
    curves = [np.mean([_means(_counted(run)) for run in system.runs], axis=0) for system in (a, b)]
    return {
        "a": a.name,
        "b": b.name,
        "metrics": dict(zip(metrics, figures, strict=False)),
        "breakdown": [
            {"feature": part.feature, "range": part.label, **figure}
            for part, figure in zip(parts, figures[len(metrics) :], strict=True)
        ],
        "curve": [
            {"IoU": threshold, "a": left, "b": right}
            for threshold, left, right in zip(CURVE, *(curve.tolist() for curve in curves), strict=True)
        ],
        "failure_changes": _changes(a, b),
        "movers": _movers(samples, a, b),
    }


def _columns(system: System, metrics: Sequence[str]) -> list[Floats]:
    return [run.table[:, [run.metrics.index(metric) for metric in metrics]] for run in system.runs]


def _counted(run: Values) -> Floats:
    return np.where(np.isnan(run.table[:, :1]), np.nan, run.curve)


def _means(table: Floats) -> Floats:
    """`(m,)` means over the queries that count, NaN where none does."""
    counted = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(counted, table, 0.0).sum(axis=0) / counted.sum(axis=0))


def _figures(found: Comparison) -> list[dict[str, Any]]:
    """One object a column, in percent and points."""
    keys = ("n", "videos", "a", "b", "difference", "error", "p", "detectable", "better", "same", "worse")
    return [
        {key: _number(getattr(found, key)[i].item()) for key in keys}
        | {"interval_95": [_number(bound) for bound in found.interval[i].tolist()]}
        for i in range(len(found.n))
    ]


def _changes(a: System, b: System) -> list[dict[str, Any]]:
    """How many queries went from one failure (or none) to another; only between single runs."""
    if len(a.runs) > 1 or len(b.runs) > 1:
        return []
    pairs = Counter(zip(a.runs[0].failures, b.runs[0].failures, strict=True))
    changed = [(before, after, count) for (before, after), count in pairs.items() if before != after]
    return [
        {"a": before, "b": after, "n": count}
        for before, after, count in sorted(changed, key=lambda c: (-c[2], str(c[0]), str(c[1])))
    ]


def _movers(samples: Sequence[Sample], a: System, b: System) -> list[dict[str, Any]]:
    """The queries whose IoU rose most, then those whose IoU fell most: mean IoU over the runs, and the answer of the first."""
    left, right = a.table[:, 0], b.table[:, 0]
    change = np.nan_to_num(right - left)
    order = sorted(range(len(samples)), key=lambda i: (-change[i], samples[i].id))
    chosen = [i for i in order[:MOVERS] if change[i] > SAME] + [i for i in order[::-1][:MOVERS] if change[i] < -SAME]
    return [
        {
            "id": samples[i].id,
            "query": samples[i].query,
            "targets": [[float(time) for time in target] for target in samples[i].truth.spans],
            "a": _answer(a, i, left[i]),
            "b": _answer(b, i, right[i]),
        }
        for i in chosen
    ]


def _answer(system: System, i: int, iou: float) -> dict[str, Any]:
    span = system.runs[0].spans[i].tolist()
    return {"IoU": float(iou) / 100, "span": None if math.isnan(span[0]) else span, "failure": system.runs[0].failures[i]}


def _number(value: float) -> float | None:
    """JSON has neither NaN nor infinity: what cannot be told is null."""
    return value if math.isfinite(value) else None


def _nan(value: float | None) -> float:
    return math.nan if value is None else value
