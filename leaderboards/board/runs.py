"""Recorded runs as rows of a board: nothing in a run folder is changed."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from harness import store
from harness.recorded import as_written, check_last_line, open_run
from leaderboards.board.rows import Row, of_run
from tasks.errors import InputError


class Entry(NamedTuple):
    """The `spec` of a run's `run.json`, and its rows."""

    spec: Mapping[str, Any]
    rows: list[Row]


def find(paths: Iterable[Path]) -> list[Path]:
    """Run folders among these folders and below them, each once, sorted. Raises InputError where there is none."""
    found: set[Path] = set()
    for path in paths:
        here = {file.parent.resolve() for file in path.rglob(store.RUN)} if path.is_dir() else set()
        if not here:
            step = "harness run --model MODEL --tasks TASK --output DIR"
            raise store.no_run(path, "a run folder, or a folder of runs", step)
        found |= here
    return sorted(found)


def load(folder: Path, data_root: Path) -> Entry:
    """The rows of a run; one without scores is scored on the spot, and what an unfinished one lacks counts as not run.

    Raises:
        InputError: A file is of another version, cut short or not as the harness writes it.
    """
    if (run := store.read_run(folder)) is None:
        raise InputError("a run folder", f"no {store.RUN} in {folder}", "harness board RUN")
    with as_written(folder):
        finished = run["status"] == "finished"
        if finished and (folder / store.SAMPLES).is_file():
            check_last_line(folder)
        scores = store.read_scores(folder, run["spec"]) or open_run(folder, data_root=data_root, whole=finished).scores
        return Entry(run["spec"], of_run(run, scores, folder))
