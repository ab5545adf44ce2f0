"""Everything that the page of a folder of runs shows, as JSON values. Pure."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from harness import __version__
from leaderboards.board.cells import NONE, facts, interval, number
from leaderboards.board.rows import Identity, Row

FACTS = ("coverage", "parsed", "gap", "trained on", "commit")


class Listed(NamedTuple):
    """A run: its folder as the page calls it, the address of its page, and its rows, one a mode."""

    name: str
    href: str
    rows: Sequence[Row]


def index_data(title: str, runs: Sequence[Listed], refused: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """One table for runs whose numbers may be compared: of one version of a split, under one protocol.

    Runs without a page are `refused`: their folder, and why.
    """
    groups: dict[tuple[str, str], dict[Identity | None, list[tuple[Listed, Row]]]] = {}
    for run in runs:
        for row in run.rows:
            groups.setdefault((row.task, row.split), {}).setdefault(row.identity, []).append((run, row))
    splits = [
        {"name": f"{task}@{split}", "tables": [_table(identity, rows) for identity, rows in found.items()]}
        for (task, split), found in sorted(groups.items())
    ]
    return {"harness": __version__, "title": title, "splits": splits, "refused": refused}


def _table(identity: Identity | None, rows: Sequence[tuple[Listed, Row]]) -> dict[str, Any]:
    metrics, main = list(dict.fromkeys(name for _, row in rows for name in row.metrics)), rows[0][1].main
    known = identity and f"v{identity.task_version} ({identity.split_sha256[:8]}), protocol {identity.rules}"
    return {
        "title": known or "unknown rules",
        "columns": ["run", "mode", *metrics, f"{main}, 95 %", *FACTS, "model", "not for a ranking"],
        "rows": [{"name": run.name, "href": run.href, "cells": _cells(row, metrics, main)} for run, row in rows],
    }


def _cells(row: Row, metrics: Sequence[str], main: str) -> list[str]:
    numbers, known = [row.metrics.get(name, NONE) for name in metrics], facts(row)
    shown = [*map(number, numbers), interval(row.metrics.get(main, NONE)), *(known[key] for key in FACTS)]
    return [row.mode, *shown, row.model, "; ".join(row.reasons)]
