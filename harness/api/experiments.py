"""`experiment`: recipes x splits x seeds, trained, evaluated and compared."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from os import fspath
from pathlib import Path
from typing import Any, NamedTuple

from harness import extras, named_files, paths, store
from harness.cli import main as harness
from harness.evaluate import evaluate
from harness.models.checkpoint import RECORD
from harness.models.options import Options
from harness.named_files import Paths
from harness.paths import AnyPath, run_beside
from harness.plan import Plan, listed, spread
from leaderboards import experiment as tables
from leaderboards.trainings import RESULT, SCHEMA, TABLE
from tasks.errors import InputError
from trainers import cells, preflight
from trainers.cells import Cell, Job
from trainers.experiment import Experiment, check_packages, load
from trainers.labels import BASE
from trainers.located import path_of

FEW = 20
"""Samples of each split that the table is tried on."""


class CellsError(RuntimeError):
    """Commands of an experiment that failed, each with the end of its output; other cells are kept, and the same call goes on."""


@dataclass(frozen=True, repr=False)
class Finished:
    """A finished experiment; shows itself as its tables.

    Attributes:
        path: The folder of the experiment.
        table: The board of each split and training set, with the contrasts.
        result: The content of `experiment.json`.
    """

    path: Path
    table: str
    result: Mapping[str, Any]

    def to_pandas(self) -> Any:
        """The contrasts, a row each, as `pandas.DataFrame`. Raises InputError without the extra `train`."""
        return extras.package("pandas", "train").DataFrame(self.result["contrasts"])

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return self.table


def experiment(
    file: AnyPath,
    *,
    output: AnyPath | None = None,
    jobs: int = 1,
    launcher: str = "",
    without: str | Sequence[str] | None = None,
    data_root: AnyPath | None = None,
    annotations: Paths = (),
    include: Paths = (),
) -> Finished:
    """Train, evaluate and compare every cell of an experiment; the same call continues an interrupted experiment.

    Raises:
        InputError: The command would refuse the same.
        CellsError: Trainings or runs of the experiment failed.
    """
    named_files.use(include, annotations)
    check_packages()
    if launcher and shutil.which(launcher.split()[0]) is None:
        raise InputError("a --launcher that can be started", launcher, "--launcher 'torchrun --nproc-per-node 4'")
    work = prepared(file, output, jobs, without, data_root, annotations)
    found, folder, root = work.found, work.folder, work.root
    preflight.check_here(found)
    if any(commands for _, commands in (*work.first, *work.left)):
        _check(_rehearse(found, folder, root, work.common))
        _check(cells.execute(work.first, jobs, launcher, _tell))
    tried = _tried(work.grid, work.dev, root)
    chosen = tables.choose(tried)
    final = cells.final_cells(found.experiment, folder, chosen)
    _check(cells.execute(work.jobs_of(final, found.experiment.evaluate), jobs, launcher, _tell))
    cells.check_identical(found.experiment, [*work.grid, *final])
    text, contrasts = _results(found, folder, final, root)
    text = tables.first_of_all(contrasts) + tables.choices(tried, chosen, "".join(work.dev)) + text
    (folder / TABLE).write_text(text, encoding="utf-8")
    store.write_json(folder / RESULT, _document(found.experiment, folder, work.grid, final, contrasts))
    return Finished(folder, text, json.loads((folder / RESULT).read_text(encoding="utf-8")))


class Work(NamedTuple):
    """What an experiment is going to do: cells of its grid, the commands that come first, and those that are known to follow."""

    found: preflight.Planned
    folder: Path
    root: Path
    common: list[str]  # Options of every command
    grid: list[Cell]
    dev: list[str]
    first: list[Job]
    left: list[Job]

    def jobs_of(self, some: Sequence[Cell], splits: Sequence[str]) -> list[Job]:
        """The commands that are left of some cells."""
        return [(one, cells.commands(self.found.experiment, one, splits, self.common)) for one in some]

    def show(self) -> str:
        """The commands, a line each; what this machine lacks is told, for another one may have it."""
        rehearsal = cells.rehearsal_commands(self.found.experiment, self.folder, self.common)
        _warn(self.found)
        listed = (arguments for _, some in (rehearsal, *self.first, *self.left) for arguments in some)
        return "".join(f"harness {shlex.join(arguments)}\n" for arguments in listed)


def prepared(
    file: AnyPath,
    output: AnyPath | None,
    jobs: int,
    without: str | Sequence[str] | None,
    data_root: AnyPath | None,
    annotations: Paths,
) -> Work:
    """Read and check an experiment; nothing is started. Raises InputError."""
    if jobs < 1:
        raise InputError("--jobs of at least 1", str(jobs), "--jobs 1")
    asked = load(fspath(file), listed(without))
    folder, root = Path(output or f"experiments/{asked.name}"), paths.data_root(data_root)
    common = ["--data-root", str(root), *named_files.typed(annotations)]
    found = preflight.planned(asked, root, path_of(fspath(file)))
    asked = found.experiment
    planned, grid = cells.planned_cells(asked, folder), cells.grid_cells(asked, folder)
    work = Work(found, folder, root, common, grid, [asked.dev] if asked.grid and asked.dev else [], [], [])
    first = [cells.base_commands(asked, folder, common), *work.jobs_of(grid, work.dev)]
    tried = _tried(grid, work.dev, root)
    left = cells.final_cells(asked, folder, tables.choose(tried)) if tried or not grid else planned[len(grid) :]
    _tell(_size(planned, len(grid), asked))
    return work._replace(first=first, left=work.jobs_of(left, asked.evaluate))


def _check(problems: Sequence[str]) -> None:
    if problems:
        raise CellsError("\n".join([*problems, "Finished cells are kept. The same command continues the experiment."]))


def _tried(grid: Sequence[Cell], dev: Sequence[str], root: Path) -> dict[tuple[str, str, str], list[float]]:
    """Main metrics on dev by what was trained on, recipe and point of the grid; empty until all of them are there."""
    tried: dict[tuple[str, str, str], list[float]] = {}
    for one in grid:
        folder = run_beside(one.folder, dev[0])
        if not cells.finished(folder / store.RUN):
            return {}
        tried.setdefault((one.row, one.label, one.change), []).append(tables.score(folder, root))
    return tried


def _rehearse(found: preflight.Planned, output: Path, root: Path, common: Sequence[str]) -> list[str]:
    """Everything that comes after a training, before the first; what failed is returned.

    Every table is made from a model that does not look, every training says what it would do, and the base is asked one sample.
    """
    experiment = found.experiment
    with tempfile.TemporaryDirectory() as folder:
        for plan in (*found.evaluated, *found.choosing):
            few, run = _few(plan, FEW), run_beside(Path(folder), plan.name)
            with contextlib.redirect_stderr(io.StringIO()):
                list(evaluate([few], "whole-video", Options(), output=run))
            _try_table(few, experiment, run, root)
            if plan in found.choosing:
                tables.score(run, root)
    planned = (one for one in cells.planned_cells(experiment, output) if cells.CHOSEN not in one.change)
    for _, seeds in groupby(planned, lambda one: (one.row, one.label, one.change)):
        if not cells.finished((one := next(seeds)).folder / RECORD):
            _would_train(experiment, one, common)
    job = cells.rehearsal_commands(experiment, output, common)
    if problems := cells.execute([job], 1, "", _tell):
        return problems
    _try_table(_few(found.evaluated[0], 1), experiment, run_beside(job[0].folder, experiment.evaluate[0]), root)
    return []


def _few(plan: Plan, limit: int) -> Plan:
    """A plan of a few of its samples, as `--limit` chooses them."""
    chosen, blind = (spread(plan.samples, limit, plan.seed, there) for there in (plan.videos, ()))
    return replace(plan, samples=chosen, limit=limit, split_samples=plan.samples, chosen_by_videos=chosen != blind)


def _try_table(plan: Plan, experiment: Experiment, run: Path, root: Path) -> None:
    """The table of one split, with the same run in the place of every other. Raises InputError where it cannot be made."""
    systems = {label: [run for _ in experiment.seeds] for label in experiment.recipes}
    tables.rendered(tables.contrasted(plan, systems, experiment.contrasts))
    tables.board(plan, systems, {BASE: run}, "rehearsal", root)


def _would_train(experiment: Experiment, one: Cell, common: Sequence[str]) -> None:
    """Ask a training what it would do. Raises InputError where it would stop."""
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        code = harness([*cells.train_command(experiment, one, common), "--dry-run"])
    if code:
        found = "\n          ".join([str(one), *said.getvalue().strip().splitlines()[-6:]])
        raise InputError("every training of the plan to be able to start", found, "edit the file")


def _results(found: preflight.Planned, output: Path, final: Sequence[Cell], root: Path) -> tuple[str, list[tables.Contrast]]:
    """The board of each split and training set, each with its contrasts."""
    text, contrasts = "", []
    for number, (name, plan) in enumerate(zip(found.experiment.evaluate, found.evaluated, strict=True)):
        for row in found.experiment.train:
            systems: dict[str, list[Path]] = {}
            for one in final:
                if one.row == row:
                    systems.setdefault(one.label, []).append(run_beside(one.folder, name))
            title = f"trained on {row}" + ("" if number == 0 else ", secondary")
            text += tables.board(plan, systems, {BASE: run_beside(output / BASE, name)}, title, root)
            compared = tables.contrasted(plan, systems, found.experiment.contrasts, row, number == 0)
            text += f"\n{tables.rendered(compared)}\n"
            contrasts += compared
    return text, contrasts


def _document(
    experiment: Experiment, output: Path, grid: Sequence[Cell], final: Sequence[Cell], contrasts: Sequence[tables.Contrast]
) -> dict[str, object]:
    """What figures and pages of a finished experiment are made from."""

    def listed(some: Sequence[Cell]) -> list[dict[str, object]]:
        return [{**asdict(one), "folder": str(one.folder.relative_to(output))} for one in some]

    told = [{**one._asdict(), "differs": one.differs, "verdict": one.verdict} for one in contrasts]
    return {"schema": SCHEMA, "spec": asdict(experiment), "grid": listed(grid), "cells": listed(final), "contrasts": told}


def _size(planned: Sequence[Cell], grid: int, experiment: Experiment) -> str:
    how = f", {grid:,} of them to choose in the grid" if grid else ""
    primary = f", the first is the primary one: {' - '.join(experiment.contrasts[0])}" if experiment.contrasts else ""
    return f"trainings: {len(planned):,}{how}; contrasts: {len(experiment.contrasts)}{primary}"


def _warn(found: preflight.Planned) -> None:
    """Say what this machine lacks; another one may have it."""
    try:
        preflight.check_here(found)
    except InputError as error:
        _tell(f"on this machine the experiment would stop:\n{error}")


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
