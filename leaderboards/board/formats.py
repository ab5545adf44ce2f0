"""A board as a terminal, a Markdown or HTML page, a spreadsheet, a program or a paper wants it."""

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tabulate import tabulate

from harness.predictions import cells
from leaderboards.board.published import Printed
from leaderboards.board.ranking import Board, Section, footnotes, main_metric, marks
from leaderboards.board.rows import FACTS, PUBLISHED, Row

SCHEMA = "vtg-harness/board/1"
SUSPECT = "†"
LONGEST = 40


class Cell(NamedTuple):
    """Text of one cell, with `best`, `second` or nothing."""

    text: str
    mark: str = ""


class Grid(NamedTuple):
    """A section as cells: groups of lines below one head."""

    heading: str
    head: tuple[str, ...]
    groups: tuple[tuple[str, list[list[Cell]]], ...]
    notes: tuple[str, ...]


def text(board: Board) -> str:
    """For a terminal."""

    def table(grid: Grid) -> Iterator[str]:
        yield grid.heading
        for title, lines in grid.groups:
            if title:
                yield f"\n{title}:"
            rows = [[cell.text for cell in line] for line in lines]
            sides = ["left", "left", *["right"] * (len(grid.head) - 2)]
            yield str(tabulate(rows, grid.head, "simple", disable_numparse=True, colalign=sides))
        yield from ("", *grid.notes) if grid.notes else ()

    return _pages(board, table, _title(board))


def markdown(board: Board) -> str:
    """For a README: the best number of a column bold, the second underlined."""
    wrap = {"best": "**{}**", "second": "<u>{}</u>", "": "{}"}

    def table(grid: Grid) -> Iterator[str]:
        yield f"{_in_markdown(grid.heading)}\n"
        for title, lines in grid.groups:
            if title:
                yield f"\n{title}:\n"
            yield f"| {' | '.join(map(_in_markdown, grid.head))} |"
            yield f"|{'---|' * 2}{'---:|' * (len(grid.head) - 2)}"
            for line in lines:
                yield f"| {' | '.join(wrap[cell.mark].format(_in_markdown(cell.text)) for cell in line)} |"
        yield from ("", *(f"- {_in_markdown(note)}" for note in grid.notes)) if grid.notes else ()

    return _pages(board, table, _in_markdown(_title(board)))


def latex(board: Board) -> str:
    """For a paper, with booktabs: the best number of a column bold, the second underlined."""
    wrap = {"best": r"\textbf{{{}}}", "second": r"\underline{{{}}}", "": "{}"}

    def table(grid: Grid) -> Iterator[str]:
        yield f"% {grid.heading}"
        yield rf"\begin{{tabular}}{{ll{'r' * (len(grid.head) - 2)}}}"
        yield rf"\toprule{chr(10)}{' & '.join(map(_in_latex, grid.head))} \\"
        for title, lines in grid.groups:
            yield r"\midrule"
            if title:
                yield rf"\multicolumn{{{len(grid.head)}}}{{l}}{{\textit{{{_in_latex(title)}}}}} \\"
            for line in lines:
                yield " & ".join(wrap[cell.mark].format(_in_latex(cell.text)) for cell in line) + r" \\"
        yield "\\bottomrule\n\\end{tabular}"
        yield from (rf"\par\footnotesize {_in_latex(note)}" for note in grid.notes)

    return _pages(board, table, f"% {_title(board)}\n% \\usepackage{{booktabs}}")


def page(board: Board) -> str:
    """One self-contained HTML page."""
    wrap = {"best": "<b>{}</b>", "second": "<u>{}</u>", "": "{}"}

    def table(grid: Grid) -> Iterator[str]:
        yield f"<table>\n<caption>{html.escape(grid.heading)}</caption>"
        head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in grid.head)
        yield f"<thead><tr>{head}</tr></thead>"
        for title, lines in grid.groups:
            yield "<tbody>"
            if title:
                yield f'<tr><th scope="rowgroup" colspan="{len(grid.head)}">{html.escape(title)}</th></tr>'
            for first, *others in lines:
                cells = "".join(f"<td>{wrap[cell.mark].format(html.escape(cell.text))}</td>" for cell in others)
                yield f'<tr><th scope="row">{html.escape(first.text)}</th>{cells}</tr>'
            yield "</tbody>"
        yield "</table>"
        if grid.notes:
            yield f"<ul>{''.join(f'<li>{html.escape(note)}</li>' for note in grid.notes)}</ul>"

    title = html.escape(_title(board))
    head = (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>\n<style>{STYLE}</style></head>\n'
    )
    return f"{head}<body>\n<h1>{title}</h1>\n{_pages(board, table, '')}</body>\n</html>\n"


STYLE = """
:root { color-scheme: light dark }
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em }
table { border-collapse: collapse; margin: 2em 0 .5em }
caption { text-align: left; padding: .3em 0 }
thead, tbody { border-bottom: 1px solid }
th, td { padding: .2em .6em; text-align: right; white-space: nowrap }
th { font-weight: 500 }
th:nth-child(-n+2), td:nth-child(2), th[scope=rowgroup] { text-align: left }
"""


def sheet(board: Board) -> str:
    """CSV: one line a row, all sections below one head; numbers as they were printed, no marks."""
    metrics = list(dict.fromkeys(metric for section in board.sections for metric in section.metrics))
    lines = [["task", "split", "block", "kind", "model", "mode", *metrics, "95 % of", "95 %", *FACTS, "not comparable", "notes"]]
    for section in board.sections:
        for block, row in _blocks(section):
            main = main_metric(section.metrics)
            numbers = [row.metrics[m].text if m in row.metrics else "" for m in metrics]
            place = [section.task, section.split, block, row.kind, row.model, row.mode]
            interval = [main, row.intervals.get(main, "")]
            reasons = "; ".join(row.reasons)
            lines.append([*place, *numbers, *interval, *(row.facts[fact] for fact in FACTS), reasons, "; ".join(_notes(row))])
    return cells.written(lines)


