"""What headers say of the size and the parts of a file: enough to tell a cut file from one that never was a video."""

from collections.abc import Iterator
from pathlib import Path

ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
"""Name of the object of an ASF header that holds the size of the file (ASF specification, 3.2)."""
SHARE = 0.98


def ends_early(path: Path) -> bool:
    """Whether an outermost box of an mp4 reaches past the end of the file, or an AVI or ASF is smaller than it says."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(1 << 13)
    if head[4:8] == b"ftyp":
        return any(end > size for _, end in _boxes(path))
    stated = 0
    if head[:4] == b"RIFF":
        stated = 8 + int.from_bytes(head[4:8], "little")
    elif (place := head.find(ASF_PROPERTIES)) >= 0:
        stated = int.from_bytes(head[place + 40 : place + 48], "little")
    return size < SHARE * stated


def in_fragments(path: Path) -> bool:
    """Whether an mp4 is stored in fragments, each with an index of its own."""
    return any(name == b"moof" for name, _ in _boxes(path))


def _boxes(path: Path) -> Iterator[tuple[bytes, int]]:
    """Names of the outermost boxes of an mp4, and where each ends by its own header; stops at a length that makes no sense."""
    size, offset = path.stat().st_size, 0
    with path.open("rb") as file:
        while offset + 8 <= size:
            file.seek(offset)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8:
                return
            offset += length
            yield head[4:8], offset
