"""A section of a board as cells, for the formats that people read."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from leaderboards.board.cells import FACTS, NONE, agreed, facts, head, interval, notes, number, suspicions
from leaderboards.board.ranking import Board, Section, marks
from leaderboards.board.rows import PUBLISHED, RUN, Number, Row
from tasks.errors import InputError, unknown

SUSPECT = "†"
RANK, MODE, BOUNDS, REASONS = "rank", "mode", "95 %", "not comparable"
LONGEST, NAMED = 40, 3
"""Characters of a model's name in a table, and models that a footnote names."""


class Cell(NamedTuple):
    """A text, `best`, `second` or no mark, and the number that it is sorted by where there is one."""

    text: str
    mark: str = ""
    value: float | None = None


class Line(NamedTuple):
    """A row of a board, and its cells."""

    row: Row
    cells: tuple[Cell, ...]


class Grid(NamedTuple):
    """A section as cells: groups of lines below one head; `main` is the column that ranks."""

    heading: str
    verdict: str
    head: tuple[str, ...]
    main: str
    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    notes: tuple[str, ...]


Look = Callable[[Row, bool], Cell]
"""The cell of a row, and whether the row is ranked."""


def grid(section: Section, chosen: Sequence[str] = ()) -> Grid:
    """The cells of a section.

    A column of facts in which nothing is known is left out; one in which all models agree is said once, below. With columns
    `chosen`, these alone are shown, in their order.
    """
    rows = [row for _, row in blocks(section)]
    told = [facts(row) for row in rows if row.kind in (RUN, PUBLISHED)] or [facts(row) for row in rows]
    alike = agreed(told)
    known = [fact for fact in FACTS if fact not in alike and any(one[fact] != "-" for one in told)]
    every = _columns(section, rows)
    bounded = any(row.metrics.get(section.main, NONE).interval for row in rows)
    left_out = {
        RANK: not any(section.places),
        BOUNDS: not bounded,
        REASONS: not (section.forced or section.below),
        **{head(fact): fact not in known for fact in FACTS},
    }
    names = [name for name in (map(head, chosen) if chosen else every) if name in every and (chosen or not left_out.get(name))]
    shown = names if "model" in names else ["model", *names]

    def lines(some: Sequence[Row], ranked: bool) -> tuple[Line, ...]:
        return tuple(Line(row, tuple(_plain_cell(every[name](row, ranked)) for name in shown)) for row in some)

    above = lines(section.ranked, True) + lines(section.floors, False)
    groups = (("", above), ("Not ranked with these" if above else "Not ranked", lines(section.below, False)))
    said = [f"{fact} {text}" for fact, text in alike.items() if text != "-"]
    below = [*([f"every model: {', '.join(said)}"] if said else []), *_footnotes(section), *_protocols(section)]
    return Grid(
        heading(section), plain(section.verdict), tuple(shown), section.main,
        tuple((title, some) for title, some in groups if some), tuple(map(plain, below)),
    )  # fmt: skip


def check_columns(board: Board) -> None:
    """Refuse a chosen column that no section has. Raises InputError."""
    known = list(dict.fromkeys(name for section in board.sections for name in _columns(section, [])))
    for name in map(head, board.columns):
        if name not in known:
            raise InputError(f"columns: {', '.join(known)}", unknown(name, known), "harness board --columns model,mIoU RUN")


def _columns(section: Section, rows: Sequence[Row]) -> dict[str, Look]:
    """Every column of a section, in order."""
    best = {metric: marks(section, metric) for metric in section.metrics}
    place = {id(row): text for row, text in zip(section.ranked, section.places, strict=False)}
    told = {id(row): facts(row) for row in rows}

    def of_metric(metric: str) -> Look:
        def look(row: Row, ranked: bool) -> Cell:
            found = row.metrics.get(metric, NONE)
            text = number(found) + (SUSPECT if found.flag else "")
            return Cell(text, rank(best[metric], found) if ranked else "", found.value)

        return look

    def of_fact(fact: str) -> Look:
        return lambda row, _: Cell(told[id(row)][fact])

    columns: dict[str, Look] = {
        "model": lambda row, _: Cell(row.model if row.kind == PUBLISHED else _short(row.model)),
        MODE: lambda row, _: Cell(row.mode),
    }
    for metric in section.metrics:
        columns[metric] = of_metric(metric)
        if metric == section.main:
            columns[BOUNDS] = lambda row, _: Cell(interval(row.metrics.get(section.main, NONE)))
            columns[RANK] = lambda row, _: Cell(place.get(id(row), "-"))
    columns |= {head(fact): of_fact(fact) for fact in FACTS}
    return {**columns, REASONS: lambda row, _: Cell("; ".join(row.reasons) or "-")}


def blocks(section: Section) -> list[tuple[str, Row]]:
    """Every row of a section with where it stands."""
    named = (("ranked", section.ranked), ("floors and ceilings", section.floors), ("below", section.below))
    return [(name, row) for name, rows in named for row in rows]


def heading(section: Section) -> str:
    """The identity of the numbers of a section, in one line."""
    place = plain(f"{section.task}@{section.split}")
    if (known := section.identity) is not None:
        place += f" v{known.task_version} ({known.split_sha256[:8]}), protocol {plain(known.rules)}"
        place += f", 95 % intervals of {section.main} clustered by video"
    else:
        place += f", papers only{'' if section.protocol is None else f', protocol {section.protocol} as they tell it'}"
    return place + ("; FORCED: rows that may not be compared stand in this ranking" if section.forced else "")


def rank(best: Mapping[float | None, str], found: Number) -> str:
    """`best`, `second` or nothing; a number under suspicion is neither."""
    return "" if found.flag else best.get(found.value, "")


def plain(value: str) -> str:
    """One line without control characters: names come from other people's files."""
    return " ".join("".join(character if character.isprintable() else " " for character in value).split())


def _footnotes(section: Section) -> list[str]:
    """Notes and suspicions of the rows of a section, each once."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in (*section.ranked, *section.below):
        for note in (*notes(row), *suspicions(row)):
            found.setdefault((row.source, note), []).append(row.model)
    named = {key: f" ({', '.join(models)})" if len(models) <= NAMED else "" for key, models in found.items()}
    return [f"{source}{named[source, note]}: {note}" for source, note in sorted(found)]


def _protocols(section: Section) -> list[str]:
    """Under which protocol the runs would stand in one ranking with the papers that are not ranked with them."""
    if section.identity is None:
        return []
    other = [row for row in section.below if row.kind == PUBLISHED and row.reasons == (f"other protocol: {row.protocol}",)]
    counted = {name: sum(row.protocol == name for row in other) for name in sorted({row.protocol for row in other})}
    return [
        f"{count} published row{'s' if count > 1 else ''} under {name}: `harness board RUN --protocol {name}` scores the same "
        f"replies by its rules; `harness run --protocol {name}` also asks by these rules"
        for name, count in counted.items()
    ]


def _short(model: str) -> str:
    return model if len(model) <= LONGEST else f"…{model[-LONGEST + 1 :]}"


def _plain_cell(cell: Cell) -> Cell:
    return cell._replace(text=plain(cell.text))
