"""`harness experiment`."""

import contextlib
import io
import shutil
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path

from harness import store
from harness.cli import main as harness
from harness.evaluate import evaluate
from harness.models.checkpoint import RECORD
from harness.models.options import Options
from harness.paths import data_root, run_beside
from harness.plan import Plan, listed, spread
from leaderboards import experiment as tables
from leaderboards.trainings import RESULT, SCHEMA, TABLE
from tasks.errors import InputError
from trainers import cells, preflight
from trainers.cells import Cell, Job
from trainers.experiment import BASE, Experiment, check_packages, load

FEW = 20
"""Samples of each split that the table is tried on."""


def main(options: Namespace) -> int:
    """Train and evaluate every cell, or go on where it stopped; end in a table of each split and the contrasts."""
    experiment = load(options.file, listed(options.without))
    if options.jobs < 1:
        raise InputError("--jobs of at least 1", str(options.jobs), "--jobs 1")
    if not options.dry_run:
        check_packages()
        if options.launcher and shutil.which(options.launcher.split()[0]) is None:
            raise InputError("a --launcher that can be started", options.launcher, "--launcher 'torchrun --nproc-per-node 4'")
    output, root = Path(options.output or f"experiments/{experiment.name}"), data_root(options.data_root)
    found = preflight.planned(experiment, root)
    experiment = found.experiment
    common = ["--data-root", str(root)]
    dev = [experiment.dev] if experiment.grid and experiment.dev else []

    def jobs_of(some: Sequence[Cell], splits: Sequence[str]) -> list[Job]:
        return [(one, cells.commands(experiment, one, splits, common)) for one in some]

    planned, grid = cells.planned_cells(experiment, output), cells.grid_cells(experiment, output)
    first = [cells.base_commands(experiment, output, common), *jobs_of(grid, dev)]
    tried = _tried(grid, dev, root)
    left = cells.final_cells(experiment, output, tables.choose(tried)) if tried or not grid else planned[len(grid) :]
    _tell(_size(planned, len(grid), experiment))
    if options.dry_run:
        _show([cells.rehearsal_commands(experiment, output, common), *first, *jobs_of(left, experiment.evaluate)])
        _warn(found)
        return 0
    preflight.check_here(found)
    if any(commands for _, commands in (*first, *jobs_of(left, experiment.evaluate))):
        if problems := _rehearse(found, output, root):
            return _report(problems)
        if problems := cells.execute(first, options.jobs, options.launcher, _tell):
            return _report(problems)
    tried = _tried(grid, dev, root)
    chosen = tables.choose(tried)
    final = cells.final_cells(experiment, output, chosen)
    if problems := cells.execute(jobs_of(final, experiment.evaluate), options.jobs, options.launcher, _tell):
        return _report(problems)
    cells.check_identical(experiment, [*grid, *final])
    text, contrasts = _results(found, output, final, root)
    text = tables.first_of_all(contrasts) + tables.choices(tried, chosen, "".join(dev)) + text
    (output / TABLE).write_text(text, encoding="utf-8")
    store.write_json(output / RESULT, _document(experiment, output, grid, final, contrasts))
    sys.stdout.write(text)
    return 0


def _tried(grid: Sequence[Cell], dev: Sequence[str], root: Path) -> dict[tuple[str, str, str], list[float]]:
    """Main metrics on dev by what was trained on, recipe and point of the grid; empty until all of them are there."""
    tried: dict[tuple[str, str, str], list[float]] = {}
    for one in grid:
        folder = run_beside(one.folder, dev[0])
        if not cells.finished(folder / store.RUN):
            return {}
        tried.setdefault((one.row, one.label, one.change), []).append(tables.score(folder, root))
    return tried


def _rehearse(found: preflight.Planned, output: Path, root: Path) -> list[str]:
    """Everything that comes after a training, before the first; what failed is returned.

    Every table is made from a model that does not look, every training says what it would do, and the base is asked one sample.
    """
    experiment, common = found.experiment, ["--data-root", str(root)]
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
    return replace(plan, samples=spread(plan.samples, limit, plan.seed), limit=limit)


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


def _show(jobs: Sequence[Job]) -> None:
    sys.stdout.write("".join(f"harness {' '.join(arguments)}\n" for _, some in jobs for arguments in some))


def _warn(found: preflight.Planned) -> None:
    """Say what this machine lacks; another one may have it."""
    try:
        preflight.check_here(found)
    except InputError as error:
        _tell(f"it would stop here:\n{error}")


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _report(problems: Sequence[str]) -> int:
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    sys.stderr.write("the other cells are kept; the same command goes on\n")
    return 1
