"""Where the videos are: an index of folders, so that no video name is ever joined to a path."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

SUFFIXES = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".flv", ".mpg")


def find_videos(keys: Iterable[str], folders: Sequence[Path]) -> dict[str, Path]:
    """Files for the video keys that exist; folders are searched in order, suffixes in the order of `SUFFIXES`.

    Args:
        keys: Video names, with or without suffix.
        folders: Folders that hold the files directly; those that do not exist are passed over.
    """
    wanted = set(keys)
    found: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            files = [entry.name for entry in entries if Path(entry.name).suffix.lower() in SUFFIXES and entry.is_file()]
        for file in sorted(files, key=lambda name: SUFFIXES.index(Path(name).suffix.lower())):
            for key in {file, Path(file).stem} & wanted:
                found.setdefault(key, folder / file)
    return found
