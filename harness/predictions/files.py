"""The rows of a prediction file, whatever contains them (a stopgap with the contract of the container reader)."""

import csv
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ijson
from ijson.common import ObjectBuilder

from tasks.errors import InputError
from tasks.formats import shown

DEEPEST = 100
NEXT = "see docs/predictions.md"


def rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where a row stands, and the row."""
    if not path.is_file():
        raise InputError("a file of predictions", f"no file {path}", NEXT)
    if path.suffix in (".csv", ".tsv"):
        yield from _table(path)
        return
    if path.suffix == ".parquet":
        import pyarrow.parquet

        for number, row in enumerate(pyarrow.parquet.read_table(path).to_pylist(), 1):
            yield f"row {number}", row
        return
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        head = file.read(1 << 16).removeprefix(b"\xef\xbb\xbf").lstrip()
        file.seek(0)
        whole = head[:1] == b"[" or (head[:1] == b"{" and not _is_row(head))
        try:
            yield from _json(file) if whole else _jsonl(path, file)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise InputError("JSON", f"{path}: {error}", NEXT) from error


def _table(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    csv.field_size_limit(1 << 30)
    with path.open(newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","), 2):
            yield f"row {number}", {k: v for k, v in row.items() if v}


def _is_row(head: bytes) -> bool:
    line, end, _ = head.partition(b"\n")
    if not end:
        return b">>>" not in line and (b'{"a1"' not in line)
    try:
        return isinstance(json.loads(line), dict) and b">>>" not in line.split(b":")[0]
    except (ValueError, RecursionError):
        return False


def _jsonl(path: Path, file: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError("one JSON object a line", f"{path} line {number}: {error}", NEXT) from error
        if not isinstance(row, dict):
            raise InputError("one JSON object a line", f"{path} line {number}: {shown(row)}", NEXT)
        yield f"line {number}", row


def _json(file: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, name, value in _entries(file):
        row = dict(value) if isinstance(value, dict) else {"text": value}
        if key:
            row["_key"] = name
        yield f"entry {name[:80]}", row


def _entries(file: Any) -> Iterator[tuple[bool, str, Any]]:
    depth, number, name, key, builder = 0, 0, "", False, ObjectBuilder()
    for event, value in ijson.basic_parse(file, use_float=True):
        depth -= event in ("end_map", "end_array")
        if depth == 1 and event == "map_key":
            name, key = value, True
            continue
        if depth > 0:
            builder.event(event, value)
        if event in ("start_map", "start_array"):
            depth += 1
            if depth > DEEPEST:
                raise ijson.JSONError(f"nested deeper than {DEEPEST}")
        elif depth == 1:
            yield key, name if key else str(number), builder.value
            number, builder = number + 1, ObjectBuilder()
