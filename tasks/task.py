"""A benchmark: where its annotations come from, what they must look like, and its splits."""

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tasks import benchmarks, outside, splits
from tasks.errors import InputError, unknown
from tasks.formats.own import kinds_of, read_own
from tasks.formats.published import read_timestamps_json
from tasks.sample import Sample, make_samples

OWN_SUFFIX, OWN_SPLIT = ".jsonl", "all"


@dataclass(frozen=True)
class Source:
    """One published form of a split's annotations."""

    files: Mapping[str, str | None]  # Paths below the data root with their sha256 (None where another file vouches for it)
    read: Callable[..., list[Sample]] = read_timestamps_json  # From their texts to rows; raises ValueError on another shape
    homes: tuple[str, ...] = ()  # Where each file is published, in the order of `files`; empty where the user supplies them


@dataclass(frozen=True)
class Split:
    """A published split: any one of its sources gives the same samples."""

    sources: tuple[Source, ...]  # Forms in circulation, the first one found is read
    videos: int | None  # Expected number of videos, None where none is published
    queries: int | None  # And of queries

    def counts(self) -> str:
        """The expected counts in words."""
        known = [f"{n:,} {what}" for n, what in ((self.videos, "videos"), (self.queries, "queries")) if n is not None]
        return " / ".join(known) or "counts unverified"

    def trust(self) -> str:
        """What stands behind annotations that loaded: a published hash, a published count, or nothing."""
        if all(sha256 is not None for source in self.sources for sha256 in source.files.values()):
            return "as published"
        known = "hash or counts" if self.videos is self.queries is None else f"hash, only {self.counts()}"
        return f"unverified (no published {known})"


@dataclass(frozen=True)
class Task:
    """A benchmark, declared in one file under `tasks/benchmarks`."""

    name: str  # Name on the command line
    title: str  # Full name
    # By name, or a function that gives them for a data root (the synthetic benchmark reads its own manifest)
    published: Mapping[str, Split] | Callable[[Path], Mapping[str, Split]]
    default_split: str  # The split the field reports
    video_folders: tuple[str, ...]  # Folders below the data root where its videos are looked for
    obtain: str  # What a user types or does to get the annotations
    licence: str  # Terms of the data
    homepage: str  # Where the data comes from
    citation: str  # Paper
    version: int = 1  # Raised whenever its samples change
    protocol: str = "default"  # The protocol used unless another is named
    # Kinds of question its samples can be asked, the usual one first: of a family of protocols, the first that it has a form for
    kinds: tuple[str, ...] = ("moment",)
    aliases: tuple[str, ...] = ()  # Other names
    has_cuts: bool = False  # Whether questions may be about a cut of a longer file
    notes: tuple[str, ...] = ()  # Known anomalies of the published files, kept as they are
    # Rules on a sample by suffix: of any split, `SPLIT-SUFFIX` are the samples for which the rule holds
    parts: Mapping[str, Callable[[Sample], bool]] = field(default_factory=dict)

    def splits(self, data_root: Path) -> Mapping[str, Split]:
        """Published splits by name. Raises InputError where they are to be found below the data root and are not."""
        return self.published(data_root) if callable(self.published) else self.published


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


def github(repository: str, commit: str, path: str) -> str:
    """Address of one file of a public repository at one commit."""
    return f"https://raw.githubusercontent.com/{repository}/{commit}/{path}"


def divide(name: str) -> tuple[str, str | None]:
    """`task@split` as task and split, the split None where none is named; the path of a user's file may hold an @ itself."""
    task, at, split = name.rpartition("@")
    return (task, split or None) if at and not _is_own(name) else (name, None)


def _is_own(name: str) -> bool:
    return name.lower().endswith(OWN_SUFFIX)


def find(name: str, data_root: Path = Path()) -> Task:
    """A task by name or alias, or a user's own JSONL by its path (see docs/own-data.md), as given or below the data root.

    Raises:
        InputError: There is none; with the nearest name.
    """
    if _is_own(name):
        return _own(name, data_root)
    tasks = all_tasks()
    by_name = {alias: task for task in tasks.values() for alias in (task.name, *task.aliases)}
    if name in by_name:
        return by_name[name]
    if any(path.is_file() for path in (Path(name), data_root / name)):
        expected = f"own data as JSON Lines, one object a line, in a file whose name ends in {OWN_SUFFIX}"
        step = f"write it so (see docs/own-data.md), then: harness data check NAME{OWN_SUFFIX}"
        raise InputError(expected, f"a file {name}", step)
    raise InputError("the name of a task", unknown(name, by_name), "harness ls tasks")


