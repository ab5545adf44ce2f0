"""What a run is going to do: decided, checked and hashed before a model loads."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness import __version__, paths
from harness.data.videos import Match, distinct, find_videos
from harness.paths import AnyPath
from tasks import kinds, outside
from tasks import protocol as protocols
from tasks import task as tasks
from tasks.errors import InputError, quoted
from tasks.folders import spelled
from tasks.protocol import Protocol
from tasks.sample import Sample, split_sha256
from tasks.say import check_read
from tasks.task import Task

SHOWN = 5
"""Videos that a message names."""


@dataclass(frozen=True)
class Plan:
    """One task split under one protocol."""

    task: Task
    split: str
    split_sha256: str  # Hash of the whole split, also under a limit
    samples: Sequence[Sample]  # What is asked, in the order of the split
    protocol: Protocol
    modes: tuple[str, ...]  # Prompt modes, in order
    videos: dict[str, Path]  # Files by video key; keys without a file are missing
    searched: tuple[Path, ...]  # Folders that were searched for videos, with all below them but for those that are `flat`
    data_root: Path  # Where annotations came from
    limit: int | None  # Number of samples asked for by `--limit`, None for all
    seed: int  # Seed of the limit and of models that draw
    ids_sha256: str | None = None  # Hash of the ids that `--ids` left of the split, None for all
    flat: Collection[Path] = ()  # Folders of `searched` that are searched without what lies below them
    split_samples: Sequence[Sample] = ()  # All of the split, of which `--limit` chooses
    chosen_by_videos: bool = False  # Whether `--limit` took samples whose videos are there before others
    matches: Mapping[str, Match] = field(default_factory=dict)  # How each of `videos` was found
    # Different files by video key, of which none is taken: the key counts as missing
    ambiguous: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`task@split`; under `--ids` with the first digits of their hash, so that no two such numbers are taken for one."""
        return f"{self.task.name}@{self.split}{f'+ids-{self.ids_sha256[:8]}' if self.ids_sha256 else ''}"

    @property
    def typed(self) -> str:
        """`task@split` as it is typed in a shell; of a user's own data with their path."""
        return quoted(f"{self.task.typed}@{self.split}")

    @property
    def is_part(self) -> bool:
        """Whether samples of the split are left out, by `--limit` or `--ids`."""
        return self.limit is not None or self.ids_sha256 is not None

    def missing(self) -> list[str]:
        """Video keys without a file."""
        return sorted({sample.video for sample in self.samples} - self.videos.keys())

    def check_videos(self) -> None:
        """Refuse to ask about videos of which none is there. Raises InputError."""
        if not self.videos:
            found = f"none of {len(self.missing()):,} in {', '.join(map(str, self.searched))}"
            raise InputError(f"a video of {self.name}", found, f"harness data check {self.typed}, or --videos DIR")

    def check_clear(self) -> None:
        """Refuse videos for which several different files stand. Raises InputError."""
        if asked := sorted({sample.video for sample in self.samples} & self.ambiguous.keys()):
            shown = "".join(f"\n          {video}: {', '.join(map(str, self.ambiguous[video]))}" for video in asked[:SHOWN])
            found = f"several that differ for {len(asked):,} of them:{shown}"
            step = f"--videos {quoted(self.ambiguous[asked[0]][0].parent)}, or another folder that holds one of each"
            raise InputError(f"one file for each video of {self.name}", found, step)

    def only(self, ids: Collection[str]) -> "Plan":
        """This plan with those of its samples that have one of these ids. Raises InputError if none has, or under a limit."""
        if self.limit is not None:
            raise InputError("--limit or --ids, not both", f"--limit {self.limit}", "leave one out")
        if not (samples := [sample for sample in self.samples if sample.id in ids]):
            step = f"harness data check {self.typed} --ids-out FILE"
            raise InputError(f"ids of {self.name}", f"{len(ids):,} ids, none of which is in the split", step)
        digest = hashlib.sha256("\n".join(sorted(sample.id for sample in samples)).encode())
        return replace(self, samples=samples, ids_sha256=digest.hexdigest())

    def with_choice_of(self, spec: Mapping[str, Any]) -> "Plan":
        """This plan with the samples that a run of this spec chose by its videos, which may be others by now."""
        if self.limit is None or any(spec.get(key) != value for key, value in self._draw().items()):
            return self
        ids = set(spec.get("limit_ids", ()))
        if not ids:
            # It was begun when every video of the choice was there, or none.
            return replace(self, samples=spread(self.split_samples, self.limit, self.seed), chosen_by_videos=False)
        return replace(self, samples=[s for s in self.split_samples if s.id in ids], chosen_by_videos=True)

    def _draw(self) -> dict[str, Any]:
        return {"task": self.task.name, "split_sha256": self.split_sha256, "limit": self.limit, "seed": self.seed}

    def spec(self) -> dict[str, Any]:
        """What makes two runs the same run; the model's part is added once it is loaded."""
        return {
            "harness": __version__,
            "task": self.task.name,
            "task_version": self.task.version,
            "split": self.split,
            "split_sha256": self.split_sha256,
            "protocol": {"name": self.protocol.name, "sha256": self.protocol.sha256, **self.protocol.rules()},
            "modes": list(self.modes),
            "limit": self.limit,
            "ids_sha256": self.ids_sha256,
            "seed": self.seed,
            **({"limit_ids": sorted(sample.id for sample in self.samples)} if self.chosen_by_videos else {}),
            **({"outside": files} if (files := self._outside()) else {}),
        }

    def _outside(self) -> dict[str, str]:
        """SHA-256 by `group/name` of the files from outside that this plan rests on; a protocol is in the spec with its rules."""
        things = [
            outside.added("parsers", ()).get(self.protocol.answer.parser),
            outside.added("kinds", ()).get(self.protocol.kind),
            *(thing for thing in outside.added("tasks", ()).values() if self.task in tasks.tasks_of(thing)),
        ]
        return {f"{thing.group}/{thing.name}": thing.sha256 for thing in things if thing is not None}


