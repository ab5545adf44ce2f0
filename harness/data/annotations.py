"""`--annotations`: files of benchmarks that lie elsewhere than below the data root, known by their hashes."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from harness import paths
from harness.paths import AnyPath
from tasks import annotations
from tasks import task as tasks
from tasks.errors import InputError, unknown
from tasks.task import Task

OPTION = "--annotations"


class _Place(NamedTuple):
    """One file that a task reads."""

    task: Task
    path: str  # Below the data root
    sha256: str | None
    names: tuple[str, ...]


def use(given: AnyPath | Sequence[AnyPath]) -> None:
    """Read these files in place of those below the data root: `FILE` as a task publishes it, or `TASK=FILE`.

    A file without a published hash needs its task, and is known by its name.

    Raises:
        InputError: A file is none that a task reads, or is not as published.
    """
    by_hash, by_place = dict[str, Path](), dict[tuple[str, str], Path]()
    for named in paths.listed(given):
        task, file = _divided(os.fspath(named))
        sha256 = annotations.digest(file)
        places = [place for one in ([task] if task else tasks.all_tasks().values()) for place in _places(one)]
        if any(place.sha256 == sha256 for place in places):
            by_hash[sha256] = file
        elif task is not None and (open_ := [place for place in places if place.sha256 is None]):
            by_place[task.name, _by_name(task, open_, file)] = file
        else:
            raise _refused(file, sha256, places, task)
    annotations.offer(by_hash, by_place)


def _divided(named: str) -> tuple[Task | None, Path]:
    task, equals, file = named.partition("=")
    path = Path(paths.usable(named, OPTION))
    if path.is_file() or not equals or "/" in task:
        found, of = path, None
    else:
        found, of = Path(paths.usable(file, OPTION)), tasks.find(task)
    if not found.is_file():
        what = "a folder" if found.is_dir() else "no such file"
        raise InputError("a file with annotations", f"{found}: {what}", f"{OPTION} FILE, or {OPTION} TASK=FILE")
    return of, found.absolute()


def _places(task: Task) -> Iterator[_Place]:
    """The files of a task whose splits are known without a data root."""
    for split in () if callable(task.published) else task.published.values():
        for source in split.sources:
            for path, sha256 in source.files.items():
                yield _Place(task, path, sha256, annotations.names(source, path))


def _by_name(task: Task, places: Sequence[_Place], file: Path) -> str:
    known = {name: place.path for place in places for name in place.names}
    if file.name in known:
        return known[file.name]
    if len(set(known.values())) == 1:
        return next(iter(known.values()))
    expected = f"a file of {task.name}, by its name: {', '.join(known)}"
    raise InputError(
        expected, f"{file.parent}/{unknown(file.name, known)}", "rename the file, or put the file below the data root"
    )


def _refused(file: Path, sha256: str, places: Sequence[_Place], task: Task | None) -> InputError:
    called = [place for place in places if file.name in place.names and place.sha256 is not None]
    found = f"{file}: sha256 {sha256}"
    if called:
        step = called[0].task.obtain if len({place.task.name for place in called}) == 1 else "harness data fetch --task TASK"
        return InputError(" or ".join(dict.fromkeys(f"{p.path} as published, sha256 {p.sha256}" for p in called)), found, step)
    names = [name for place in places for name in place.names]
    whose = f"an annotation file of {task.name}" if task else "an annotation file that a task publishes"
    step = task.obtain if task else f"harness data fetch --task TASK, or {OPTION} TASK=FILE"
    return InputError(f"{whose}, as published", f"{found}; {unknown(file.name, names)} is none", step)
