"""Tasks by name, and the samples of their splits."""

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

from tasks import annotations, benchmarks, outside, own, splits
from tasks.annotations import check_video_key
from tasks.declaration import Source, Split, Task, github
from tasks.errors import InputError, quoted, unknown
from tasks.sample import Sample, make_samples

__all__ = [
    "Source",
    "Split",
    "Task",
    "all_tasks",
    "check_video_key",
    "divide",
    "find",
    "github",
    "load",
    "origin",
    "tasks_of",
]


def all_tasks() -> dict[str, Task]:
    """Every task by name: one module each in `tasks/benchmarks`, and what comes from outside. Raises InputError on a clash."""
    modules = (importlib.import_module(f"tasks.benchmarks.{m.name}") for m in pkgutil.iter_modules(benchmarks.__path__))
    found = {task.name: task for module in modules for task in getattr(module, "TASKS", None) or (module.TASK,)}
    for thing in outside.added("tasks", ()).values():
        for task in tasks_of(thing):
            taken = {name for other in found.values() for name in (other.name, *other.aliases)}
            if clash := sorted(taken & {task.name, *task.aliases}):
                found_twice = f"{clash[0]!r}: an earlier one and {thing.path}"
                raise InputError("each of the tasks under a name of its own", found_twice, f"rename the task in {thing.path}")
            found[task.name] = task
    return found


def tasks_of(thing: outside.Thing) -> tuple[Task, ...]:
    """The tasks that a file from outside declares. Raises InputError where they are something else."""
    if hasattr(thing.load(), "TASKS"):
        tasks = thing.made("TASKS", tuple)
        if not tasks or not all(isinstance(task, Task) for task in tasks):
            raise InputError(f"TASKS in {thing.path}, a tuple of one Task or more", repr(tasks)[:200], f"edit {thing.path}")
        return tasks
    return (thing.made("TASK", Task),)


def divide(name: str) -> tuple[str, str | None]:
    """`task@split` as task and split, the split None where none is named; the path of a user's file may hold an @ itself."""
    task, at, split = name.rpartition("@")
    return (task, split or None) if at and not own.is_file_name(name) and "/" not in split else (name, None)


def find(name: str, data_root: Path = Path()) -> Task:
    """A task by name or alias, or a user's own JSONL or folder of them (see docs/own-data.md), as given or below the data root.

    Raises:
        InputError: There is none; with the nearest name.
    """
    if own.is_file_name(name):
        return own.of_file(name, data_root)
    tasks = all_tasks()
    by_name = {alias: task for task in tasks.values() for alias in (task.name, *task.aliases)}
    if name in by_name:
        return by_name[name]
    if (folder := own.find_folder(name, data_root)) is not None:
        if folder.name in by_name:
            expected = "a folder of own data with another name than every task"
            raise InputError(expected, f"{folder}, and the task {folder.name}", f"rename the folder {folder.name}")
        return own.of_folder(folder, name)
    if any(path.is_file() for path in (Path(name), data_root / name)):
        expected = f"own data as JSON Lines, one object a line, in a file whose name ends in {own.SUFFIX}"
        step = (
            f"for annotations of a benchmark: --tasks NAME --annotations {name}; "
            f"for your own data, write them so (see docs/own-data.md): NAME{own.SUFFIX}"
        )
        raise InputError(expected, f"a file {name}", step)
    step = "harness ls tasks; own data are named by their path: DIR/my.jsonl, or a folder with train.jsonl, test.jsonl …"
    raise InputError("the name of a task", unknown(name, by_name), step)


def load(task: Task, split: str, data_root: Path) -> list[Sample]:
    """Samples of a published or derived split, checked against the published hash and counts.

    Derived splits come from `train`: `dev`, `fit` and `fewshot-K-seedN` (see `tasks.splits`). Of any of them a task can have
    parts (see `Task.parts`).

    Raises:
        InputError: No such split, or the annotations are missing, altered or of another shape.
    """
    name = origin(task, split, data_root)
    whole, rule = _part(task, split)
    samples = make_samples(task.name, annotations.read(task, name, data_root))
    if name != whole and (choose := splits.derived(task.name, whole)) is not None:
        samples = choose(samples)
    return samples if rule is None else [sample for sample in samples if rule(sample)]


def origin(task: Task, split: str, data_root: Path) -> str:
    """The published split that a published or derived split is read from. Raises InputError if there is no such split."""
    published, (whole, _) = task.splits(data_root), _part(task, split)
    if whole in published:
        return whole
    if "train" in published and splits.derived(task.name, whole) is not None:
        return "train"
    known = [*published, *(splits.DERIVED if "train" in published else ())]
    known += [f"{name}-{suffix}" for name in known for suffix in task.parts]
    found, step = (unknown(split, known), f"harness show {quoted(task.typed)}") if split else ("none", f"{task.typed}@{known[0]}")
    raise InputError(f"a split of {task.name}: {', '.join(known)}", found, step)


def _part(task: Task, split: str) -> tuple[str, Callable[[Sample], bool] | None]:
    """The split that another is a part of, and which of its samples; a whole split is its own."""
    whole, dash, suffix = split.rpartition("-")
    return (whole, task.parts[suffix]) if dash and suffix in task.parts else (split, None)