def make_plan(
    name: str,
    split: str | None,
    protocol: str | Protocol | None,
    modes: str | Sequence[str] | None,
    data_root: AnyPath | None,
    videos: AnyPath | Sequence[AnyPath] = (),
    limit: int | None = None,
    seed: int = 0,
    ids: AnyPath | Sequence[AnyPath] = (),
    max_new_tokens: int | None = None,
) -> Plan:
    """Load and check everything about `name` (`task`, `task@split` or a user's JSONL) that does not need the model.

    Options are those of the command line. Without modes, the protocol's `direct` is asked, or its first mode if it has none.

    Raises:
        InputError: Unknown task, split, protocol, mode or id; missing or altered annotations.
    """
    task_name, own_split = tasks.divide(name)
    root = paths.data_root(data_root)
    task = tasks.find(task_name, root)
    split = own_split or split or task.default_split
    rules = protocol if isinstance(protocol, Protocol) else protocols.form(protocol or task.protocol, task.kinds)
    rules = rules if max_new_tokens is None else _cut(rules, max_new_tokens)
    modes = listed(modes) or ("direct" if "direct" in rules.prompt.modes else next(iter(rules.prompt.modes)),)
    samples = tasks.load(task, split, root)
    _check_fits(rules, modes, samples, f"{task.name}@{split}")
    own_videos = paths.video_folders(videos)
    folders = distinct((*own_videos, *_video_folders(task, root)))
    # The folder of a user's file can be anything, the home directory for one: what lies below it is not looked through.
    own_folder = {Path(task.own_path).parent} if task.own_path and Path(task.own_path).is_file() else set()
    flat = own_folder - {path.absolute() for path in own_videos}
    found = find_videos((sample.video for sample in samples), folders, flat)
    there = {video: match.path for video, match in found.matches.items()}
    chosen = samples if limit is None else spread(samples, limit, seed, there)
    plan = Plan(
        task=task,
        split=split,
        split_sha256=split_sha256(samples),
        samples=chosen,
        protocol=rules,
        modes=modes,
        videos=there,
        searched=folders,
        data_root=root,
        limit=limit,
        seed=seed,
        flat=flat,
        split_samples=samples,
        chosen_by_videos=limit is not None and chosen != spread(samples, limit, seed),
        matches=found.matches,
        ambiguous=found.ambiguous,
    )
    return plan.only(read_ids(files)) if (files := paths.listed(ids)) else plan


