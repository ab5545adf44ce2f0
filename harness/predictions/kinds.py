"""What a file is that holds no predictions, by how it begins."""

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of file in words, and what makes predictions of it."""

    name: str
    next: str


_DUMP = "load it in Python and write it with json.dump"
_OTHER = "name the file with the replies"
_PARQUET = "write it as Parquet"
_BYTES: dict[bytes, Kind] = {
    b"SQLite format 3\0": Kind("an SQLite database", "export its table as CSV"),
    b"\x28\xb5\x2f\xfd": Kind("compressed with zstd", "zstd -d FILE"),
    b"\x04\x22\x4d\x18": Kind("compressed with lz4", "lz4 -d FILE"),
    b"\x1f\x9d": Kind("compressed with compress", "uncompress FILE"),
    b"\x1f\x8b": Kind("compressed with gzip, twice", "gunzip FILE"),
    b"BZh": Kind("compressed with bzip2, twice", "bunzip2 FILE"),
    b"\xfd7zXZ\0": Kind("compressed with xz, twice", "unxz FILE"),
    b"PK\x05\x06": Kind("an empty zip", "name the file that belongs into it"),
    b"7z\xbc\xaf\x27\x1c": Kind("a 7z archive", "7z x FILE, then name the file in it"),
    b"Rar!": Kind("a rar archive", "unrar x FILE, then name the file in it"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": Kind("an old Office document (xls)", "save it as CSV UTF-8"),
    **dict.fromkeys((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"(lp0\n", b"(dp0\n"), Kind("a pickle", _DUMP)),
    b"\x93NUMPY": Kind("a NumPy array", _DUMP),
    b"\x89HDF": Kind("an HDF5 file", _DUMP),
    b"ARROW1": Kind("an Arrow file", _PARQUET),
    b"Obj\x01": Kind("an Avro file", _PARQUET),
    b"PAR1": Kind("a Parquet file inside another compression", "decompress FILE"),
    b"\x89PNG": Kind("a PNG picture", _OTHER),
    b"\xff\xd8\xff": Kind("a JPEG picture", _OTHER),
    b"GIF8": Kind("a GIF picture", _OTHER),
    b"%PDF": Kind("a PDF", _OTHER),
    b"\x1aE\xdf\xa3": Kind("a Matroska video", _OTHER),
    b"RIFF": Kind("a media file (RIFF)", _OTHER),
    b"\x7fELF": Kind("a program", _OTHER),
    b"\0\0\0\0": Kind("a block of zero bytes, as a crash or a full disk leaves it", "write the file again"),
}
_TEXT: dict[str, Kind] = {
    "version https://git-lfs": Kind("a Git LFS pointer, not the file itself", "git lfs pull"),
    "<!doctype html": Kind("an HTML page", "download the file itself, not its page"),
    "<html": Kind("an HTML page", "download the file itself, not its page"),
    "<": Kind("XML or HTML", _OTHER),
    "%yaml": Kind("YAML", "write it as JSON"),
    "---": Kind("YAML or Markdown", "write it as JSON"),
}


def of_bytes(head: bytes) -> Kind | None:
    """The kind of a binary file from its first kilobyte or more, None for what may be text or Parquet."""
    if not head:
        return Kind("empty", _OTHER)
    if head.startswith(b"PK\x03\x04"):
        return _zip(head)
    if head[4:8] == b"ftyp":
        return Kind("an mp4 video", _OTHER)
    if head[257:262] == b"ustar":
        return Kind("a tar archive", "tar xf FILE, then name the file in it")
    return next((kind for magic, kind in _BYTES.items() if head.startswith(magic)), None)


def of_text(head: str) -> Kind | None:
    """The kind of a text file that is neither JSON nor a table, None if it may be one."""
    start = head.lstrip().casefold()
    if not start:
        return Kind("without any text", _OTHER)
    return next((kind for words, kind in _TEXT.items() if start.startswith(words)), None)


def _zip(head: bytes) -> Kind:
    if b"xl/" in head or b"[Content_Types].xml" in head:
        return Kind("an Office document (xlsx)", "save the sheet as CSV UTF-8, or in Python: pandas.read_excel(FILE).to_csv(…)")
    if b"data.pkl" in head:
        return Kind("a PyTorch file", _DUMP)
    if b".npy" in head:
        return Kind("a NumPy archive", _DUMP)
    return Kind("a zip", "unzip FILE, then name the file in it")
