"""Runs that differ in their seed alone, as one row."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from statistics import fmean, stdev
from typing import Any

from leaderboards.board.rows import Number, Row


def grouped(rows: Iterable[Row]) -> list[Row]:
    """One row for all rows of a group on one split, in one mode, under the same rules: means and deviations over the seeds.

    Rows of one and the same seed are no seeds of a recipe: their group stays apart.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        shared = (row.group, row.kind, row.task, row.split, row.mode, row.identity, row.reasons)
        groups.setdefault(shared if row.group else (len(groups),), []).append(row)
    return [row for some in groups.values() for row in ([_together(some)] if _differ(some) else some)]


def _differ(rows: Sequence[Row]) -> bool:
    seeds = [row.seed for row in rows if row.seed is not None]
    return len(rows) > 1 and len(set(seeds)) == len(seeds)


def _together(rows: Sequence[Row]) -> Row:
    rows = sorted(rows, key=lambda row: (row.source, row.model))
    models = [row.model for row in rows]
    return replace(
        rows[0],
        model=models[0] if len(set(models)) == 1 else _shared(models),
        metrics=_means([row.metrics for row in rows]),
        counts=_means([row.counts for row in rows]),
        trained_on=_trained_on([row.trained_on for row in rows]),
        commit=_each(row.commit for row in rows),
        source=_each(row.source for row in rows),
        notes=tuple(dict.fromkeys(note for row in rows for note in row.notes)),
        seed=None,
        seeds=len(rows),
        folders=tuple(folder for row in rows for folder in row.folders),
    )


def _trained_on(texts: Sequence[str]) -> str:
    """What all seeds were trained on; of draws that change with the seed, the first."""
    others = len(set(texts)) - 1
    return texts[0] if not others else f"{texts[0]}, and {others} other{'s' if others > 1 else ''}"


def _shared(models: Sequence[str]) -> str:
    """The beginning that names have in common: models of one recipe differ at the end. A row of several seeds names none."""
    letters = takewhile(lambda column: len(set(column)) == 1, zip(*models, strict=False))
    return re.sub(r", seed \d*\*$", "", f"{''.join(column[0] for column in letters)}*")


def _means(rows: Sequence[Mapping[str, Number]]) -> dict[str, Number]:
    """What all seeds have; a number that one of them lacks is none."""
    return {name: _mean([row[name].value for row in rows]) for name in rows[0] if all(name in row for row in rows)}


def _mean(values: Sequence[float | None]) -> Number:
    known = [value for value in values if value is not None]
    return Number(fmean(known), sd=stdev(known)) if len(known) == len(values) else Number(None)


def _each(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(texts))
