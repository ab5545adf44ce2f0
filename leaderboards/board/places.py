"""Between which places of a ranking a row may stand, and what may be said of the best: paired by query, videos drawn whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from leaderboards.board.rows import RUN, TRIVIAL, Number, Row
from leaderboards.compare.paired import over_seeds
from leaderboards.compare.result import figures, greatest_sd
from leaderboards.compare.verdict import LEVEL, alone, called, verdict
from tasks import kinds
from tasks.metrics import Floats
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.statistics import RESAMPLES, RESAMPLES_OF_MEANS

MOST = 20
"""Runs of a ranking that are compared, each with each."""
NONE = Number(None)

Values = Sequence[Floats]
"""The main metric of each run of a row, seeds of one recipe, each `(n,)` in percent; NaN where a query does not count."""


@dataclass(frozen=True)
class Judged:
    """The replies of some rows to n queries: by place in the ranking, with the videos `(n,)` and the weights `(n,)` or None."""

    values: Mapping[int, Values]
    videos: Sequence[str]
    weights: Floats | None = None


def of_samples(values: Mapping[int, Sequence[Mapping[str, float]]], samples: Sequence[Sample], protocol: Protocol) -> Judged:
    """Values by sample id, of each run of a row, as arrays over the samples; rows that lack a sample are left out."""
    kind = kinds.find(protocol.kind)
    known = {
        i: [np.array([run[sample.id] for sample in samples]) for run in several]
        for i, several in values.items()
        if all(sample.id in run for run in several for sample in samples)
    }
    weights = kind.weights(samples) if kind.weights and kind.main not in kind.unweighted else None
    return Judged(known, [sample.video for sample in samples], weights)


def places(rows: Sequence[Row], main: str, judged: Judged) -> list[str]:
    """The place of each ranked row, `2`, or `1–3` where a row within noise of it could stand before or after it.

    Two runs are told apart as `harness compare` does it, pair by pair at 95 %, not corrected for their number. A paper gives no
    replies: its number is told apart from a run where it lies outside the run's interval, and never from another paper.
    """
    better = np.zeros((len(rows), len(rows)), dtype=bool)
    for (i, j), found in _pairs(judged, RESAMPLES_OF_MEANS).items():
        if found["p"] is not None and found["p"] <= LEVEL and found["difference"]:
            better[(j, i) if found["difference"] > 0 else (i, j)] = True
    cells = [row.metrics.get(main, NONE) for row in rows]
    for i, run in enumerate(cells):
        for j, paper in enumerate(cells):
            if rows[i].kind == RUN != rows[j].kind and run.interval is not None and paper.value is not None and not paper.flag:
                better[i, j], better[j, i] = paper.value < run.interval[0], paper.value > run.interval[1]
    ranked = sum(cell.value is not None and not cell.flag for cell in cells)
    first, last = 1 + better.sum(axis=0), ranked - better.sum(axis=1)
    shown = [f"{low}" if low == high else f"{low}–{high}" for low, high in zip(first.tolist(), last.tolist(), strict=True)]
    return ["-" if cell.value is None or cell.flag else place for cell, place in zip(cells, shown, strict=True)]


def said(rows: Sequence[Row], floors: Sequence[Row], main: str, judged: Judged) -> str:
    """What may be said of the best run: against the next one, or of a single one against the best baseline.

    Empty where there is no run, or its replies are not known.
    """
    runs = [i for i, row in enumerate(rows) if row.kind == RUN and row.metrics.get(main, NONE).value is not None]
    if not runs:
        return ""
    best = rows[runs[0]]
    if len(runs) > 1:
        first, second = runs[:2]
        if first not in judged.values or second not in judged.values:
            return ""
        pair = replace(judged, values={i: judged.values[i] for i in (second, first)})
        return f"Best runs: {verdicts(rows, main, pair, RESAMPLES)[f'{second},{first}']}"
    blind = [
        (cell.value, row.model)
        for row in floors
        if row.kind == TRIVIAL and (cell := row.metrics.get(main, NONE)).value is not None
    ]
    return alone(best.model, main, best.metrics[main].value, best.metrics[main].interval, max(blind, default=None))


def verdicts(rows: Sequence[Row], main: str, judged: Judged, resamples: int = RESAMPLES_OF_MEANS) -> dict[str, str]:
    """What may be said of each pair of rows whose replies are known, by `i,j`: of the later row against the earlier one."""
    told = {}
    for (i, j), found in _pairs(judged, resamples).items():
        runs, is_one = (len(judged.values[j]), len(judged.values[i])), rows[i].folders == rows[j].folders != ()
        one, other = _called(rows[j], rows[i])
        told[f"{i},{j}"] = verdict(one, other, main, found, runs, greatest_sd(found), is_one_run=is_one)
    return told


def _called(*pair: Row) -> list[str]:
    """What two rows are called: by their models; where these are the same by mode, and else by the folders of their runs."""
    models, modes = [row.model for row in pair], [row.mode for row in pair]
    if len(set(models)) > 1:
        return models
    folders = called([",".join(map(str, row.folders)) for row in pair])
    more = [f"mode {mode}" for mode in modes] if len(set(modes)) > 1 else [name.partition(" ")[2] for name in folders]
    return [f"{model} ({one})" for model, one in zip(models, more, strict=True)]


def _pairs(judged: Judged, resamples: int) -> dict[tuple[int, int], dict[str, Any]]:
    """Each later row minus each earlier one; pairs of as many runs are compared in one go, a column each."""
    shapes: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for i, j in combinations(judged.values, 2):
        shapes.setdefault((len(judged.values[i]), len(judged.values[j])), []).append((i, j))
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for (m, n), pairs in shapes.items():
        left = [np.stack([judged.values[i][run] for i, _ in pairs], axis=1) for run in range(m)]
        right = [np.stack([judged.values[j][run] for _, j in pairs], axis=1) for run in range(n)]
        weights = None if judged.weights is None else np.stack([judged.weights] * len(pairs), axis=1)
        told = figures(over_seeds(left, right, judged.videos, resamples, weights=weights))
        found |= dict(zip(pairs, told, strict=True))
    return found
