"""A benchmark: where its annotations come from, what they must look like, and its splits."""

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tasks import benchmarks, splits
from tasks.errors import InputError, unknown
from tasks.formats import read_timestamps_json
from tasks.sample import Row, Sample, make_samples


@dataclass(frozen=True)
class Source:
    """One published form of a split's annotations.

    Attributes:
        files: Paths below the data root with their sha256 (None where another file vouches for it).
        read: Turns the texts of these files into rows; raises ValueError on another shape.
    """

    files: Mapping[str, str | None]
    read: Callable[..., list[Row]] = read_timestamps_json


@dataclass(frozen=True)
class Split:
    """A published split: any one of its sources gives the same samples.

    Attributes:
        sources: Forms in circulation, the first one found is read.
        videos: Expected number of videos.
        queries: Expected number of queries.
    """

    sources: tuple[Source, ...]
    videos: int
    queries: int


@dataclass(frozen=True)
class Task:
    """A benchmark, declared in one file under `tasks/benchmarks`.

    Attributes:
        name: Name on the command line.
        version: Raised whenever its samples change.
        title: Full name.
        splits: Published splits by name, given the data root (the synthetic benchmark reads its own manifest).
        default_split: The split the field reports.
        protocol: The protocol used unless another is named.
        video_folders: Folders below the data root where its videos are looked for.
        obtain: What a user types or does to get the annotations.
        licence: Terms of the data.
        homepage: Where the data comes from.
        citation: Paper.
        aliases: Other names.
        notes: Known anomalies of the published files, kept as they are.
    """

    name: str
    version: int
    title: str
    splits: Callable[[Path], Mapping[str, Split]]
    default_split: str
    protocol: str
    video_folders: tuple[str, ...]
    obtain: str
    licence: str
    homepage: str
    citation: str
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


def all_tasks() -> dict[str, Task]:
    """Every task by name: one module each in `tasks/benchmarks`."""
    modules = (importlib.import_module(f"tasks.benchmarks.{m.name}") for m in pkgutil.iter_modules(benchmarks.__path__))
    return {module.TASK.name: module.TASK for module in modules}


def find(name: str) -> Task:
    """A task by name or alias. Raises InputError, with the nearest name, if there is none."""
    tasks = all_tasks()
    by_name = {alias: task for task in tasks.values() for alias in (task.name, *task.aliases)}
    if name not in by_name:
        raise InputError("the name of a task", unknown(name, by_name), "harness ls tasks")
    return by_name[name]


def load(task: Task, split: str, data_root: Path) -> list[Sample]:
    """Samples of a published or derived split, checked against the published hash and counts.

    Derived splits come from `train`: `dev`, `fit` and `fewshot-K-seedN` (see `tasks.splits`).

    Raises:
        InputError: No such split, or the annotations are missing, altered or of another shape.
    """
    published = task.splits(data_root)
    if split in published:
        return make_samples(task.name, _rows(task, split, published[split], data_root))
    if "train" in published and (choose := splits.derived(task.name, split)) is not None:
        return choose(make_samples(task.name, _rows(task, "train", published["train"], data_root)))
    known = [*published, *(splits.DERIVED if "train" in published else ())]
    raise InputError(f"a split of {task.name}: {', '.join(known)}", unknown(split, known), f"harness show {task.name}")


def _rows(task: Task, name: str, split: Split, data_root: Path) -> list[Row]:
    source = next((s for s in split.sources if all((data_root / path).is_file() for path in s.files)), None)
    if source is None:
        wanted = "\n          or ".join(" with ".join(s.files) for s in split.sources)
        raise InputError(f"annotations of {task.name}@{name}: {wanted}", f"none of these below {data_root}", task.obtain)
    found = f"{' with '.join(source.files)} below {data_root}"
    contents = {path: (data_root / path).read_bytes() for path in source.files}
    altered = [
        path for path, content in contents.items() if source.files[path] not in (None, hashlib.sha256(content).hexdigest())
    ]
    try:
        rows = source.read(*(content.decode("utf-8") for content in contents.values()))
    except ValueError as error:
        raise InputError(f"annotations of {task.name}@{name} as published", f"{found}: {error}", task.obtain) from error
    counts = f"{len({row.video for row in rows})} videos / {len(rows)} queries"
    expected = f"{split.videos} videos / {split.queries} queries"
    if altered:
        raise InputError(
            f"{altered[0]} as published, sha256 {source.files[altered[0]]}",
            f"sha256 {hashlib.sha256(contents[altered[0]]).hexdigest()}, {counts} where {expected} are published",
            task.obtain,
        )
    if counts != expected:
        raise InputError(f"{expected} in {task.name}@{name}", f"{counts} in {found}", task.obtain)
    for row in rows:
        check_video_key(row.video, found)
    return rows


def check_video_key(key: str, where: str) -> None:
    """Refuse a video name that could leave the data root. Raises InputError."""
    path = PurePosixPath(key)
    if not key or path.is_absolute() or ".." in path.parts or "\\" in key or not key.isprintable():
        raise InputError("video names that stay below the data root", f"{key!r} in {where}", "harness data check --task NAME")
