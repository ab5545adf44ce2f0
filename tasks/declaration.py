"""What a benchmark is: its splits, where their annotations come from, and what they must look like."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tasks.formats.published import read_timestamps_json
from tasks.sample import Sample


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

    own_path: str = ""  # Where a user's own data lies, a file or a folder; empty for a benchmark

    @property
    def typed(self) -> str:
        """By what it is found again from everywhere: its name, or the path of a user's own data."""
        return self.own_path or self.name

    def splits(self, data_root: Path) -> Mapping[str, Split]:
        """Published splits by name. Raises InputError where they are to be found below the data root and are not."""
        return self.published(data_root) if callable(self.published) else self.published


def github(repository: str, commit: str, path: str) -> str:
    """Address of one file of a public repository at one commit."""
    return f"https://raw.githubusercontent.com/{repository}/{commit}/{path}"
