"""Files below a folder, listed in one walk however many of them are looked for."""

import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

SETTLED_NS = 2_000_000_000
"""A folder that changed less than this before it was listed may change again within the resolution of its time."""
File = tuple[str, str]
"""A file below a folder: its own folder, relative to that one (empty for itself), and its name."""


@dataclass(frozen=True, eq=False)
class Listing:
    """What lies below a folder.

    Attributes:
        root: The folder.
        files: Every file, sorted; those of hidden folders are left out.
        unreadable: Folders below it that could not be listed, relative to it.
    """

    root: Path
    files: tuple[File, ...]
    unreadable: tuple[str, ...]

    @cached_property
    def by_name(self) -> dict[str, list[File]]:
        """Files by their names, suffixes in lower case."""
        found: dict[str, list[File]] = {}
        for file in self.files:
            found.setdefault(folded(file[1]), []).append(file)
        return found

    @cached_property
    def by_stem(self) -> dict[str, list[File]]:
        """Files by their names without the last suffix."""
        found: dict[str, list[File]] = {}
        for file in self.files:
            found.setdefault(stem(file[1]), []).append(file)
        return found


_kept: dict[Path, tuple[dict[str, int], Listing]] = {}


def below(folder: Path) -> Listing:
    """List a folder and all below it, links followed; listed again only where a folder has changed since.

    A folder that is not there has no files. Raises OSError where it cannot be read itself.
    """
    key = folder.absolute()
    if (kept := _kept.get(key)) is not None and all(_changed_ns(path) == time_ns for path, time_ns in kept[0].items()):
        return kept[1]
    started_ns = time.time_ns()
    changed_ns, listing = _walk(folder)
    if changed_ns and started_ns - max(changed_ns.values()) > SETTLED_NS:
        _kept[key] = changed_ns, listing
    else:
        _kept.pop(key, None)
    return listing


def _walk(folder: Path) -> tuple[dict[str, int], Listing]:
    """Each folder's time of change, and what was found."""
    changed_ns: dict[str, int] = {}
    files: list[File] = []
    unreadable = []
    seen: set[tuple[int, int]] = set()
    left = [""] if folder.is_dir() else []
    while left:
        relative = left.pop()
        path = os.path.join(folder, relative) if relative else os.fspath(folder)  # noqa: PTH118 - once for each of many
        try:
            status = os.stat(path)  # noqa: PTH116
            if (place := (status.st_dev, status.st_ino)) in seen:
                continue
            seen.add(place)
            changed_ns[path] = status.st_mtime_ns
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_dir():
                        if not entry.name.startswith("."):
                            left.append(f"{relative}/{entry.name}" if relative else entry.name)
                    elif entry.is_file():
                        files.append((relative, entry.name))
        except OSError:
            if not relative:
                raise
            unreadable.append(relative)
    return changed_ns, Listing(folder, tuple(sorted(files)), tuple(sorted(unreadable)))


def _changed_ns(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116
    except OSError:
        return None


def stem(name: str) -> str:
    """A name without its last suffix."""
    return os.path.splitext(name)[0]  # noqa: PTH122 - a Path takes ten times as long


def folded(name: str) -> str:
    """A name whose suffix is in lower case."""
    first, suffix = os.path.splitext(name)  # noqa: PTH122
    return first + suffix.lower()


def spelled(root: Path, name: str) -> list[Path]:
    """Folders below `root` with this name in small or capital letters, the very name first; it alone where there is none."""
    found = [root]
    for part in Path(name).parts:
        found = [child for folder in found for child in _children(folder, part)]
    exact = root / name
    return sorted(found, key=lambda path: (path != exact, path)) or [exact]


def _children(folder: Path, name: str) -> list[Path]:
    try:
        return [folder / one for one in os.listdir(folder) if one.lower() == name.lower() and (folder / one).is_dir()]  # noqa: PTH208
    except OSError:
        return []
