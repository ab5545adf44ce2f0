"""An experiment: recipes x splits x seeds as a list of commands, each of which continues where it was cut off."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from harness import extras, store, yaml_file
from harness.checked import Kinds, Place, mapping
from harness.models.checkpoint import RECORD
from harness.paths import run_beside
from harness.stopping import Children
from tasks.errors import InputError, unknown
from trainers import recipe as recipes

FOLDER = Path(__file__).parent / "experiments"
OUTPUT = "output.txt"
BASE = "base"  # Label of the model before training
PACKAGES = ("pebble", "av", "PIL", "torch", "torchvision", "transformers", "accelerate", "safetensors", "trl", "datasets", "peft")
"""What the commands of a cell import."""


@dataclass(frozen=True)
class Variant:
    """One recipe of an experiment."""

    recipe: str  # Name or file of the recipe
    set: tuple[str, ...] = ()  # Changes of it


@dataclass(frozen=True)
class Experiment:
    """What is compared with what."""

    name: str  # Name of the file
    model: str  # Checkpoint that every cell starts from
    train: tuple[str, ...]  # Splits to train on, one row of cells each
    evaluate: tuple[str, ...]  # Splits every trained model is evaluated on
    recipes: Mapping[str, Variant]  # What is compared, by label
    baseline: str  # Label the others are compared with
    seeds: tuple[int, ...] = (0,)  # One training each
    modes: tuple[str, ...] = ("direct",)  # Prompt modes of the evaluation
    protocol: str | None = None  # Rules of prompts, frames and scores; None for the task's own
    # Values of one argument, tried with the first seed and chosen on `dev` by mIoU, for every recipe alike
    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    dev: str | None = None  # Split the choice is made on; never one of `evaluate`
    set: tuple[str, ...] = ()  # Changes of every recipe
    options: tuple[str, ...] = ()  # Further arguments of `harness train`


TEXTS = ("train", "evaluate", "modes", "set", "options")
KINDS: Kinds = {
    **dict.fromkeys(("model", "baseline"), (str,)),
    **dict.fromkeys(TEXTS, (str, list)),
    **dict.fromkeys(("protocol", "dev"), (str, type(None))),
    "recipes": (dict,),
    "seeds": (int, list),
    "grid": (dict, type(None)),
}
"""What stands behind each key of a file."""

VARIANT_KINDS: Kinds = {"recipe": (str,), "set": (str, list)}


@dataclass(frozen=True)
class Cell:
    """One training."""

    split: str  # What is trained on
    label: str  # Label of its recipe
    change: str  # `KEY=VALUE` of the grid, "" without one
    seed: int  # Its seed
    folder: Path  # Where the trained model and its runs lie


def check_packages() -> None:
    """Known before the first command is started, and without importing them. Raises InputError."""
    extras.check("train", *PACKAGES)


def load(name: str) -> Experiment:
    """Read an experiment. Raises InputError on an unknown key, recipe or baseline, or a choice made on what is reported."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    known = sorted(file.stem for file in FOLDER.glob("*.yaml"))
    what = f"an experiment ({', '.join(known)}) or a YAML file: a mapping with the keys {', '.join(KINDS)}"
    values = yaml_file.read(path, what, "harness experiment FILE")
    mapping(values, Place(path), KINDS, ("model", "train", "evaluate", "recipes", "baseline"))

    def several(key: str, value: Any, *kinds: type) -> tuple[Any, ...]:
        """Values of these kinds; one may stand without a list."""
        found = tuple(value) if isinstance(value, list) else (value,)
        for one in found:
            if not isinstance(one, kinds) or (isinstance(one, bool) and bool not in kinds):
                expected = f"{key}: {' or '.join(kind.__name__ for kind in kinds)}"
                raise InputError(expected, f"{path}: a {type(one).__name__}", f"edit {path}")
        return found

    variants = {}
    for label, entry in values["recipes"].items():
        one: Any = {"recipe": entry} if isinstance(entry, str) else entry
        mapping(one, Place(path, (f"recipes: {label}",)), VARIANT_KINDS, ("recipe",))
        variants[label] = Variant(one["recipe"], several("recipes", one.get("set", []), str))
    grid = {key: several("grid", tried, str, int, float, bool) for key, tried in (values.get("grid") or {}).items()}
    lists: dict[str, Any] = {key: several(key, values[key], str) for key in TEXTS if key in values}
    lists["seeds"] = several("seeds", values.get("seeds", 0), int)
    return _check(Experiment(**{**values, **lists, "name": path.stem, "recipes": variants, "grid": grid}), path)


def _check(experiment: Experiment, path: Path) -> Experiment:
    if experiment.baseline not in experiment.recipes:
        found = unknown(experiment.baseline, experiment.recipes)
        raise InputError(f"a baseline among {', '.join(experiment.recipes)}", found, f"edit {path}")
    if BASE in experiment.recipes:
        raise InputError(f"labels other than {BASE}, the model before training", BASE, f"edit {path}")
    for variant in experiment.recipes.values():
        recipes.load(variant.recipe, [*experiment.set, *variant.set])
    if len(experiment.grid) > 1:
        raise InputError("a grid over one argument", ", ".join(experiment.grid), f"edit {path}")
    if experiment.grid and (experiment.dev is None or experiment.dev in experiment.evaluate):
        found = f"dev: {experiment.dev}, evaluate: {', '.join(experiment.evaluate)}"
        raise InputError("a dev split that is not reported, for the choice in the grid", found, f"edit {path}")
    return experiment


