"""Runs against the first of them, mode by mode: every figure of `harness compare`, as JSON values. Pure."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from harness.scores import seconds
from harness.scoring import Scored
from leaderboards.compare.errors import CURVE, curve
from leaderboards.compare.paired import SAME, Comparison, holm, means_of, over_seeds, spread
from leaderboards.compare.repairs import repairs
from leaderboards.compare.strata import strata
from leaderboards.compare.verdict import called, verdict
from tasks.metrics import Floats
from tasks.sample import Sample
from tasks.statistics import RESAMPLES

SCHEMA = "vtg-harness/compare/1"
MOVERS = 5
"""Queries listed in each direction."""


class System(NamedTuple):
    """What is compared: one run, or runs of one recipe with different seeds, on the same queries and under one protocol."""

    name: str
    runs: tuple[Scored, ...]

    @property
    def main(self) -> Floats:
        """`(n,)` percentages of the main metric, mean over the runs; NaN where a query does not count in one of them."""
        return np.asarray(np.mean([100 * run.columns[run.main] for run in self.runs], axis=0))


def compare(samples: Sequence[Sample], systems: Sequence[System], resamples: int = RESAMPLES) -> dict[str, Any]:
    """Every later system against the first, by the metrics that all have; samples are the queries all runs share."""
    first, *others = systems
    metrics = [m for m in first.runs[0].columns if all(m in run.columns for system in systems for run in system.runs)]
    found = [_compared(samples, first, other, metrics, resamples) for other in others]
    for metric in metrics:
        corrected = holm(np.array([pair["metrics"][metric]["p"] for pair in found], dtype=np.float64))
        for pair, p in zip(found, corrected.tolist(), strict=True):
            pair["metrics"][metric]["p_holm"] = _number(p)
    for other, pair, name in zip(others, found, (names := called([one.name for one in systems]))[1:], strict=True):
        pair["verdict"] = _verdict(first, other, pair["metrics"], (name, names[0]), len(others) > 1)
    named = {"main": first.runs[0].main, "value": value_name(first.runs[0])}
    return {**named, "systems": [_described(system) for system in systems], "comparisons": found}


def _verdict(first: System, other: System, metrics: Mapping[str, Any], names: tuple[str, str], corrected: bool) -> str | None:
    """What is said of the later system; None where the two do not share the main metric."""
    main, pair = first.runs[0].main, (other, first)
    if main not in metrics:
        return None
    heading, runs = first.runs[0].headings.get(main, main), [len(one.runs) for one in pair]
    return verdict(*names, heading, metrics[main], runs, greatest_sd(metrics[main]), corrected)


def greatest_sd(figures: Mapping[str, Any]) -> float | None:
    """The greater standard deviation over the runs of one system; None where each is one run."""
    return max((sd for sd in (figures["a_sd"], figures["b_sd"]) if sd is not None), default=None)


def main_difference(samples: Sequence[Sample], a: System, b: System, resamples: int = RESAMPLES) -> dict[str, Any]:
    """The second system minus the first by the main metric alone, in points, as `compare` says it of each metric."""
    metric = [a.runs[0].main]
    videos, weights = [sample.video for sample in samples], _weights(a.runs[0], metric)
    (found,) = figures(over_seeds(_tables(a, metric), _tables(b, metric), videos, resamples, weights=weights))
    return found


def value_name(scored: Scored) -> str:
    """What the main metric of one sample is called: of one moment the IoU itself, and of several events their mean."""
    name = scored.headings.get(scored.main, scored.main)
    return name if scored.kind.weights else name.replace("mIoU", "IoU")


def _described(system: System) -> dict[str, Any]:
    """Means of a system on its own, its failures, and its errors by type; averages over its runs."""
    first = system.runs[0]
    shared = [m for m in first.columns if all(m in run.columns for run in system.runs)]
    whole = [m for m in first.corpus if all(m in run.corpus for run in system.runs)]
    means = means_of(np.stack(_tables(system, shared)), _weights(first, shared))
    errors = [repairs(run) for run in system.runs]
    failures = Counter(outcome.failure for run in system.runs for outcome in run.outcomes if outcome.failure is not None)
    return {
        "name": system.name,
        "runs": len(system.runs),
        "means": {m: _number(v) for m, v in zip(shared, means.mean(axis=0).tolist(), strict=True)},
        "sd_over_runs": {m: _number(v) for m, v in zip(shared, spread(means).tolist(), strict=True)},
        "corpus": {m: 100 * float(np.mean([run.corpus[m] for run in system.runs])) for m in whole},
        "truncated": float(np.mean([sum(outcome.cut_off for outcome in run.outcomes) for run in system.runs])),
        "failures": {name: count / len(system.runs) for name, count in sorted(failures.items())},
        "errors": {
            name: {"n": float(np.mean([error.count[name] for error in errors]))}
            | {m: float(np.mean([error.points[m][name] for error in errors])) for m in errors[0].points}
            for name in errors[0].count
        },
        "clocks": [{"reads": error.clock, "mIoU": error.clock_gain} for error in errors if error.clock is not None],
    }


def _compared(samples: Sequence[Sample], a: System, b: System, metrics: Sequence[str], resamples: int) -> dict[str, Any]:
    videos = [sample.video for sample in samples]
    parts = strata(samples)
    left, right = (
        [
            np.stack([*table.T, *(np.where(part.members, 100 * run.columns[run.main], np.nan) for part in parts)], axis=1)
            for run, table in zip(system.runs, _tables(system, metrics), strict=True)
        ]
        for system in (a, b)
    )
    first = a.runs[0]
    weights = _weights(first, [*metrics, *[first.main] * len(parts)])
    told = figures(over_seeds(left, right, videos, resamples, weights=weights))
    single = all(run.kind.single for system in (a, b) for run in system.runs)
    curves = [means_of(np.stack([curve(run) for run in one.runs])).mean(axis=0).tolist() if single else [] for one in (a, b)]
    return {
        "a": a.name,
        "b": b.name,
        "metrics": dict(zip(metrics, told, strict=False)),
        "breakdown": [
            {"feature": part.feature, "range": part.label, **figure}
            for part, figure in zip(parts, told[len(metrics) :], strict=True)
        ],
        "curve": [{"IoU": threshold, "a": left, "b": right} for threshold, left, right in zip(CURVE, *curves, strict=False)],
        "failure_changes": _changes(a, b),
        "movers": _movers(samples, a, b),
    }


def _tables(system: System, metrics: Sequence[str]) -> list[Floats]:
    """`(n, m)` percentages of each run."""
    return [100 * np.stack([run.columns[metric] for metric in metrics], axis=1) for run in system.runs]


def _weights(run: Scored, metrics: Sequence[str]) -> Floats | None:
    """`(n, m)` weights of the samples in the means; None where all have the same."""
    return np.stack([run.weights[metric] for metric in metrics], axis=1) if run.kind.weights else None


def figures(found: Comparison) -> list[dict[str, Any]]:
    """One object a column of what `over_seeds` found, in percent and points; null what cannot be told."""
    keys = ("n", "videos", "a", "b", "a_sd", "b_sd", "difference", "error", "p", "detectable", "better", "same", "worse")
    return [
        {key: _number(getattr(found, key)[i].item()) for key in keys}
        | {"interval_95": [_number(bound) for bound in found.interval[i].tolist()]}
        for i in range(len(found.n))
    ]


def _changes(a: System, b: System) -> list[dict[str, Any]]:
    """How many queries went from one failure (or none) to another; only between single runs."""
    if len(a.runs) > 1 or len(b.runs) > 1:
        return []
    left, right = ([outcome.failure for outcome in system.runs[0].outcomes] for system in (a, b))
    pairs = Counter(zip(left, right, strict=True))
    changed = [{"a": before, "b": after, "n": count} for (before, after), count in pairs.items() if before != after]
    return sorted(changed, key=lambda change: (-pairs[change["a"], change["b"]], str(change["a"]), str(change["b"])))


def _movers(samples: Sequence[Sample], a: System, b: System) -> list[dict[str, Any]]:
    """The queries whose main metric rose most, then those whose fell most: mean over the runs, and the answer of the first."""
    left, right = a.main, b.main
    change = np.nan_to_num(right - left)
    order = sorted(range(len(samples)), key=lambda i: (-change[i], samples[i].id))
    chosen = [i for i in order[:MOVERS] if change[i] > SAME] + [i for i in order[::-1][:MOVERS] if change[i] < -SAME]
    return [
        {"id": samples[i].id, "query": samples[i].query, "targets": seconds(samples[i].truth.spans)}
        | ({} if samples[i].truth.option is None else {"option": samples[i].truth.option})
        | {"a": _answer(a, i, left[i]), "b": _answer(b, i, right[i])}
        for i in chosen
    ]


def _answer(system: System, i: int, value: float) -> dict[str, Any]:
    outcome = system.runs[0].outcomes[i]
    said = {"spans": seconds(outcome.answer.spans)} | ({} if outcome.answer.option is None else {"option": outcome.answer.option})
    return {"value": float(value) / 100, **said, "failure": outcome.failure}


def _number(value: float) -> float | None:
    """JSON has neither NaN nor infinity: what cannot be told is null."""
    return value if math.isfinite(value) else None
