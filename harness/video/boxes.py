"""The outermost boxes of an mp4 file, enough to tell a cut file from one that never was a video."""

from pathlib import Path


def ends_early(path: Path) -> bool:
    """Whether the file starts like an mp4 and one of its outermost boxes reaches past the end of the file."""
    size = path.stat().st_size
    offset = 0
    with path.open("rb") as file:
        while offset + 8 <= size:
            file.seek(offset)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if offset == 0 and head[4:8] != b"ftyp":
                return False
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8:
                return False
            offset += length
    return offset > size
