"""A board as a terminal, a Markdown or HTML page, a spreadsheet, a program or a paper wants it."""

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tabulate import tabulate

from harness.predictions.cells import written
from leaderboards.board.cells import FACTS, NONE, agreed, facts, interval, notes, number, suspicions
from leaderboards.board.ranking import Board, Section, marks
from leaderboards.board.rows import PUBLISHED, RUN, Number, Row

SCHEMA = "vtg-harness/board/2"
SUSPECT = "†"
LONGEST, NAMED = 40, 3
"""Characters of a model's name in a table, and models that a footnote names."""
Cell = tuple[str, str]
"""Text, and `best`, `second` or nothing."""


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
            rows = [[text for text, _ in line] for line in lines]
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
                yield f"| {' | '.join(wrap[mark].format(_in_markdown(text)) for text, mark in line)} |"
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
                yield " & ".join(wrap[mark].format(_in_latex(text)) for text, mark in line) + r" \\"
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
                cells = "".join(f"<td>{wrap[mark].format(html.escape(text))}</td>" for text, mark in others)
                yield f'<tr><th scope="row">{html.escape(first[0])}</th>{cells}</tr>'
            yield "</tbody>"
        yield "</table>"
        if grid.notes:
            yield f"<ul>{''.join(f'<li>{html.escape(note)}</li>' for note in grid.notes)}</ul>"

    title = html.escape(_title(board))
    head = f'<head><meta charset="utf-8"><title>{title}</title>\n<style>{STYLE}</style></head>'
    body = f"<body>\n<h1>{title}</h1>\n{_pages(board, table, '')}</body>"
    return f'<!doctype html>\n<html lang="en">\n{head}\n{body}\n</html>\n'


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
    """CSV: one line a row, all sections below one head; numbers as people read them, no marks."""
    metrics = list(dict.fromkeys(metric for section in board.sections for metric in section.metrics))
    place, spread = ("task", "split", "block", "kind", "model", "mode"), ("ranked by", "95 %", "sd")
    lines = [[*place, *metrics, *spread, *FACTS, "not comparable", "notes"]]
    for section in board.sections:
        for block, row in _blocks(section):
            main = row.metrics.get(section.main, NONE)
            found = [number(row.metrics.get(metric, NONE)._replace(sd=None)) for metric in metrics]
            found += [section.main, interval(main), number(Number(main.sd)), *facts(row).values()]
            found += ["; ".join(row.reasons), "; ".join((*notes(row), *suspicions(row)))]
            lines.append([section.task, section.split, block, row.kind, row.model, row.mode, *found])
    return written(lines)