def cell(output: Path, split: str, label: str, change: str, seed: int) -> Cell:
    """One cell and its folder."""
    names = [split, label, *([change] if change else []), f"seed-{seed}"]
    return Cell(split, label, change, seed, output.joinpath("cells", *(name.replace("/", "_") for name in names)))


def grid_cells(experiment: Experiment, output: Path) -> list[Cell]:
    """What is trained to choose in the grid; empty without one."""
    changes = [f"{key}={value}" for key, values in experiment.grid.items() for value in values]
    return [cell(output, *point, experiment.seeds[0]) for point in product(experiment.train, experiment.recipes, changes)]


def final_cells(experiment: Experiment, output: Path, chosen: Mapping[tuple[str, str], str]) -> list[Cell]:
    """What is reported: every recipe with its choice, every seed."""
    return [
        cell(output, split, label, chosen.get((split, label), ""), seed)
        for split, label, seed in product(experiment.train, experiment.recipes, experiment.seeds)
    ]


def commands(experiment: Experiment, one: Cell, evaluate: Sequence[str], common: Sequence[str]) -> list[list[str]]:
    """Arguments of `harness` that train a cell and evaluate it; what is done already is left out."""
    variant = experiment.recipes[one.label]
    sets = [*experiment.set, *variant.set, *([one.change] if one.change else [])]
    if _finished(one.folder / RECORD):
        return _runs(experiment, one, evaluate, str(one.folder), common)
    train = ["train", "--recipe", variant.recipe, "--model", experiment.model, "--task", one.split, "--output", str(one.folder)]
    train += ["--seed", str(one.seed), *(part for change in sets for part in ("--set", change)), *experiment.options]
    train += _rules(experiment, common)
    return [[*train, "--evaluate", ",".join(evaluate)] if evaluate else train]


def _runs(experiment: Experiment, one: Cell, evaluate: Sequence[str], model: str, common: Sequence[str]) -> list[list[str]]:
    run = ["run", "--model", model, *_rules(experiment, common)]
    folders = [(split, run_beside(one.folder, split)) for split in evaluate]
    return [[*run, "--tasks", s, "--output", str(folder)] for s, folder in folders if not _finished(folder / store.RUN)]


def _rules(experiment: Experiment, common: Sequence[str]) -> list[str]:
    protocol = ["--protocol", experiment.protocol] if experiment.protocol else []
    return ["--modes", ",".join(experiment.modes), *protocol, *common]


def base_commands(experiment: Experiment, output: Path, common: Sequence[str]) -> tuple[Cell, list[list[str]]]:
    """The model that every cell starts from, evaluated as they are."""
    one = Cell("", BASE, "", 0, output / BASE)
    return one, _runs(experiment, one, experiment.evaluate, experiment.model, common)


def _finished(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_text(encoding="utf-8"))["status"] == "finished")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def execute(jobs: Iterable[tuple[Cell, list[list[str]]]], workers: int, launcher: str, tell: Callable[[str], None]) -> list[str]:
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

    def work(job: tuple[Cell, list[list[str]]]) -> str | None:
        one, listed = job
        one.folder.mkdir(parents=True, exist_ok=True)
        for arguments in listed:
            starter = launcher.split() if launcher and arguments[0] == "train" else [sys.executable]
            with (one.folder / OUTPUT).open("ab") as file:
                code = children.run([*starter, "-m", "harness", *arguments], file, environment)
            if code:
                lines = (one.folder / OUTPUT).read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
                tail = "\n".join(f"    {line}" for line in lines)
                return f"harness {' '.join(arguments)}\n  exit code {code}; the end of {one.folder / OUTPUT}:\n{tail}"
            tell(" ".join(part for part in (one.split, one.label, one.change, f"seed {one.seed}: {arguments[0]} done") if part))
        return None

    with ThreadPoolExecutor(workers) as pool:
        try:
            return [problem for problem in pool.map(work, jobs) if problem]
        except KeyboardInterrupt:
            tell(f"ending what is at work: {children.stop()} of the commands")
            raise


def check_identical(cells: Sequence[Cell]) -> None:
    """Every cell of a split was trained on the same samples. Raises InputError."""
    seen: dict[str, tuple[str, Cell]] = {}
    for one in cells:
        digest = json.loads((one.folder / RECORD).read_text(encoding="utf-8"))["trained_on"]["used_sha256"]
        first, other = seen.setdefault(one.split, (digest, one))
        if digest != first:
            found = f"{one.folder} was trained on others than {other.folder}"
            raise InputError(f"the same samples of {one.split} in every cell", found, "remove one of the folders")
