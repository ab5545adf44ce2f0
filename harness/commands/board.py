"""`harness board`."""

import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from harness.output import write
from harness.paths import data_root
from leaderboards.board.formats import FORMATS
from leaderboards.board.grid import check_columns
from leaderboards.board.ranking import Board
from leaderboards.board.request import FILES, Request, make, matches, of_file
from leaderboards.results import verify
from leaderboards.web import address, is_apart
from tasks.errors import InputError, quoted

KEYS = ("layout", "published", "format", "group", "task", "protocol")
PAGE = "view.html"
SUFFIXES = {".html": "html", ".md": "md", ".csv": "csv", ".json": "json", ".tex": "latex", ".txt": "text"}
"""Formats by the end of a file's name."""


def main(options: Namespace) -> int:
    """Print a leaderboard of runs and published rows, or write it to a file; no run is changed."""
    request, root = asked(options), data_root(options.data_root)
    if options.verify:
        verify(request.runs, root)
    board = make(request, root)
    check_columns(board)
    if options.output is None:
        sys.stdout.write(FORMATS[request.format](board))
        return 0
    output = Path(options.output)
    write(output, FORMATS[request.format](board._replace(pages=_pages(board, output))).encode())
    sys.stdout.write(f"{output}\n")
    return 0


def _pages(board: Board, output: Path) -> dict[Path, str]:
    """Addresses of the pages that `harness view` wrote into the runs of a board; those that lie apart from it have none."""
    rows = (row for section in board.sections for row in (*section.ranked, *section.below, *section.floors))
    folders = {folder for row in rows for folder in row.folders}
    pages = {folder: page for folder in folders if (page := folder / PAGE).is_file() and not is_apart(page, output)}
    return {folder: address(page, output) for folder, page in pages.items()}


def asked(options: Namespace) -> Request:
    """What the command line asks for; it overrules a `board.yaml` that stands among the runs. Raises InputError."""
    files = [path for path in options.runs if path.endswith(FILES)]
    if len(files) > 1:
        raise InputError("one board", ", ".join(files), f"harness board {quoted(files[0])}")
    request = of_file(Path(files[0])) if files else Request()
    folders = tuple(Path(path) for path in options.runs if not path.endswith(FILES))
    given = {key: value for key in KEYS if (value := getattr(options, key)) is not None}
    given |= {"columns": tuple(options.columns.split(","))} if options.columns else {}
    if options.output is not None and "format" not in given:
        given |= {"format": SUFFIXES[suffix]} if (suffix := Path(options.output).suffix) in SUFFIXES else {}
    labels = (*request.labels, *(label for text in options.label for label in _labels(text)))
    return replace(request, runs=(*request.runs, *folders), labels=labels, force=request.force or options.force, **given)


def _labels(text: str) -> list[tuple[Path, str]]:
    pattern, _, label = text.rpartition("=")
    if not pattern or not label:
        raise InputError("RUN=TEXT as a label", repr(text), "harness board --label RUN=TEXT RUN…")
    return [(folder, label) for folder in matches(Path(pattern), "harness board --label RUN=TEXT RUN…")]