def data(board: Board) -> str:
    """JSON, with everything that is known of a row."""
    sections = [
        {"task": section.task, "split": section.split, "ranked_under": _identity(section), "ranked_protocol": section.protocol}
        | {"forced": section.forced, "metrics": section.metrics, "ranked_by": section.main}
        | {"rows": [_object(section, block, row) for block, row in _blocks(section)]}
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
    """The cells of a section, for the formats that people read.

    A column of facts in which nothing is known is left out; one in which all models agree is said once, below.
    """
    best = {metric: marks(section, metric) for metric in section.metrics}
    rows = [row for _, row in _blocks(section)]
    told = [facts(row) for row in rows if row.kind in (RUN, PUBLISHED)] or [facts(row) for row in rows]
    alike = agreed(told)
    known = [fact for fact in FACTS if fact not in alike and any(one[fact] != "-" for one in told)]
    bounded = section.main if any(row.metrics.get(section.main, NONE).interval for row in rows) else None
    reasons = section.forced or bool(section.below)

    def line(row: Row, ranked: bool) -> list[Cell]:
        found: list[Cell] = [(row.model if row.kind == PUBLISHED else _short(row.model), ""), (row.mode, "")]
        for metric in section.metrics:
            cell = row.metrics.get(metric, NONE)
            found.append((number(cell) + (SUSPECT if cell.flag else ""), _rank(best[metric], cell) if ranked else ""))
            if metric == bounded:
                found.append((interval(cell), ""))
        found += [(facts(row)[fact], "") for fact in known]
        found += [("; ".join(row.reasons) or "-", "")] if reasons else []
        return [(_plain(text), mark) for text, mark in found]

    columns = [name for metric in section.metrics for name in (metric, *(["95 %"] if metric == bounded else []))]
    said = [f"{fact} {text}" for fact, text in alike.items() if text != "-"]
    above = [line(row, True) for row in section.ranked] + [line(row, False) for row in section.floors]
    below = [line(row, False) for row in section.below]
    groups = (("", above), ("Not ranked with these" if above else "Not ranked", below))
    return Grid(
        _heading(section),
        ("model", "mode", *columns, *known, *(["not comparable"] if reasons else [])),
        tuple((title, lines) for title, lines in groups if lines),
        tuple(map(_plain, [*([f"every model: {', '.join(said)}"] if said else []), *_footnotes(section)])),
    )


def _footnotes(section: Section) -> list[str]:
    """Notes and suspicions of the rows of a section, each once."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in (*section.ranked, *section.below):
        for note in (*notes(row), *suspicions(row)):
            found.setdefault((row.source, note), []).append(row.model)
    named = {key: f" ({', '.join(models)})" if len(models) <= NAMED else "" for key, models in found.items()}
    return [f"{source}{named[source, note]}: {note}" for source, note in sorted(found)]


def _pages(board: Board, table: Callable[[Grid], Iterator[str]], title: str) -> str:
    parts = ["\n".join(table(grid(section))) for section in board.sections]
    return "\n\n".join([*([title] if title else []), *parts]) + "\n"


def _title(board: Board) -> str:
    return _plain("; ".join([f"Board {board.layout}{f': {board.title}' if board.title else ''}", *board.notes]))


def _heading(section: Section) -> str:
    place = _plain(f"{section.task}@{section.split}")
    if (known := section.identity) is not None:
        place += f" v{known.task_version} ({known.split_sha256[:8]}), protocol {_plain(known.rules)}"
        place += f", 95 % intervals of {section.main} clustered by video"
    else:
        place += f", papers only{'' if section.protocol is None else f', protocol {section.protocol} as they tell it'}"
    return place + ("; FORCED: rows that may not be compared stand in this ranking" if section.forced else "")


def _blocks(section: Section) -> list[tuple[str, Row]]:
    """Every row of a section with where it stands."""
    named = (("ranked", section.ranked), ("floors and ceilings", section.floors), ("below", section.below))
    return [(name, row) for name, rows in named for row in rows]


def _object(section: Section, block: str, row: Row) -> dict[str, Any]:
    best = {metric: marks(section, metric) for metric in section.metrics} if block == "ranked" else {}
    metrics = {}
    for name, cell in row.metrics.items():
        known = {"rank": _rank(best.get(name, {}), cell), "paper_mark": cell.mark, "suspect": cell.flag}
        bounds = {"interval_95": cell.interval, "sd": cell.sd}
        told = {key: value for key, value in {**known, **bounds}.items() if value not in ("", None)}
        metrics[name] = {"value": cell.value, "printed": number(cell), **told}
    named = {"block": block, "kind": row.kind, "model": row.model, "mode": row.mode, **facts(row), "identity": _identity(row)}
    return {**named, "metrics": metrics, "not_comparable": row.reasons, "notes": notes(row)}


def _identity(found: Section | Row) -> dict[str, Any] | None:
    return None if found.identity is None else found.identity._asdict()


def _rank(best: Mapping[float | None, str], found: Number) -> str:
    return "" if found.flag else best.get(found.value, "")


def _short(model: str) -> str:
    return model if len(model) <= LONGEST else f"…{model[-LONGEST + 1 :]}"


def _plain(value: str) -> str:
    """One line without control characters: names come from other people's files."""
    return " ".join("".join(character if character.isprintable() else " " for character in value).split())


def _in_markdown(value: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", value)


_LATEX = str.maketrans(
    {c: rf"\{c}" for c in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"†": r"$^\dagger$", "…": r"\ldots{}", "<": r"\textless{}", ">": r"\textgreater{}"}
)


def _in_latex(value: str) -> str:
    return value.translate(_LATEX)
