"""Where the videos are: an index of folders, so that no video name is ever joined to a path; and which file each of them is."""

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from tasks.errors import InputError

SUFFIXES = (
    ".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".flv", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".wmv", ".asf",
    ".3gp", ".3g2", ".ogv", ".f4v", ".vob", ".divx", ".gif",
)  # fmt: skip
"""What a name without suffix may lack. A file that is named in full is tried under any suffix, or none."""

BLOCK = 1 << 16


def find_videos(keys: Iterable[str], folders: Sequence[Path]) -> dict[str, Path]:
    """Files for the video keys that exist, with or without suffix; folders are searched in order, then names as in `_matches`."""
    wanted = set(keys)
    found: dict[str, Path] = {}
    for folder in folders:
        for key, files in _matches(wanted - found.keys(), folder).items():
            found[key] = files[0]
    return found


def passed_over(videos: Mapping[str, Path]) -> dict[str, list[Path]]:
    """Other files that could be meant by a key, in the folder of the one that was taken."""
    keys: dict[Path, set[str]] = {}
    for key, path in videos.items():
        keys.setdefault(path.parent, set()).add(key)
    matches = (match for folder, some in keys.items() for match in _matches(some, folder).items())
    return {key: files[1:] for key, files in matches if len(files) > 1}


def distinct(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Each folder once, however it is written."""
    found: dict[Path, Path] = {}
    for folder in folders:
        found.setdefault(folder.resolve(), folder)
    return tuple(found.values())


def _matches(keys: Collection[str], folder: Path) -> dict[str, list[Path]]:
    """Files of a folder by key, best first: the very name, the name with the suffix in other case, then by `SUFFIXES`."""
    if not keys or not folder.is_dir():
        return {}
    wanted = frozenset(keys)
    spelled: dict[str, set[str]] = {}
    for key in keys:
        spelled.setdefault(_folded(key), set()).add(key)
    found: dict[str, list[tuple[int, str]]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            suffix = Path(entry.name).suffix.lower()
            stem = entry.name[: -len(suffix)] if suffix in SUFFIXES else None
            meant = spelled.get(_folded(entry.name), set()) | ({stem} & wanted if stem else set())
            if meant and entry.is_file():
                for key in meant:
                    rank = 0 if entry.name == key else 1 if key != stem else 2 + SUFFIXES.index(suffix)
                    found.setdefault(key, []).append((rank, entry.name))
    return {key: [folder / name for _, name in sorted(files)] for key, files in found.items()}


def _folded(name: str) -> str:
    suffix = Path(name).suffix
    return name[: len(name) - len(suffix)] + suffix.lower()


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
