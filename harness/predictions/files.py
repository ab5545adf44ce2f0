"""Answer files of every form that people bring, told apart by content: the one place that opens them.

JSON (rows a line, a list, an object by key, any of them inside an object with more to tell), CSV and TSV, Parquet; in UTF-8 or
UTF-16, as it is or compressed with gzip, bzip2 or xz. What the keys of a row mean is not decided here. `docs/predictions.md`
shows each form.
"""

from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from harness.predictions import kinds, objects, tables
from harness.predictions.text import BLANKS, BrokenError, Text, opened, read
from tasks.errors import InputError

NEXT = "docs/predictions.md shows every form that can be read"
_HEAD = 4096


def rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of a prediction file, one in memory at a time, with where each stands: "line 12", "entry 3", "row 7".

    Lines and entries of a list are given as they are. An object of rows, `{key: value}`, gives `value` with the key under
    `names.KEY`, or `{"text": value}` where the value is no object. Cells of a CSV are texts.

    Raises:
        InputError: There is no such file, it is none of the forms, it is damaged, or a row cannot be read.
    """
    if not path.is_file():
        what = "a folder" if path.is_dir() else "a pipe or device, which can be read only once"
        raise InputError("a file of predictions", f"{what}: {path}" if path.exists() else f"no file {path}", NEXT)
    try:
        yield from _rows(path)
    except BrokenError as error:
        raise InputError(error.expected, f"{path}, {error}", NEXT) from error
    except OSError as error:
        raise InputError("a file of predictions that can be read", f"{path}: {error.strerror or error}", NEXT) from error


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with opened(path) as stream:
        head = read(stream, _HEAD)
        if head.startswith(b"PAR1") and isinstance(stream, BufferedReader):
            yield from tables.parquet(path)
            return
        _refuse(path, kinds.of_bytes(head))
        stream.seek(0)
        text = Text(stream)
        while not text.ended and not text.buffer.strip(BLANKS):
            text.more()
        _refuse(path, kinds.of_text(text.buffer))
        if not text.buffer.lstrip(BLANKS).startswith(("[", "{")):
            yield from tables.rows(text)
            return
        form = objects.form(text)
        stream.seek(0)
        yield from objects.rows(Text(stream), form)


def _refuse(path: Path, kind: kinds.Kind | None) -> None:
    if kind is not None:
        raise InputError("a file of predictions", f"{path} is {kind[0]}", f"{kind[1].replace('FILE', str(path))}; {NEXT}")
