"""Where the videos are: listings of folders, so that no video name is ever joined to a path; and which file each of them is."""

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tasks import folders as folders_
from tasks.errors import InputError

SUFFIXES = (
    ".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".flv", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".wmv", ".asf",
    ".3gp", ".3g2", ".ogv", ".f4v", ".vob", ".divx", ".gif",
)  # fmt: skip
"""What a name without suffix may lack. A file that is named in full may have any suffix, or none."""

RULES = ("name", "v_ prefix", "other suffix", "v_ prefix and other suffix")
"""How a file goes by a key, best first: by the name itself, with or without a suffix; with `v_` before one of the two alone; with
another suffix than the key's."""

BLOCK = 1 << 16


class Match(NamedTuple):
    """The file that a video key stands for."""

    path: Path
    folder: Path  # The searched folder that it lies in or below
    rule: str  # One of `RULES`
    others: tuple[Path, ...] = ()  # Files of that folder that could be meant as well, and are passed over

    @property
    def below(self) -> str:
        """The file as seen from the searched folder."""
        return self.path.relative_to(self.folder).as_posix()


class Found(NamedTuple):
    """What was found of the video keys that were looked for."""

    matches: dict[str, Match]
    ambiguous: dict[str, tuple[Path, ...]]  # Different files in several folders, of which none is taken


def find_videos(keys: Iterable[str], folders: Sequence[Path], flat: Collection[Path] = ()) -> Found:
    """Files for the video keys that exist; folders are searched in order, each with all below it unless it is `flat`.

    A file in the searched folder itself comes before those below it, then the order of `RULES` counts, then that of `SUFFIXES`.
    Files in several folders below it must all be the same, or none is taken.

    Raises:
        OSError: A folder cannot be read.
    """
    left, found = dict.fromkeys(keys), Found({}, {})
    for folder in folders:
        if not left:
            break
        listing = listed(folder, flat)
        for key in list(left):
            if candidates := sorted(_candidates(key, listing)):
                del left[key]
                files = tuple(folder / one.folder / one.name for one in candidates)
                if not candidates[0].nested or len({one.folder for one in candidates}) == 1 or _same(files):
                    found.matches[key] = Match(files[0], folder, RULES[candidates[0].rule], files[1:])
                else:
                    found.ambiguous[key] = files
    return found


def listed(folder: Path, flat: Collection[Path] = ()) -> folders_.Listing:
    """The files of a folder, with those below it unless it is `flat`. Raises OSError where it cannot be read."""
    if folder not in flat:
        return folders_.below(folder)
    names = sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else ()
    return folders_.Listing(folder, tuple(("", name) for name in names), ())


class _Candidate(NamedTuple):
    """A file that could be meant; the least is taken."""

    nested: bool
    rule: int
    order: int
    folder: str
    name: str


def _candidates(key: str, listing: folders_.Listing) -> Iterator[_Candidate]:
    plain, suffix = os.path.splitext(key)  # noqa: PTH122
    spelled = [key, other_prefix(key), *((plain, other_prefix(plain)) if suffix.lower() in SUFFIXES else ())]
    seen: set[folders_.File] = set()
    for rule, name in enumerate(spelled):
        files = [(int(file[1] != name), file) for file in listing.by_name.get(folders_.folded(name), ())]
        files += [(2 + SUFFIXES.index(end), file) for file in listing.by_stem.get(name, ()) if (end := _suffix(file)) in SUFFIXES]
        for order, file in files:
            if file not in seen:
                seen.add(file)
                yield _Candidate(bool(file[0]), rule, order, *file)


def other_prefix(name: str) -> str:
    """The name with `v_` before it, or without it, as files of ActivityNet go by both."""
    return name[2:] if name.startswith("v_") else f"v_{name}"


def _suffix(file: folders_.File) -> str:
    return os.path.splitext(file[1])[1].lower()  # noqa: PTH122


def _same(files: Sequence[Path]) -> bool:
    """Whether all are one file, or copies of it."""
    first, *others = files
    if all(first.samefile(other) for other in others):
        return True
    size = first.stat().st_size
    return all(other.stat().st_size == size for other in others) and len({identity(file) for file in files} - {None}) == 1


def distinct(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Each folder once, however it is written."""
    found: dict[Path, Path] = {}
    for folder in folders:
        found.setdefault(folder.resolve(), folder)
    return tuple(found.values())


def identity(path: Path) -> str | None:
    """What tells a file from another under its name: `SIZE-HASH` of its size and its first, middle and last 64 KiB.

    None if it cannot be read. A file of many GiB costs three reads.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            digest.update(str(size).encode())
            for start in (0, (size - BLOCK) // 2, size - BLOCK):
                file.seek(max(0, start))
                digest.update(file.read(BLOCK))
    except OSError:
        return None
    return f"{size}-{digest.hexdigest()[:16]}"


def check_same_file(path: Path, before: str | None, now: str | None, where: Path) -> None:
    """Refuse a video that was replaced since; a file that is gone, or was never seen, is no other one. Raises InputError."""
    if before is None or now is None or before == now:
        return
    expected = f"{path} as {where} was started with: {_said(before)}"
    raise InputError(expected, f"another file: {_said(now)}", "put the first file back, or use another --output")


def _said(identity: str) -> str:
    size, _, digest = identity.partition("-")
    return f"{int(size):,} bytes, hash {digest}"