def _video_folders(task: Task, root: Path) -> list[Path]:
    """Where videos of a task may lie: its folders below the data root, in small or capital letters, then those around them."""
    named = [folder for folder in task.video_folders if not Path(folder).is_absolute()]
    around = [Path(folder).parts[0] for folder in named]
    own = [Path(folder) for folder in task.video_folders if folder not in named]
    return [
        *own,
        *(path for folder in named for path in spelled(root, folder)),
        *(p for a in around for p in spelled(root, a) if p.is_dir()),
    ]


def listed(words: str | Sequence[str] | None) -> tuple[str, ...]:
    """The words of a list, or of a text that joins them by commas, each once."""
    return tuple(dict.fromkeys(words.split(",") if isinstance(words, str) else words)) if words else ()


def _cut(rules: Protocol, max_new_tokens: int) -> Protocol:
    """The rules with another length limit, under a name that says so: no number of theirs is one of the protocol."""
    if max_new_tokens < 1:
        raise InputError("--max-new-tokens of at least 1", str(max_new_tokens), "harness run --max-new-tokens 32 …")
    decoding = replace(rules.decoding, max_new_tokens=max_new_tokens)
    return replace(rules, name=f"{rules.name}+{max_new_tokens}-tokens", decoding=decoding)


def _check_fits(rules: Protocol, modes: Sequence[str], samples: Sequence[Sample], name: str) -> None:
    """Refuse modes that the protocol does not have, samples without what its kind needs, and a parser that does not fit."""
    for mode in modes:
        rules.asked_in(mode)
    if (missing := kinds.lacking(kinds.find(rules.kind), samples)) is not None:
        fitting = ", ".join(n for n in protocols.names() if not kinds.lacking(kinds.find(protocols.load(n).kind), samples))
        expected = f"samples with {missing}, which protocol {rules.name} (kind {rules.kind}) needs"
        raise InputError(expected, f"{name}, which has none", f"--protocol NAME, one of {fitting}")
    for sample in samples[:1]:
        check_read(sample, rules)


def read_ids(files: Iterable[Path]) -> set[str]:
    """Ids that stand, one a line, in every one of these files: what several sites can score. Raises InputError."""
    found = []
    for file in files:
        try:
            if not file.is_file():
                raise FileNotFoundError("no such file" if not file.exists() else "no regular file")
            found.append({line.rstrip("\r") for line in file.read_text(encoding="utf-8").split("\n")} - {""})
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("a file of ids, one a line", f"{file}: {error}", "harness data check TASK --ids-out FILE") from error
    return set.intersection(*found)


def spread(samples: Sequence[Sample], limit: int, seed: int, there: Collection[str] = ()) -> list[Sample]:
    """A seeded choice of samples: one query of each video before a second of any, and videos that are there before others.

    Raises InputError for a limit below 1.
    """
    if limit < 1:
        raise InputError("--limit of at least 1", str(limit), "harness run --limit 50 …")

    def rank(key: str) -> bytes:
        return hashlib.sha256(f"limit/{seed}/{key}".encode()).digest()

    by_video: dict[str, list[Sample]] = {}
    for sample in sorted(samples, key=lambda s: rank(s.id)):
        by_video.setdefault(sample.video, []).append(sample)
    rounds = [(video not in there, turn, rank(video), s.id) for video, group in by_video.items() for turn, s in enumerate(group)]
    chosen = {identifier for *_, identifier in sorted(rounds)[:limit]}
    return [sample for sample in samples if sample.id in chosen]
