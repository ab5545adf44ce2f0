"""Recorded runs and files of predictions as rows of a board: nothing in a run folder is changed."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from harness import store
from harness.recorded import as_written, check_last_line, named, open_run, own_data, plan_of
from leaderboards.board.places import Judged, of_samples
from leaderboards.board.rows import Row, of_run
from tasks.errors import InputError


class Entry(NamedTuple):
    """A run, or a file of predictions, as rows.

    Attributes:
        spec: What was asked, with the protocol it is scored under; that of `run.json`, but for a protocol that was chosen.
        rows: One a mode.
        scores: With every sample; None where `scores.json` of the run holds them.
        own_data: The user's own data that was asked, with its split, where it is known where they lie.
    """

    spec: Mapping[str, Any]
    rows: list[Row]
    scores: Mapping[str, Any] | None = None
    own_data: str | None = None


def find(paths: Iterable[Path]) -> list[Path]:
    """Run folders among these folders and below them, each once, sorted; none in a hidden one.

    Raises InputError where there is none.
    """
    found: set[Path] = set()
    for path in paths:
        files = (file for file in path.rglob(store.RUN) if not any(p.startswith(".") for p in file.relative_to(path).parts))
        here = {file.parent.resolve() for file in files} if path.is_dir() else set()
        if not here:
            step = "harness run --model MODEL --tasks TASK --output DIR"
            raise store.no_run(path, "a run folder, or a folder of runs", step)
        found |= here
    return sorted(found)


def load(folder: Path, data_root: Path, protocol: str | None = None) -> Entry:
    """The rows of a run; one without scores is scored on the spot, and what an unfinished one lacks counts as not run.

    With a protocol, the replies are scored under it, and a note says under which they were asked.

    Raises:
        InputError: A file is of another version, cut short or not as the harness writes it.
    """
    if (run := store.read_run(folder)) is None:
        raise InputError("a run folder", f"no {store.RUN} in {folder}", "harness board RUN")
    with as_written(folder):
        finished, spec = run["status"] == "finished", run["spec"]
        if finished and (folder / store.SAMPLES).is_file():
            check_last_line(folder)
        if protocol is None and (scores := store.read_scores(folder, spec)) is not None:
            return Entry(spec, of_run(run, scores, folder), own_data=own_data(run))
        again = open_run(folder, protocol=protocol, data_root=data_root, whole=finished)
        spec = spec if protocol is None else {**spec, "protocol": again.plan.spec()["protocol"]}
        note = () if again.asked == again.plan.protocol else (f"asked under {named(again.asked)}, scored again",)
        doubt = (again.misread,) if again.misread else ()
        rows = [
            replace(row, notes=(*row.notes, *note), reasons=(*row.reasons, *doubt))
            for row in of_run({**run, "spec": spec}, again.scores, folder)
        ]
        return Entry(spec, rows, again.scores, own_data(run))


def load_file(path: Path, data_root: Path, task: str | None, protocol: str | None = None) -> Entry:
    """The rows of a file of predictions, which is called by its name. Raises InputError, as `harness score` does."""
    run = open_run(path, task=task, protocol=protocol, data_root=data_root)
    spec = {**run.plan.spec(), "model": {"name": path.stem, "backend": "file"}}
    rows = of_run({"spec": spec, "sessions": [{"environment": {"harness": "", "commit": None}}]}, run.scores, path)
    own = f"{run.plan.task.own_path}@{run.plan.split}" if run.plan.task.own_path else None
    return Entry(spec, [replace(row, commit="-", source=path.name, notes=run.notes) for row in rows], run.scores, own)


def values(entry: Entry, folder: Path, mode: str) -> dict[str, float]:
    """The main metric of each sample in one mode, in percent, NaN where it does not count; empty where none is kept."""
    with as_written(folder):
        scores = entry.scores or json.loads((folder / store.SCORES).read_text(encoding="utf-8"))
        found = scores["modes"][mode].get("samples", ())
        return {one["id"]: math.nan if one.get("dropped") or one["value"] is None else 100 * one["value"] for one in found}


def judged(rows: Mapping[int, Row], entries: Mapping[Path, Entry], data_root: Path) -> Judged:
    """The values of rows of one split under the same rules, by their numbers. Raises InputError."""
    known = {i: [values(entries[one.resolve()], one, row.mode) for one in row.folders] for i, row in rows.items()}
    first = next(iter(rows.values()))
    entry = entries[first.folders[0].resolve()]
    plan = plan_of({**entry.spec, "limit": None, "ids_sha256": None}, entry.own_data, data_root=data_root)
    return of_samples(known, plan.samples, plan.protocol)
