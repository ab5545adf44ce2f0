"""A board as a terminal, a Markdown or HTML page, a spreadsheet, a program or a paper wants it."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tabulate import tabulate

from harness.predictions.cells import written
from leaderboards.board.cells import FACTS, NONE, facts, interval, notes, number, suspicions
from leaderboards.board.grid import MODE, REASONS, Grid, blocks, grid, plain, rank
from leaderboards.board.page import page
from leaderboards.board.ranking import Board, Section, board_title, marks
from leaderboards.board.rows import Number, Row

SCHEMA = "vtg-harness/board/2"
LEFT = ("model", MODE)
"""Columns of words."""


def text(board: Board) -> str:
    """For a terminal."""

    def table(grid: Grid) -> Iterator[str]:
        yield from (*([grid.verdict] if grid.verdict else []), grid.heading)
        sides = ["left" if name in LEFT else "right" for name in grid.head]
        for title, lines in grid.groups:
            if title:
                yield f"\n{title}:"
            rows = [[cell.text for cell in line.cells] for line in lines]
            yield str(tabulate(rows, grid.head, "simple", disable_numparse=True, colalign=sides))
        yield from ("", *grid.notes) if grid.notes else ()

    return _pages(board, table, _title(board))


def markdown(board: Board) -> str:
    """For a README: the best number of a column bold, the second underlined."""
    wrap = {"best": "**{}**", "second": "<u>{}</u>", "": "{}"}

    def table(grid: Grid) -> Iterator[str]:
        yield from (f"{_in_markdown(line)}\n" for line in (grid.verdict, grid.heading) if line)
        for title, lines in grid.groups:
            if title:
                yield f"\n{title}:\n"
            yield f"| {' | '.join(map(_in_markdown, grid.head))} |"
            yield f"|{''.join('---|' if name in LEFT else '---:|' for name in grid.head)}"
            for line in lines:
                yield f"| {' | '.join(wrap[cell.mark].format(_in_markdown(cell.text)) for cell in line.cells)} |"
        yield from ("", *(f"- {_in_markdown(note)}" for note in grid.notes)) if grid.notes else ()

    return _pages(board, table, _in_markdown(_title(board)))


def latex(board: Board) -> str:
    """For a paper, with booktabs: names and metrics alone unless columns are chosen; the best bold, the second underlined.

    What a paper says in its caption (rules, intervals, notes) stands beside it as comments.
    """
    wrap = {"best": r"\textbf{{{}}}", "second": r"\underline{{{}}}", "": "{}"}

    def table(grid: Grid) -> Iterator[str]:
        yield from (f"% {_in_latex(line)}" for line in (grid.verdict, grid.heading) if line)
        columns = "".join("l" if name in LEFT else "r" for name in grid.head)
        yield rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}"
        yield rf"\toprule{chr(10)}{' & '.join(map(_in_latex, grid.head))} \\"
        for title, lines in grid.groups:
            yield r"\midrule"
            if title:
                yield rf"\multicolumn{{{len(grid.head)}}}{{@{{}}l}}{{\textit{{{_in_latex(title)}}}}} \\"
            for line in lines:
                yield " & ".join(wrap[cell.mark].format(_in_latex(cell.text)) for cell in line.cells) + r" \\"
        yield "\\bottomrule\n\\end{tabular}"
        yield from (f"% {_in_latex(note)}" for note in grid.notes)
        told = [(line.row.model, ", ".join(line.row.reasons)) for _, lines in grid.groups for line in lines if line.row.reasons]
        yield from (f"% {_in_latex(plain(f'{model}: {reasons}'))}" for model, reasons in told)

    return _pages(board, table, f"% {_title(board)}\n% \\usepackage{{booktabs}}", _of_papers)


def _of_papers(section: Section) -> tuple[str, ...]:
    """The columns of a paper's table: names, metrics, and modes where there are several."""
    modes = {row.mode for row in section.ranked}
    return ("model", *([MODE] if len(modes) > 1 else []), *section.metrics, *([REASONS] if section.forced else []))


def sheet(board: Board) -> str:
    """CSV: one line a row, all sections below one head; numbers as people read them, no marks."""
    metrics = list(dict.fromkeys(metric for section in board.sections for metric in section.metrics))
    place, spread = ("task", "split", "block", "kind", "model", "mode"), ("ranked by", "95 %", "sd")
    lines = [[*place, *metrics, *spread, *FACTS, "not comparable", "notes"]]
    for section in board.sections:
        for block, row in blocks(section):
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
        | {"forced": section.forced, "metrics": section.metrics, "ranked_by": section.main, "verdict": section.verdict}
        | {"rows": [_object(section, block, row) for block, row in blocks(section)]}
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


def _pages(
    board: Board, table: Callable[[Grid], Iterator[str]], title: str, usual: Callable[[Section], tuple[str, ...]] | None = None
) -> str:
    columns = [board.columns or (usual(section) if usual else ()) for section in board.sections]
    parts = ["\n".join(table(grid(*one))) for one in zip(board.sections, columns, strict=True)]
    return "\n\n".join([*([title] if title else []), *parts]) + "\n"


def _title(board: Board) -> str:
    return plain("; ".join([board_title(board), *board.notes]))


def _object(section: Section, block: str, row: Row) -> dict[str, Any]:
    ranked = block == "ranked"
    best = {metric: marks(section, metric) for metric in section.metrics} if ranked else {}
    place = section.places[section.ranked.index(row)] if ranked and section.places else None
    metrics = {}
    for name, cell in row.metrics.items():
        known = {"rank": rank(best.get(name, {}), cell), "paper_mark": cell.mark, "suspect": cell.flag}
        bounds = {"interval_95": cell.interval, "sd": cell.sd}
        told = {key: value for key, value in {**known, **bounds}.items() if value not in ("", None)}
        metrics[name] = {"value": cell.value, "printed": number(cell), **told}
    named = {"block": block, "kind": row.kind, "model": row.model, "mode": row.mode, **facts(row), "place": place}
    return {**named, "identity": _identity(row), "metrics": metrics, "not_comparable": row.reasons, "notes": notes(row)}


def _identity(found: Section | Row) -> dict[str, Any] | None:
    return None if found.identity is None else found.identity._asdict()


def _in_markdown(value: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", value)


_LATEX = str.maketrans(
    {c: rf"\{c}" for c in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"†": r"$^\dagger$", "…": r"\ldots{}", "<": r"\textless{}", ">": r"\textgreater{}"}
)


def _in_latex(value: str) -> str:
    # After `\\` and `\midrule` LaTeX takes a bracket or a star at the start of a row for an argument of theirs.
    return re.sub(r"^[\[*]", r"{\g<0>}", value.translate(_LATEX))