def _own(name: str, data_root: Path) -> Task:
    file = next((path.absolute() for path in (Path(name), data_root / name) if path.is_file()), None)
    if file is None:
        step = f"give its path: --task DIR/{Path(name).name}"
        raise InputError(f"a file {name}, here or below {data_root}", "no such file", step)
    split = Split((Source({str(file): None}, partial(read_own, where=name)),), None, None)
    with file.open(encoding="utf-8-sig", errors="replace", newline="\n") as lines:
        kinds = kinds_of(lines)
    return Task(
        name=file.name,
        title="your own data",
        published={OWN_SPLIT: split},
        default_split=OWN_SPLIT,
        video_folders=(str(file.parent / "videos"), str(file.parent), "videos"),
        obtain=f"harness data check {name}",
        licence="your own",
        homepage=str(file),
        citation="none",
        kinds=kinds,
    )


def load(task: Task, split: str, data_root: Path) -> list[Sample]:
    """Samples of a published or derived split, checked against the published hash and counts.

    Derived splits come from `train`: `dev`, `fit` and `fewshot-K-seedN` (see `tasks.splits`). Of any of them a task can have
    parts (see `Task.parts`).

    Raises:
        InputError: No such split, or the annotations are missing, altered or of another shape.
    """
    name = origin(task, split, data_root)
    whole, rule = _part(task, split)
    samples = make_samples(task.name, _rows(task, name, data_root))
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
    raise InputError(f"a split of {task.name}: {', '.join(known)}", unknown(split, known), f"harness show {task.name}")


def _part(task: Task, split: str) -> tuple[str, Callable[[Sample], bool] | None]:
    """The split that another is a part of, and which of its samples; a whole split is its own."""
    whole, dash, suffix = split.rpartition("-")
    return (whole, task.parts[suffix]) if dash and suffix in task.parts else (split, None)


def _rows(task: Task, name: str, data_root: Path) -> list[Sample]:
    split = task.splits(data_root)[name]
    source = next((s for s in split.sources if all((data_root / path).is_file() for path in s.files)), None)
    if source is None:
        wanted = "\n          or ".join(" with ".join(s.files) for s in split.sources)
        there = [path for s in split.sources for path in s.files if (data_root / path).is_file()]
        found = f"only {', '.join(there)} below {data_root}" if there else f"none of these below {data_root}"
        raise InputError(f"annotations of {task.name}@{name}: {wanted}", found, task.obtain)
    found = " with ".join(str(data_root / path) for path in source.files)
    contents = {path: (data_root / path).read_bytes() for path in source.files}
    hashes = {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}
    altered = next((path for path, sha256 in source.files.items() if sha256 not in (None, hashes[path])), None)
    try:
        rows = source.read(*map(_decode, contents.values()))
    except ValueError as error:
        raise InputError(f"annotations of {task.name}@{name} as published", f"{found}: {error}", task.obtain) from error
    videos = len({row.video for row in rows})
    counts = f"{videos:,} videos / {len(rows):,} queries"
    if altered is not None:
        told = f"sha256 {hashes[altered]}, {counts} where {split.counts()} are published"
        raise InputError(f"{altered} as published, sha256 {source.files[altered]}", told, task.obtain)
    if split.videos not in (None, videos) or split.queries not in (None, len(rows)):
        raise InputError(f"{split.counts()} in {task.name}@{name}", f"{counts} in {found}", task.obtain)
    for video in dict.fromkeys(row.video for row in rows):
        check_video_key(video, found)
    return rows


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"line {content[: error.start].count(10) + 1} is not UTF-8") from error


def check_video_key(key: str, where: str) -> None:
    """Refuse a video name that could leave the data root. Raises InputError."""
    if not key or key.startswith("/") or ".." in key.split("/") or "\\" in key or not key.isprintable():
        raise InputError("video names that stay below the data root", f"{key!r} in {where}", "harness data check --task NAME")
