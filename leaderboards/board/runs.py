"""Recorded runs, read for comparison: nothing in a run folder is changed."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from harness import store
from harness.commands.plans import as_run
from harness.plan import Plan, make_plan
from harness.run import score_plan
from harness.scoring import SCHEMA as SCORES_SCHEMA
from leaderboards.board.rows import Row, of_run
from tasks import protocol as protocols
from tasks.errors import InputError

AGAIN = "type the command of that run again: it continues"


class Recorded(NamedTuple):
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


def load(folder: Path, data_root: Path) -> Recorded:
    """The rows of a run; a run without scores is scored on the spot.

    Raises:
        InputError: A file is of another version, cut short or not as the harness writes it.
    """
    try:
        run = store.read_run(folder)
    except InputError as error:
        raise InputError(error.expected, error.found, "use the version of the harness that wrote it, or a newer one") from error
    if run is None:
        raise InputError("a run folder", f"no {store.RUN} in {folder}", "harness board RUN")
    try:
        _check_end(folder / store.SAMPLES, run["status"] == "finished")
        scores = _scores(folder, run["spec"]) or _scored(folder, run, data_root)
        return Recorded(run["spec"], of_run(run, scores, folder))
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{store.RUN} and {store.SCORES} as the harness writes them", f"{folder}: {error!r}", AGAIN) from error


def plan_of(spec: Mapping[str, Any], data_root: Path) -> Plan:
    """The plan that a run was made from, under the rules that it recorded. Raises InputError if its samples are not there."""
    plan = make_plan(f"{spec['task']}@{spec['split']}", None, None, (), data_root, limit=spec["limit"], seed=spec["seed"])
    if plan.split_sha256 != spec["split_sha256"]:
        made_on = f"the samples of {plan.name} that the runs were made on, {spec['split_sha256'][:8]}"
        raise InputError(made_on, f"{plan.split_sha256[:8]} below {data_root}", "--data-root DIR")
    return replace(plan, protocol=protocols.from_dict(spec["protocol"]), modes=tuple(spec["modes"]))


def _scores(folder: Path, spec: Mapping[str, Any]) -> dict[str, Any] | None:
    """`scores.json` of a run, None if there is none."""
    path = folder / store.SCORES
    if not path.is_file():
        return None
    try:
        scores: dict[str, Any] = _without_samples(path.read_bytes())
        if scores["schema"] != SCORES_SCHEMA:
            raise ValueError(f"schema {scores['schema']!r}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"a {store.SCORES} of schema {SCORES_SCHEMA} in {folder}", repr(error)[:200], f"remove it, or {AGAIN}"
        ) from error
    theirs = tuple(scores[key] for key in ("task", "split_sha256", "protocol_sha256"))
    if theirs != (spec["task"], spec["split_sha256"], spec["protocol"]["sha256"]):
        raise InputError(f"the scores of the run in {folder}", f"{store.SCORES} of another one", f"remove it, or {AGAIN}")
    return scores


def _without_samples(content: bytes) -> Any:
    """The content of a `scores.json` with empty lists of samples, which are nearly all of it and stay undecoded.

    No line end can stand in a JSON string, and no other list of a mode starts at its depth, so in a file as `store.write_json`
    indents it the last line of three blanks and a bracket before the next such list ends it. A file that is indented in another
    way is read whole.
    """
    start, end = b'\n   "samples": [\n', b"\n   ]"
    head, *lists = content.split(start)
    try:
        return json.loads(start.join([head, *(part[max(part.rfind(end), 0) :] for part in lists)]).decode())
    except ValueError:
        return json.loads(content.decode())


def _scored(folder: Path, run: Mapping[str, Any], data_root: Path) -> dict[str, Any]:
    spec = run["spec"]
    records = store.read_records(folder)
    plan = as_run(plan_of(spec, data_root), spec.get("ids_sha256"), (identifier for identifier, _ in records))
    missing = sum((sample.id, mode) not in records for sample in plan.samples for mode in plan.modes)
    if missing and run["status"] == "finished":
        found = f"{missing:,} of {len(plan.samples) * len(plan.modes):,} missing in {folder / store.SAMPLES}"
        raise InputError("a record of every question of a finished run", found, AGAIN)
    return score_plan(plan, records)


def _check_end(path: Path, finished: bool) -> None:
    """Refuse a file of records that was cut."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        last = file.read()
    if last not in (b"\n", b"") or (finished and not last):
        raise InputError("a file of records that ends with a whole line", f"{path} is cut short", AGAIN)
