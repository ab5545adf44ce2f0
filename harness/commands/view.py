"""`harness view`."""

import gc
import os
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten

from harness import store
from harness.arguments import given
from harness.output import write
from harness.paths import data_root, without_folders
from leaderboards.board import runs as board
from leaderboards.board.places import MOST, verdicts
from leaderboards.board.rows import Row
from leaderboards.view.index import Listed, index_data
from leaderboards.view.page import index_page, run_page
from leaderboards.view.runs import choose, data_of
from leaderboards.web import address
from tasks.errors import InputError

PAGE, PAIR, INDEX = "view.html", "comparison.html", "index.html"


def main(options: Namespace) -> int:
    """Write the page of a run, of two runs side by side, or of a folder of runs with a page for each."""
    paths = [Path(path) for path in options.runs]
    if len(paths) > 2:
        raise InputError("one run, two runs, or a folder of runs", f"{len(paths)} paths", "harness board RUNS… for many")
    if len(paths) == 1 and paths[0].is_dir() and not (paths[0] / store.RUN).is_file():
        return _folder(options, paths[0])
    output = Path(options.output or (paths[0] / PAGE if len(paths) == 1 else PAIR))
    _write_page(options, paths, output)
    return 0


def _write_page(options: Namespace, paths: Sequence[Path], output: Path) -> None:
    chosen = choose(paths, **given(choose, options))
    # What was read stays to the end: collections need not walk it again and again.
    gc.freeze()
    write(output, run_page(data_of(chosen, output)).encode())
    sys.stdout.write(f"{output}\n")


def _folder(options: Namespace, folder: Path) -> int:
    """Write a page for each run below a folder, and the page that lists them; with `--output`, all of them there."""
    output = Path(options.output or folder / INDEX)
    listed: list[Listed] = []
    root, entries = data_root(options.data_root), {}
    refused: list[tuple[str, str]] = []
    for run in board.find([folder]):
        name = os.path.relpath(run, folder.resolve())
        page = (run if name.startswith(os.pardir) else output.parent / name) / PAGE
        try:
            entries[run] = board.load(run, root, options.protocol)
            _write_page(options, [run], page)
        except InputError as error:
            refused.append((name, without_folders(f"{error.found} (expected {shorten(error.expected, 160, placeholder=' …')})")))
            sys.stderr.write(f"no page for {run}: {error.found}\n")
        else:
            listed.append(Listed(name, address(page, output), entries[run].rows))

    def told(rows: Sequence[Row]) -> Mapping[str, str]:
        known = {i: row for i, row in enumerate(rows) if not row.reasons}
        return verdicts(rows, rows[0].main, board.judged(known, entries, root)) if 1 < len(known) <= MOST else {}

    write(output, index_page(index_data(f"Runs in {folder.resolve().name}", listed, refused, told)).encode())
    sys.stdout.write(f"{output}\n")
    return 0
