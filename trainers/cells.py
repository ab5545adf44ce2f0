"""An experiment as a list of commands, each of which continues where it was cut off."""

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from harness import store
from harness.models.checkpoint import RECORD
from harness.paths import run_beside
from harness.stopping import Children
from tasks.errors import InputError
from trainers.experiment import Experiment
from trainers.labels import BASE, folder_name

OUTPUT = "output.txt"
REHEARSAL = ".rehearsal"
CHOSEN = "CHOSEN"  # In commands that are shown before the grid has chosen


@dataclass(frozen=True)
class Cell:
    """One training."""

    row: str  # Label of what is trained on
    label: str  # Label of its recipe
    change: str  # `KEY=VALUE` of the grid, "" without one
    seed: int  # Its seed
    folder: Path  # Where the trained model and its runs lie

    def __str__(self) -> str:
        return " ".join(part for part in (self.row, self.label, self.change, f"seed {self.seed}") if part)


Job = tuple[Cell, list[list[str]]]
"""A cell and the arguments of the commands of `harness` that it takes."""


def cell(output: Path, row: str, label: str, change: str, seed: int) -> Cell:
    """One cell and its folder."""
    names = [row, label, *([change] if change else []), f"seed-{seed}"]
    return Cell(row, label, change, seed, output.joinpath("cells", *map(folder_name, names)))


def grid_cells(experiment: Experiment, output: Path) -> list[Cell]:
    """What is trained to choose in the grid; empty without one."""
    changes = [f"{key}={value}" for key, values in experiment.grid.items() for value in values]
    points = product(experiment.train, experiment.recipes, changes, experiment.grid_seeds)
    return [cell(output, *point) for point in points]


def final_cells(experiment: Experiment, output: Path, chosen: Mapping[tuple[str, str], str]) -> list[Cell]:
    """What is reported: every recipe with its choice, every seed."""
    return [
        cell(output, row, label, chosen.get((row, label), ""), seed)
        for row, label, seed in product(experiment.train, experiment.recipes, experiment.seeds)
    ]


def planned_cells(experiment: Experiment, output: Path) -> list[Cell]:
    """Every training that the whole experiment takes; those of the grid that will be chosen are not counted twice."""
    grid = grid_cells(experiment, output)
    changes = [f"{key}={CHOSEN}" for key in experiment.grid]
    chosen = {(row, label): changes[0] for row in experiment.train for label in experiment.recipes} if changes else {}
    final = [one for one in final_cells(experiment, output, chosen) if not grid or one.seed not in experiment.grid_seeds]
    return [*grid, *final]


def train_command(experiment: Experiment, one: Cell, common: Sequence[str]) -> list[str]:
    """Arguments of `harness` that train a cell."""
    variant, mix = experiment.recipes[one.label], experiment.mix(one.row, one.label, one.seed)
    sets = [*experiment.changes(one.label), *([one.change] if one.change else [])]
    train = ["train", "--recipe", variant.recipe, "--model", experiment.model, "--tasks", mix, "--output", str(one.folder)]
    train += ["--seed", str(one.seed), *(part for change in sets for part in ("--set", change)), *experiment.options]
    return [*train, *_rules(experiment, common)]


def commands(experiment: Experiment, one: Cell, evaluate: Sequence[str], common: Sequence[str]) -> list[list[str]]:
    """Arguments of `harness` that train a cell and evaluate it; what is done already is left out."""
    if finished(one.folder / RECORD):
        return _runs(experiment, one, evaluate, str(one.folder), common)
    train = train_command(experiment, one, common)
    return [[*train, "--evaluate", ",".join(evaluate)] if evaluate else train]


def base_commands(experiment: Experiment, output: Path, common: Sequence[str]) -> Job:
    """The model that every cell starts from, evaluated as they are."""
    one = Cell("", BASE, "", 0, output / BASE)
    return one, _runs(experiment, one, experiment.evaluate, experiment.model, common)


def rehearsal_commands(experiment: Experiment, output: Path, common: Sequence[str]) -> Job:
    """The base asked a single sample of the first split, before anything that takes long."""
    one = Cell("", REHEARSAL, "", 0, output / REHEARSAL)
    first = experiment.evaluate[:1]
    return one, [[*run, "--limit", "1"] for run in _runs(experiment, one, first, experiment.model, common)]


def _runs(experiment: Experiment, one: Cell, evaluate: Sequence[str], model: str, common: Sequence[str]) -> list[list[str]]:
    run = ["run", "--model", model, *_rules(experiment, common)]
    folders = [(split, run_beside(one.folder, split)) for split in evaluate]
    return [[*run, "--tasks", s, "--output", str(folder)] for s, folder in folders if not finished(folder / store.RUN)]


def _rules(experiment: Experiment, common: Sequence[str]) -> list[str]:
    protocol = ["--protocol", experiment.protocol] if experiment.protocol else []
    videos = [part for folder in experiment.videos for part in ("--videos", folder)]
    return ["--modes", ",".join(experiment.modes), *protocol, *videos, *common]


def finished(path: Path) -> bool:
    """Whether the training or run of this record has ended."""
    try:
        return bool(json.loads(path.read_text(encoding="utf-8"))["status"] == "finished")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def execute(jobs: Iterable[Job], workers: int, launcher: str, tell: Callable[[str], None]) -> list[str]:
    """Work through the commands of each cell; what failed is returned, while the other cells go on.

    Args:
        jobs: Cells with their commands.
        workers: Cells at work at a time; they share the threads of the machine.
        launcher: Put before each training, as `torchrun --nproc-per-node 4`.
        tell: Takes a line about each command that ends.

    Raises:
        KeyboardInterrupt: This process was told to end; what was at work has ended.
    """
    children = Children()
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    environment = {"OMP_NUM_THREADS": threads, **os.environ, "PYTHONUNBUFFERED": "1"}

    def work(job: Job) -> str | None:
        one, listed = job
        one.folder.mkdir(parents=True, exist_ok=True)
        for arguments in listed:
            starter = launcher.split() if launcher and arguments[0] == "train" else [sys.executable]
            with (one.folder / OUTPUT).open("ab") as file:
                code = children.run([*starter, "-m", "harness", *arguments], file, environment)
            if code:
                lines = (one.folder / OUTPUT).read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
                tail = "\n".join(f"    {line}" for line in lines)
                return f"harness {shlex.join(arguments)}\n  exit code {code}; the end of {one.folder / OUTPUT}:\n{tail}"
            tell(f"{one}: {arguments[0]} done")
        return None

    with ThreadPoolExecutor(workers) as pool:
        try:
            return [problem for problem in pool.map(work, jobs) if problem]
        except KeyboardInterrupt:
            tell(f"ending what is at work: {children.stop()} of the commands")
            raise


def check_identical(experiment: Experiment, cells: Sequence[Cell]) -> None:
    """Every cell of a mix was trained on the same samples. Raises InputError."""
    seen: dict[str, tuple[Any, Cell]] = {}
    for one in cells:
        mix = experiment.mix(one.row, one.label, one.seed)
        used = json.loads((one.folder / RECORD).read_text(encoding="utf-8"))["trained_on"]["used_sha256"]
        first, other = seen.setdefault(mix, (used, one))
        if used != first:
            found = f"{one.folder} was trained on others than {other.folder}"
            raise InputError(f"the same samples of {mix} in every cell", found, "remove one of the folders")
