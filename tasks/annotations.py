"""Where the annotation files of a task lie, and their rows, checked against the published hashes and counts."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tasks import folders
from tasks.declaration import Source, Split, Task
from tasks.errors import InputError
from tasks.sample import Sample
from tasks.words import counted

_COMMON = re.compile(r"(train|val|test|dev)[._]")
"""Names of files that tell nothing of whose they are."""


class Given(NamedTuple):
    """Files that a user named, wherever they lie."""

    by_hash: dict[str, Path]  # Those that a task publishes, by SHA-256
    by_place: dict[tuple[str, str], Path]  # Those without a published hash, by task and the path it asks for


_given = Given({}, {})


def offer(by_hash: dict[str, Path], by_place: dict[tuple[str, str], Path]) -> None:
    """From here on these files are read in place of those below the data root.

    Files that are known by hash are the same whoever names them, so they add to those of before. The others replace them.
    """
    _given.by_hash.update(by_hash)
    _given.by_place.clear()
    _given.by_place.update(by_place)


def read(task: Task, name: str, data_root: Path) -> list[Sample]:
    """Rows of a published split, without ids.

    Raises:
        InputError: The annotations are missing, altered or of another shape.
    """
    split = task.splits(data_root)[name]
    source, places = locate(task, name, data_root)
    found = " with ".join(map(str, places.values()))
    contents = {path: file.read_bytes() for path, file in places.items()}
    hashes = {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}
    altered = next((path for path, sha256 in source.files.items() if sha256 not in (None, hashes[path])), None)
    try:
        rows = source.read(*map(_decode, contents.values()))
    except ValueError as error:
        raise InputError(f"annotations of {task.name}@{name} as published", f"{found}: {error}", task.obtain) from error
    videos = len({row.video for row in rows})
    counts = f"{counted(videos, 'video')} / {counted(len(rows), 'query')}"
    if altered is not None:
        told = f"sha256 {hashes[altered]}, {counts} where {split.counts()} are published"
        raise InputError(f"{altered} as published, sha256 {source.files[altered]}", told, task.obtain)
    if split.videos not in (None, videos) or split.queries not in (None, len(rows)):
        raise InputError(f"{split.counts()} in {task.name}@{name}", f"{counts} in {found}", task.obtain)
    for video in dict.fromkeys(row.video for row in rows):
        check_video_key(video, found)
    return rows


def locate(task: Task, name: str, data_root: Path) -> tuple[Source, dict[str, Path]]:
    """The source of a published split that is read, and where each of its files lies.

    A source with a file that the user named comes first. Each file is looked for among those, then beside them, then at its place
    below the data root, and last under its own or its published name anywhere below it, where only its hash makes it the one.

    Raises:
        InputError: There is no source whose files are all there.
    """
    split = task.splits(data_root)[name]
    named = tuple(source for source in split.sources if any(_named(task, *file) for file in source.files.items()))
    for anywhere in (False, True):
        for source in named or split.sources:
            places = {path: file for path, file in _places(task, source, data_root, anywhere) if file is not None}
            if places.keys() == source.files.keys():
                return source, places
    raise _missing(task, name, split, named or split.sources, data_root)


def _places(task: Task, source: Source, data_root: Path, anywhere: bool) -> Iterator[tuple[str, Path | None]]:
    beside = {file.parent for one in source.files.items() if (file := _named(task, *one)) is not None}
    for path, sha256 in source.files.items():
        place = _named(task, path, sha256)
        if place is None:
            known = (folder / name for folder in sorted(beside) for name in names(source, path))
            place = next((file for file in known if file.is_file() and sha256 in (None, digest(file))), None)
        if place is None and (data_root / path).is_file():
            place = data_root / path
        if place is None and anywhere and sha256 is not None:
            place = next((file for file in _alike(source, path, data_root) if digest(file) == sha256), None)
        yield path, place


def _named(task: Task, path: str, sha256: str | None) -> Path | None:
    """The file that the user named for this one."""
    return _given.by_place.get((task.name, path)) if sha256 is None else _given.by_hash.get(sha256)


def _alike(source: Source, path: str, data_root: Path) -> Iterator[Path]:
    """Files below the data root that are called as this one is, here or where it is published."""
    listing = folders.below(data_root)
    for name in names(source, path):
        for folder, file in listing.by_name.get(folders.folded(name), ()):
            yield data_root / folder / file


def names(source: Source, path: str) -> tuple[str, ...]:
    """What a file of a source is called: here, and where it is published."""
    homes = dict(zip(source.files, source.homes, strict=False))
    return tuple(dict.fromkeys(PurePosixPath(one).name for one in (path, homes.get(path, path))))


def _missing(task: Task, name: str, split: Split, sources: Iterable[Source], data_root: Path) -> InputError:
    wanted = "\n          or ".join(" with ".join(s.files) for s in split.sources)
    places = {path: file for s in sources for path, file in _places(task, s, data_root, anywhere=True)}
    there = {path: file for path, file in places.items() if file is not None}
    where = [path if file == data_root / path else str(file) for path, file in there.items()]
    absent = [path for s in sources if s.files.keys() & there for path in s.files if path not in there]
    found = f"none of these below {data_root}"
    if there:
        found = f"only {', '.join(where)} below {data_root} or beside named files, no {', '.join(absent)}"
    elif strangers := [f"{file}, which is of {task.name}@{other}" for other, file in _named_for_others(task, name, data_root)]:
        found = f"{', '.join(strangers)}; none of these below {data_root}"
    others = [
        f"\n          {file} is another file: sha256 {digest(file)}"
        for source in split.sources
        for path, sha256 in source.files.items()
        if sha256 is not None and path not in there
        for file in _alike(source, path, data_root)
        if not _COMMON.match(file.name)
    ]
    step = f"{task.obtain}; or name a file that lies elsewhere: --annotations FILE"
    return InputError(f"annotations of {task.name}@{name}: {wanted}", found + "".join(dict.fromkeys(others)), step)


def _named_for_others(task: Task, name: str, data_root: Path) -> Iterator[tuple[str, Path]]:
    """Files that the user named which another split of the task reads."""
    for other, split in task.splits(data_root).items():
        files = [_named(task, *one) for source in split.sources for one in source.files.items()] if other != name else []
        yield from ((other, file) for file in files if file is not None)


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"line {content[: error.start].count(10) + 1} is not UTF-8") from error


def check_video_key(key: str, where: str) -> None:
    """Refuse a video name that could leave the data root. Raises InputError."""
    if not key or key.startswith("/") or ".." in key.split("/") or "\\" in key or not key.isprintable():
        raise InputError("video names that stay below the data root", f"{key!r} in {where}", "harness data check --task NAME")
