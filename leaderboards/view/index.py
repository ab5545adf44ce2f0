"""Everything that the page of a folder of runs shows, as JSON values. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from harness import __version__
from leaderboards.board.cells import NONE, facts, head, interval, notes, number
from leaderboards.board.glossary import meaning
from leaderboards.board.grid import BOUNDS, REASONS
from leaderboards.board.rows import NO_REPLY, Identity, Row
from leaderboards.board.seeds import grouped

Told = Callable[[Sequence[Row]], Mapping[str, str]]
"""What may be said of pairs of rows, by their places `i,j`."""
FACTS = ("seeds", "coverage", "parsed", "gap", REASONS, "notes", "trained on", "commit")
"""Columns of facts; one in which nothing is known is left out."""


class Listed(NamedTuple):
    """A run: its folder as the page calls it, the address of its page, and its rows, one a mode."""

    name: str
    href: str
    rows: Sequence[Row]


def index_data(
    title: str, runs: Sequence[Listed], refused: Sequence[tuple[str, str]], told: Told = lambda _: {}
) -> dict[str, Any]:
    """One table for runs whose numbers may be compared: of one version of a split, under one protocol.

    Runs without a page are `refused`: their folder, and why.
    """
    groups: dict[tuple[str, str], dict[Identity | None, list[tuple[Listed, Row]]]] = {}
    for run in runs:
        for row in run.rows:
            groups.setdefault((row.task, row.split), {}).setdefault(row.identity, []).append((run, row))
    splits = [
        {"name": f"{task}@{split}", "tables": [_table(identity, rows, told) for identity, rows in found.items()]}
        for (task, split), found in sorted(groups.items())
    ]
    return {"harness": __version__, "title": title, "splits": splits, "refused": refused}


def _table(identity: Identity | None, rows: Sequence[tuple[Listed, Row]], told: Told) -> dict[str, Any]:
    metrics, main = list(dict.fromkeys(name for _, row in rows for name in row.metrics)), rows[0][1].main
    metrics = sorted(metrics, key=lambda name: name != main)
    known = identity and f"v{identity.task_version} ({identity.split_sha256[:8]}), protocol {identity.rules}"
    numbers = [name for metric in metrics for name in ((metric, BOUNDS) if metric == main else (metric,))]
    joined = grouped(row for _, row in rows)
    told_of = [_told(row) for row in (*joined, *(row for _, row in rows))]
    shown = [name for name in FACTS if any(one[name] not in ("", "-") for one in told_of)]
    columns = ["model", *numbers, "mode", *map(head, shown)]
    return {
        "title": known or "unknown rules",
        "main": main,
        "columns": columns,
        "meanings": [meaning(name) for name in columns],
        "rows": [_object(row, metrics, shown, main, run) for run, row in rows],
        "joined": [_object(row, metrics, shown, main) for row in joined] if len(joined) < len(rows) else None,
        "verdicts": told([row for _, row in rows]),
    }


def _told(row: Row) -> dict[str, str]:
    return {**facts(row), REASONS: "; ".join(row.reasons), "notes": "; ".join(notes(row))}


def _object(row: Row, metrics: Sequence[str], shown: Sequence[str], main: str, run: Listed | None = None) -> dict[str, Any]:
    """A line: its model, the folder of a run with the address of its page, and the text of every other cell."""
    known, cells = _told(row), []
    for name in metrics:
        cells += [number(row.metrics.get(name, NONE)), *([interval(row.metrics.get(name, NONE))] if name == main else [])]
    cells += [row.mode, *(known[key] for key in shown)]
    place = {"name": run.name, "href": run.href} if run else {"name": known["source"], "href": None}
    # Questions without a reply count as 0, which lifts no row above another.
    apart = any(not reason.startswith(NO_REPLY) for reason in row.reasons)
    return {"model": row.model, **place, "apart": apart, "cells": cells}
