"""A board: rows that may be compared in one ranking, and the others below it with the reason. A pure function of its rows."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from leaderboards.board.published import Table
from leaderboards.board.rows import CEILING, PUBLISHED, RUN, TRIVIAL, UNKNOWN, Identity, Row
from tasks import task as tasks
from tasks.task import Task

GENERAL = "general"
MAIN = ("tempsamp-1", "tempr1-1", "tempr1-2", "timelens-bench")
"""Published tables that the general layout shows unless told otherwise: results, no ablations."""

Floors = Callable[[Row], Sequence[Row]]


class Section(NamedTuple):
    """The rows of one split.

    Attributes:
        identity: What the ranked numbers share, None where only papers are ranked.
        protocol: Name of the protocol of the ranking, None where nothing is ranked.
        main: The column that ranks, and whose interval is shown; empty where there is none.
        ranked: Rows that may be compared, best first.
        floors: Rules that need no model, and ceilings, under the rules of the ranking.
        below: The other rows, each with its `reasons`.
        forced: Whether rows that may not be compared were ranked on demand; they keep their `reasons`.
        places: Of the ranked rows, with their uncertainty: `1–3`; empty where nothing is known of it.
        verdict: What may be said of the best run; empty where nothing can.
    """

    task: str
    split: str
    identity: Identity | None
    protocol: str | None
    metrics: tuple[str, ...]
    main: str
    ranked: tuple[Row, ...]
    floors: tuple[Row, ...]
    below: tuple[Row, ...]
    forced: bool
    places: tuple[str, ...] = ()
    verdict: str = ""


class Board(NamedTuple):
    """Sections, and how they are shown.

    Attributes:
        notes: What the layout leaves out.
        columns: What is shown, in order; without any, all of them.
        pages: Addresses of the pages of runs, by their folders.
    """

    layout: str
    title: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
    columns: tuple[str, ...] = ()
    pages: Mapping[Path, str] = MappingProxyType({})


def build(runs: Iterable[Row], published: Sequence[Table], floors: Floors, layout: Table | None, force: bool = False) -> Board:
    """Arrange rows of runs and tables of papers into a board. The order of the rows does not matter.

    Args:
        floors: Rows of trivial models and ceilings on the samples and under the rules of a row.
        layout: The table of a paper whose benchmarks and columns are shown; None for every split that was run, or else printed.
        force: Rank every row; those that may not be compared say why.
    """
    runs = sorted(runs, key=_order)
    places: dict[tuple[str, str], list[Row]] = {}
    for row in runs:
        places.setdefault((row.task, row.split), []).append(row)
    papers = [replace(row, place=i) for i, row in enumerate(row for table in published for row in table.rows)]
    notes: list[str] = []
    if layout is not None:
        shown = [(task, _split(task, split)) for task, split in layout.splits.items()]
        others = [f"{len(rows)} on {'@'.join(place)}" for place, rows in sorted(places.items()) if place not in shown]
        notes += [*layout.notes, *([f"rows of runs that this layout does not show: {', '.join(others)}"] if others else [])]
    else:
        shown = sorted(places) or sorted({(row.task, _split(row.task, row.split)) for row in papers})
    for row in papers:
        places.setdefault((row.task, _split(row.task, row.split)), []).append(row)
    sections = (
        _section(task, split, places.get((task, split), []), None if layout is None else layout.benchmarks[task], floors, force)
        for task, split in shown
    )
    name, title = (GENERAL, "") if layout is None else (layout.name, layout.title)
    return Board(name, title, tuple(sections), tuple(notes))


def board_title(board: Board) -> str:
    """What a board is called: its layout, and what the layout is."""
    return f"Board {board.layout}{f': {board.title}' if board.title else ''}"


def marks(section: Section, metric: str) -> dict[float | None, str]:
    """The best number of a column as `best`, the next as `second`; numbers under suspicion do not count.

    Only rows of models that looked are compared, and only where there are two.
    """
    cells = [row.metrics[metric] for row in section.ranked if row.kind in (RUN, PUBLISHED) and metric in row.metrics]
    numbers = [cell.value for cell in cells if cell.value is not None and not cell.flag]
    order = sorted(set(numbers), reverse=True)
    return dict(zip(order[:2], ("best", "second"), strict=False)) if len(numbers) > 1 else {}


def _section(task: str, split: str, rows: Sequence[Row], columns: Sequence[str] | None, floors: Floors, force: bool) -> Section:
    identity, protocol = _chosen(task, split, rows)
    judged = [replace(row, reasons=(*row.reasons, *_other(row, split, identity, protocol))) for row in rows]
    ranked = [row for row in judged if row.kind in (RUN, PUBLISHED) and (force or not row.reasons)]
    below = [row for row in judged if row.reasons and (row.kind in (TRIVIAL, CEILING) or not force)]
    rules = [row for row in judged if row.kind in (TRIVIAL, CEILING) and not row.reasons]
    if identity is not None:
        given = {row.model for row in rules}
        basis = next(row for row in rows if row.identity == identity)
        rules += [row for row in floors(basis) if row.model not in given]
    metrics = _columns(judged if columns is not None else [*judged, *rules], columns, identity)
    main = next((row.main for row in rows if row.identity == identity and row.main), "mIoU")
    main = main if main in metrics else next(iter(metrics), "")

    def shows(row: Row) -> bool:
        return any(_number(row, metric) >= 0 for metric in metrics)

    return Section(
        task,
        split,
        identity,
        protocol,
        metrics,
        main,
        tuple(sorted(ranked, key=lambda row: (-_number(row, main), *_order(row)))),
        tuple(sorted((row for row in rules if shows(row)), key=lambda row: (row.kind == CEILING, *_order(row)))),
        tuple(below),
        force and any(row.reasons for row in ranked),
    )


def _chosen(task: str, split: str, rows: Sequence[Row]) -> tuple[Identity | None, str | None]:
    """What is ranked: the identity most rows of models have, else that of trivial rows, else the protocol most papers name.

    Of equals, the task's own protocol.
    """
    default = own.protocol if (own := _task(task)) is not None else None
    for kinds in ((RUN,), (TRIVIAL, CEILING)):
        known = [(row.identity, row.reasons) for row in rows if row.kind in kinds and row.identity is not None]
        if identities := Counter(one for one, reasons in known if not reasons) or Counter(one for one, _ in known):
            best = min(identities, key=lambda i: (-identities[i], i.protocol != default, i))
            return best, best.protocol
    candidates = (row for row in rows if row.kind == PUBLISHED and not row.reasons and row.split == split)
    names = Counter(row.protocol for row in candidates if row.protocol != UNKNOWN)
    return None, min(names, key=lambda name: (-names[name], name)) if names else None


def _other(row: Row, split: str, identity: Identity | None, protocol: str | None) -> list[str]:
    """Why a row cannot be compared with the ranked ones."""
    if row.identity is not None and identity is not None:
        pairs = [
            (row.identity.task_version, identity.task_version, f"other version of the task: v{row.identity.task_version}"),
            (row.identity.split_sha256, identity.split_sha256, f"other split hash: {row.identity.split_sha256[:8]}"),
            (row.identity[2:], identity[2:], f"other protocol: {row.identity.rules}"),
        ]
        return [reason for mine, theirs, reason in pairs if mine != theirs]
    reasons = ["split unknown"] if row.split != split else []
    other = "protocol unknown" if row.protocol == UNKNOWN else f"other protocol: {row.protocol}"
    return [*reasons, *([other] if row.protocol != protocol else [])]


def _columns(rows: Sequence[Row], printed: Sequence[str] | None, identity: Identity | None) -> tuple[str, ...]:
    """The printed columns, and every other of a run that has a number in none of them; without printed ones every column.

    In the order of the rows that are ranked, then of the others.
    """
    shown = list(printed or ())
    for row in sorted(rows, key=lambda row: row.identity != identity):
        has = [name for name, cell in row.metrics.items() if cell.value is not None]
        if printed is None or (row.kind != PUBLISHED and not set(has) & set(printed)):
            shown += [name for name in has if name not in shown]
    return tuple(shown)


def _split(task: str, split: str) -> str:
    """Where a paper does not name the split, its rows stand beside those of the split the field reports."""
    own = _task(task)
    return own.default_split if split == UNKNOWN and own is not None else split


@cache
def _task(name: str) -> Task | None:
    return tasks.all_tasks().get(name)


def _number(row: Row, metric: str) -> float:
    """What a row is sorted by; a number under suspicion lifts no row."""
    cell = row.metrics.get(metric)
    return -1.0 if cell is None or cell.value is None or cell.flag else cell.value


def _order(row: Row) -> tuple[Any, ...]:
    """A total order that does not know how rows came in; papers keep their own order."""
    return (row.kind == PUBLISHED, row.place, row.model, row.mode, row.source, repr(row))