def data(board: Board) -> str:
    """JSON, with everything that is known of a row."""
    sections = [
        {
            "task": section.task,
            "split": section.split,
            "ranked_under": None if section.identity is None else section.identity._asdict(),
            "ranked_protocol": section.protocol,
            "forced": section.forced,
            "metrics": section.metrics,
            "rows": [_object(section, block, row) for block, row in _blocks(section)],
        }
        for section in board.sections
    ]
    content = {"schema": SCHEMA, "layout": board.layout, "title": board.title, "notes": board.notes, "sections": sections}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


FORMATS: Mapping[str, Callable[[Board], str]] = {
    "text": text,
    "md": markdown,
    "html": page,
    "csv": sheet,
    "json": data,
    "latex": latex,
}


def grid(section: Section) -> Grid:
    """The cells of a section, for the formats that people read."""
    main = main_metric(section.metrics)
    best = {metric: marks(section, metric) for metric in section.metrics}
    reasons = section.forced or bool(section.below)

    def number(row: Row, metric: str, ranked: bool) -> Cell:
        if (cell := row.metrics.get(metric)) is None:
            return Cell("-")
        return Cell(cell.text + (SUSPECT if cell.flag else ""), _rank(best[metric], cell) if ranked else "")

    def line(row: Row, ranked: bool) -> list[Cell]:
        cells = [Cell(row.model if row.kind == PUBLISHED else _short(row.model)), Cell(row.mode)]
        for metric in section.metrics:
            cells += [number(row, metric, ranked), *([Cell(row.intervals.get(main, "-"))] if metric == main else [])]
        why = ["; ".join(row.reasons) or "-"] if reasons else []
        return [Cell(_plain(cell.text), cell.mark) for cell in (*cells, *(Cell(row.facts[f]) for f in FACTS), *map(Cell, why))]

    at = section.metrics.index(main) + 1 if main in section.metrics else 0
    columns = [*section.metrics[:at], *(["95 %"] if at else []), *section.metrics[at:]]
    groups = (
        ("", [line(row, True) for row in section.ranked] + [line(row, False) for row in section.floors]),
        (
            "Not ranked with these" if section.ranked or section.floors else "Not ranked",
            [line(row, False) for row in section.below],
        ),
    )
    return Grid(
        _heading(section),
        ("model", "mode", *columns, *FACTS, *(["not comparable"] if reasons else [])),
        tuple((title, lines) for title, lines in groups if lines),
        tuple(map(_plain, footnotes(section))),
    )


def _pages(board: Board, table: Callable[[Grid], Iterator[str]], title: str) -> str:
    parts = ["\n".join(table(grid(section))) for section in board.sections]
    return "\n\n".join([*([title] if title else []), *parts]) + "\n"


def _title(board: Board) -> str:
    return _plain("; ".join([f"Board {board.layout}{f': {board.title}' if board.title else ''}", *board.notes]))


def _heading(section: Section) -> str:
    place = _plain(f"{section.task}@{section.split}")
    if section.identity is not None:
        version, split, protocol, rules = section.identity
        place += f" v{version} ({split[:8]}), protocol {_plain(protocol)} ({rules[:8]})"
        place += f", 95 % intervals of {main_metric(section.metrics)} clustered by video"
    elif section.protocol is not None:
        place += f", papers only, protocol {section.protocol} as they tell it"
    else:
        place += ", papers only"
    return place + ("; FORCED: rows that may not be compared stand in this ranking" if section.forced else "")


def _blocks(section: Section) -> list[tuple[str, Row]]:
    """Every row of a section with where it stands."""
    named = (("ranked", section.ranked), ("floors and ceilings", section.floors), ("below", section.below))
    return [(name, row) for name, rows in named for row in rows]


def _object(section: Section, block: str, row: Row) -> dict[str, Any]:
    best = {metric: marks(section, metric) for metric in section.metrics} if block == "ranked" else {}
    metrics = {
        name: {
            "value": cell.number,
            "printed": cell.text,
            **({"rank": rank} if (rank := _rank(best.get(name, {}), cell)) else {}),
            **({"paper_mark": cell.mark} if cell.mark else {}),
            **({"suspect": cell.flag} if cell.flag else {}),
            **({"interval_95": row.intervals[name]} if name in row.intervals else {}),
        }
        for name, cell in row.metrics.items()
    }
    identity = None if row.identity is None else row.identity._asdict()
    facts = {"kind": row.kind, "model": row.model, "mode": row.mode, **row.facts, "identity": identity}
    return {"block": block, **facts, "metrics": metrics, "not_comparable": row.reasons, "notes": row.notes}


def _rank(best: Mapping[float | None, str], number: Printed) -> str:
    return "" if number.flag else best.get(number.number, "")


def _notes(row: Row) -> list[str]:
    return [*row.notes, *(f"{metric}: {cell.flag}" for metric, cell in row.metrics.items() if cell.flag)]


def _short(model: str) -> str:
    return model if len(model) <= LONGEST else f"…{model[-LONGEST + 1 :]}"


def _plain(value: str) -> str:
    """One line without control characters: names come from other people's files."""
    return " ".join("".join(character if character.isprintable() else " " for character in value).split())


def _in_markdown(value: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", value)


def _in_latex(value: str) -> str:
    special = {
        **{c: rf"\{c}" for c in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
    special |= {"†": r"$^\dagger$", "…": r"\ldots{}", "<": r"\textless{}", ">": r"\textgreater{}"}
    return "".join(special.get(character, character) for character in value)
