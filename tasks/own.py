"""A user's own data as a task: a file of JSON Lines, or a folder with one such file for each split (see docs/own-data.md)."""

import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from tasks.declaration import Source, Split, Task
from tasks.errors import InputError, quoted
from tasks.formats.own import kinds_of, read_own, splits_of

SUFFIX, ONE_SPLIT = ".jsonl", "all"
USUAL = ("train", "dev", "val", "validation", "test")
"""Names of splits that are listed first; names of files in a folder begin with one of them."""
_USUAL = re.compile(rf"({'|'.join(USUAL)})([._-][\w.-]*)?")
DEV = ("dev", "val", "validation")


def is_file_name(name: str) -> bool:
    """Whether a name is that of a file of own data."""
    return name.lower().endswith(SUFFIX)


def of_file(name: str, data_root: Path) -> Task:
    """The task of a file, as given or below the data root. Raises InputError where there is none."""
    file = next((path.absolute() for path in (Path(name), data_root / name) if path.is_file()), None)
    if file is None:
        step = f"give its path, --task DIR/{quoted(Path(name).name)}, or the folder that holds it, --data-root DIR"
        raise InputError(f"a file {name}, here or below {data_root}", "no such file", step)
    with file.open(encoding="utf-8-sig", errors="replace", newline="\n") as lines:
        named = _ordered(splits_of(lines))
        lines.seek(0)
        kinds = kinds_of(lines)
    readers = {split: partial(read_own, where=name, split=split) for split in named} or {ONE_SPLIT: partial(read_own, where=name)}
    published = {split: Split((Source({str(file): None}, read),), None, None) for split, read in readers.items()}
    return _task(file, name, published, kinds, (str(file.parent / "videos"), str(file.parent), "videos"))


def find_folder(name: str, data_root: Path) -> Path | None:
    """A folder of own data, as given or below the data root: one that holds a file of a split."""
    for folder in (Path(name), data_root / name):
        if folder.is_dir() and _files(folder):
            return Path(os.path.normpath(folder.absolute()))
    return None


def of_folder(folder: Path, name: str) -> Task:
    """The task of a folder whose files are its splits. Raises InputError where their rows are of different kinds."""
    published, kinds = {}, dict[tuple[str, ...], Path]()
    files = _files(folder)
    for split in _ordered(files):
        file = files[split]
        read = partial(read_own, where=str(file), in_file_of=split)
        published[split] = Split((Source({str(file): None}, read),), None, None)
        with file.open(encoding="utf-8-sig", errors="replace", newline="\n") as lines:
            kinds.setdefault(kinds_of(lines), file)
    if len(kinds) > 1:
        found = "; ".join(f"{file.name}: {', '.join(some)}" for some, file in kinds.items())
        step = f"harness data check {quoted(name)}"
        raise InputError(f"files of {folder} that can be asked the same kinds of question", found, step)
    return _task(folder, name, published, next(iter(kinds)), (str(folder / "videos"), str(folder), "videos"))


def dev_split(task: Task, data_root: Path) -> str:
    """The split that a training is watched on: `dev`, or what own data calls `val` or `validation`."""
    published = task.splits(data_root) if task.own_path else ()
    return next((name for name in DEV if name in published), DEV[0])


def _files(folder: Path) -> dict[str, Path]:
    """Files by split; others of the folder, such as predictions, are none."""
    named = (path for path in sorted(folder.iterdir()) if is_file_name(path.name) and _USUAL.fullmatch(path.stem))
    return {path.stem: path for path in named if path.is_file()}


def _ordered(names: Mapping[str, Path] | tuple[str, ...]) -> list[str]:
    """Usual names first, others as they come."""
    return sorted(names, key=lambda name: USUAL.index(name) if name in USUAL else len(USUAL))


def _task(path: Path, name: str, published: Mapping[str, Split], kinds: tuple[str, ...], video_folders: tuple[str, ...]) -> Task:
    default = "test" if "test" in published else next(iter(published)) if len(published) == 1 else ""
    return Task(
        name=path.name,
        title="your own data",
        published=published,
        default_split=default,
        video_folders=video_folders,
        obtain=f"harness data check {quoted(name)}",
        licence="your own",
        homepage=str(path),
        citation="none",
        kinds=kinds,
        own_path=str(path),
    )
