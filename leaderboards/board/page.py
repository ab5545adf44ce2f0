"""A board as one self-contained HTML page: a table that can be read without its script, which adds sorting and choosing."""

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

from leaderboards import web
from leaderboards.board.glossary import meaning
from leaderboards.board.grid import BOUNDS, MODE, RANK, REASONS, Cell, Grid, Line, grid, plain
from leaderboards.board.ranking import Board, board_title
from leaderboards.board.rows import PUBLISHED, RUN, Row

BREAK = re.compile(r"(?<=[/@_-])")
"""Where a name may break."""
WRAP = {"best": "<b>{}</b>", "second": "<u>{}</u>", "": "{}"}
SAID = (MODE, "protocol", "trained on", "commit", "source", REASONS)
"""Columns of words: they stand to the left, and their lines may break."""
HEAD = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'


def page(board: Board) -> str:
    """The page; links lead to what `board.pages` names, and to the papers."""
    script = web.files("leaderboards.view", ("dom.js", "table.js")) + web.files(__package__, ("board.js",))
    style = web.files("leaderboards.view", ("page.css",)) + web.files(__package__, ("board.css",))
    policy = f'<meta http-equiv="Content-Security-Policy" content="{web.policy(script, style)}">'
    title, notes = (
        escape(plain(board_title(board).replace("Board general", "Leaderboard"))),
        "".join(f"<p>{escape(plain(note))}</p>" for note in board.notes),
    )
    sections = "".join(_section(grid(section, board.columns), i, board) for i, section in enumerate(board.sections))
    head = (
        f'<head>{HEAD}{policy}<meta name="referrer" content="no-referrer"><title>{title}</title>\n<style>{style}</style></head>'
    )
    main = f'<main aria-busy="false">\n<header><h1>{title}</h1>{notes}</header>\n{sections}</main>'
    body = f"<body>\n{main}\n<script>{script}</script>\n</body>"
    return f'<!doctype html>\n<html lang="en">\n{head}\n{body}\n</html>\n'


def _section(found: Grid, number: int, board: Board) -> str:
    order = range(len(found.head)) if board.columns else _order(found)
    name, told = f"s{number}", found.heading.partition(" ")[0].rstrip(",")
    heads = "".join(_head(found.head[i], found.main) for i in order)
    groups = "".join(_group(title, lines, [(i, found.head[i]) for i in order], board.pages) for title, lines in found.groups)
    verdict = f'<p class="verdict">{escape(found.verdict)}</p>' if found.verdict else ""
    notes = f"<ul>{''.join(f'<li>{_code(note)}</li>' for note in found.notes)}</ul>" if found.notes else ""
    terms = "".join(
        f"<dt>{escape(found.head[i])}</dt><dd>{escape(meaning(found.head[i]))}</dd>" for i in order if meaning(found.head[i])
    )
    return f"""<section class="board" aria-labelledby="{name}">
<h2 id="{name}">{escape(told)}</h2>
{verdict}<p class="hint">{escape(found.heading)}</p>
<div class="wide" tabindex="0" role="region" aria-label="Table of {escape(told)}">
<table class="figures"><thead><tr>{heads}</tr></thead>
{groups}</table></div>
{notes}<details><summary>What the columns mean</summary><dl class="facts">{terms}</dl></details>
</section>
"""


def _order(found: Grid) -> list[int]:
    """The score beside the name, its interval and its rank after it, as phones show few; reasons stand behind the metrics."""
    first = [found.head.index(name) for name in ("model", found.main, BOUNDS, RANK) if name in found.head]
    mode = [found.head.index(name) for name in (MODE, REASONS) if name in found.head]
    metrics = [i for i, name in enumerate(found.head) if i not in (*first, *mode) and "@" in name]
    rest = [i for i in range(len(found.head)) if i not in (*first, *mode, *metrics)]
    return [*first, *metrics, *mode, *rest]


def _head(name: str, main: str) -> str:
    sort = ' aria-sort="descending"' if name == main else ""
    told = f' title="{escape(meaning(name))}"' if meaning(name) else ""
    return f'<th scope="col"{sort}{told}{_said(name)}>{escape(name)}</th>'


def _group(title: str, lines: tuple[Line, ...], order: list[tuple[int, str]], pages: Mapping[Path, str]) -> str:
    head = (
        f'<tr class="group"><th scope="rowgroup" colspan="{len(order)}"><span>{escape(title)}</span></th></tr>' if title else ""
    )
    return f"<tbody>{head}{''.join(_line(line, order, pages) for line in lines)}</tbody>\n"


def _line(line: Line, order: list[tuple[int, str]], pages: Mapping[Path, str]) -> str:
    kind = {RUN: "run", PUBLISHED: "paper"}.get(line.row.kind, "blind")
    cells = "".join(_cell(line.cells[i], name, line.row, pages) for i, name in order)
    return f'<tr data-kind="{kind}">{cells}</tr>'


def _cell(cell: Cell, name: str, row: Row, pages: Mapping[Path, str]) -> str:
    value = "" if cell.value is None else f' data-value="{cell.value!r}"'
    text = WRAP[cell.mark].format(escape(cell.text))
    if name == "source":
        text = _sources(row, cell.text, pages)
    if name != "model":
        return f"<td{value}{_said(name)}>{text}</td>"
    known = [pages[folder] for folder in row.folders if folder in pages]
    text = BREAK.sub("<wbr>", escape(plain(row.model)))
    linked = f'<a href="{escape(known[0])}">{text}</a>' if known else text
    told = f' title="{escape(meaning(row.model) or plain(row.model))}"'
    return f'<th scope="row"{told}><bdi>{linked}</bdi></th>'


def _said(name: str) -> str:
    return ' class="said"' if name in SAID else ""


def _sources(row: Row, text: str, pages: Mapping[Path, str]) -> str:
    """The pages of every run of a row, and the paper of a published one."""
    if row.url:
        return f'<a href="{escape(row.url)}">{escape(text)}</a>'
    if not any(folder in pages for folder in row.folders):
        return escape(text)
    return ", ".join(
        f'<a href="{escape(pages[one])}">{escape(plain(one.name))}</a>' if one in pages else escape(plain(one.name))
        for one in row.folders
    )


def _code(note: str) -> str:
    """A note, with what stands between backquotes as something to type."""
    parts = escape(note).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts)) if len(parts) % 2 else escape(note)
