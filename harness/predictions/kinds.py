"""What a file is that holds no predictions, by how it begins."""

import re

_DUMP = "load it in Python and write it with json.dump"
_OTHER = "name the file with the replies"
_PARQUET = "write it as Parquet"
_PAGE = ("an HTML page", "download the file itself, not its page")

Kind = tuple[str, str]
"""What a file is, and what makes predictions of it."""

_BYTES: dict[bytes, Kind] = {
    rb"\Z": ("empty", _OTHER),
    rb"PK\x03\x04.*(xl/|\[Content_Types\]\.xml)": (
        "an Office document (xlsx)",
        "save the sheet as CSV UTF-8, or in Python: pandas.read_excel(FILE).to_csv(…)",
    ),
    rb"PK\x03\x04.*data\.pkl": ("a PyTorch file", _DUMP),
    rb"PK\x03\x04.*\.npy": ("a NumPy archive", _DUMP),
    rb"PK\x03\x04": ("a zip", "unzip FILE, then name the file in it"),
    rb"PK\x05\x06": ("an empty zip", "name the file that belongs into it"),
    rb".{4}ftyp": ("an mp4 video", _OTHER),
    rb".{257}ustar": ("a tar archive", "tar xf FILE, then name the file in it"),
    rb"SQLite format 3\0": ("an SQLite database", "export its table as CSV"),
    rb"\x28\xb5\x2f\xfd": ("compressed with zstd", "zstd -d FILE"),
    rb"\x04\x22\x4d\x18": ("compressed with lz4", "lz4 -d FILE"),
    rb"\x1f\x9d": ("compressed with compress", "uncompress FILE"),
    rb"\x1f\x8b": ("compressed with gzip, twice", "gunzip FILE"),
    rb"BZh": ("compressed with bzip2, twice", "bunzip2 FILE"),
    rb"\xfd7zXZ\0": ("compressed with xz, twice", "unxz FILE"),
    rb"7z\xbc\xaf\x27\x1c": ("a 7z archive", "7z x FILE, then name the file in it"),
    rb"Rar!": ("a rar archive", "unrar x FILE, then name the file in it"),
    rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an old Office document (xls)", "save it as CSV UTF-8"),
    rb"\x80[\x02-\x05]|\([ld]p0\n": ("a pickle", _DUMP),
    rb"\x93NUMPY": ("a NumPy array", _DUMP),
    rb"\x89HDF": ("an HDF5 file", _DUMP),
    rb"ARROW1": ("an Arrow file", _PARQUET),
    rb"Obj\x01": ("an Avro file", _PARQUET),
    rb"PAR1": ("a Parquet file inside another compression", "decompress FILE"),
    rb"\x89PNG": ("a PNG picture", _OTHER),
    rb"\xff\xd8\xff": ("a JPEG picture", _OTHER),
    rb"GIF8": ("a GIF picture", _OTHER),
    rb"%PDF": ("a PDF", _OTHER),
    rb"\x1aE\xdf\xa3": ("a Matroska video", _OTHER),
    rb"RIFF": ("a media file (RIFF)", _OTHER),
    rb"\x7fELF": ("a program", _OTHER),
    rb"\0\0\0\0": ("a block of zero bytes, as a crash or a full disk leaves it", "write the file again"),
}
_TEXT: dict[str, Kind] = {
    r"\Z": ("without any text", _OTHER),
    "version https://git-lfs": ("a Git LFS pointer, not the file itself", "git lfs pull"),
    "<!doctype html|<html": _PAGE,
    "<": ("XML or HTML", _OTHER),
    "%yaml": ("YAML", "write it as JSON"),
    "---": ("YAML or Markdown", "write it as JSON"),
}


def of_bytes(head: bytes) -> Kind | None:
    """The kind of a binary file from its first kilobyte or more, None for what may be text or Parquet."""
    return next((kind for begin, kind in _BYTES.items() if re.match(begin, head, re.DOTALL)), None)


def of_text(head: str) -> Kind | None:
    """The kind of a text file that is neither JSON nor a table, None if it may be one."""
    return next((kind for begin, kind in _TEXT.items() if re.match(begin, head.lstrip().casefold())), None)
