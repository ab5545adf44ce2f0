"""Prediction files as programs really write them: the rows come back, or the file is named for what it is."""

import bz2
import csv
import gzip
import io
import json
import lzma
import math
import pickle
import pprint
import sqlite3
import sys
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.predictions import cells, files, text
from tasks.errors import InputError

ROWS: list[dict[str, Any]] = [
    {"id": "a1", "query": "a person, smiling", "text": 'from 1 to 2\n"really"', "pred": [12.5, 17.5]},
    {"id": "a2", "query": "ein Mädchen öffnet die Tür", "text": "<answer>20 to 30</answer> [x] {y}", "pred": None},
    {"id": "a3", "query": "人が車を出す", "text": "it's 65 - 80 \\ \t 😀", "pred": [[1, 2, 0.5]], "done": True},
]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS)
suppressed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(folder: Path, content: bytes | str, name: str = "predictions") -> list[dict[str, Any]]:
    """Rows of a file whose name says nothing."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [row for _, row in files.rows(path)]


def refused(folder: Path, content: bytes | str) -> InputError:
    with pytest.raises(InputError) as error:
        read(folder, content)
    assert "predictions" in error.value.found
    assert "docs/predictions.md" in error.value.next_command
    return error.value


def test_what_is_said_by_video_and_query_is_a_row_each(tmp_path: Path) -> None:
    said = {"v1": {"a dog": [1, 2], "a cat": "3 to 4", "a bird": {"start": 5, "end": 6}}, "v2": {"a dog": [[1, 2], [3, 4]]}}
    assert read(tmp_path, json.dumps(said)) == [
        {"pred_spans": [1, 2], "query": "a dog", "_key": "v1"},
        {"text": "3 to 4", "query": "a cat", "_key": "v1"},
        {"start": 5, "end": 6, "query": "a bird", "_key": "v1"},
        {"pred_spans": [[1, 2], [3, 4]], "query": "a dog", "_key": "v2"},
    ]
    # An object with a key that rows have stays one row, whatever else it tells.
    assert read(tmp_path, json.dumps({"v1": {"text": "1 to 2", "note": "x"}})) == [{"text": "1 to 2", "note": "x", "_key": "v1"}]


@pytest.mark.parametrize("indent", [None, 1, 4, "\t"])
@pytest.mark.parametrize("ascii_", [True, False])
@pytest.mark.parametrize(
    "encode",
    [
        str.encode,
        lambda s: s.encode("utf-8-sig"),
        lambda s: s.encode("utf-16"),
        lambda s: s.encode("utf-16-le"),
        lambda s: s.encode("utf-16-be"),
        lambda s: s.encode("utf-32"),
        lambda s: s.replace("\n", "\r\n").encode("utf-16"),
        lambda s: s.replace("\n", "\r\n").encode(),
        lambda s: s.replace("\n", "\r").encode(),
        lambda s: f"\n \r\n{s}\n\n".encode(),
        lambda s: gzip.compress(s.encode()),
        lambda s: bz2.compress(s.encode("utf-16")),
        lambda s: lzma.compress(s.encode("utf-8-sig")),
    ],
)
def test_json_in_every_layout_and_encoding(tmp_path: Path, indent: Any, ascii_: bool, encode: Callable[[str], bytes]) -> None:
    def dump(value: Any) -> str:
        return json.dumps(value, indent=indent, ensure_ascii=ascii_)

    keyed = {row["id"]: row for row in ROWS}
    with_key = [{**row, "_key": row["id"]} for row in ROWS]
    assert read(tmp_path, encode(dump(ROWS))) == ROWS
    assert read(tmp_path, encode("\n".join(map(dump, ROWS)))) == ROWS
    assert read(tmp_path, encode(dump(keyed))) == with_key
    for envelope in ("results", "predictions", "data", "logs"):
        around = {"config": {"model": "m", "results": []}, envelope: ROWS, "total": 3, "notes": ["x"]}
        assert read(tmp_path, encode(dump(around))) == ROWS
        assert read(tmp_path, encode(dump({**around, envelope: keyed}))) == with_key


def test_where_a_row_stands(tmp_path: Path) -> None:
    def places(content: str) -> list[str]:
        (tmp_path / "f").write_text(content, newline="")
        return [where for where, _ in files.rows(tmp_path / "f")]

    assert places("\n" + JSONL.replace("\n", "\r\n\r\n")) == ["line 2", "line 4", "line 6"]
    assert places(json.dumps(ROWS, indent=1)) == ["entry 1", "entry 2", "entry 3"]
    assert places(json.dumps({"a": "1 to 2", "b": 3})) == ["entry 'a'", "entry 'b'"]
    assert places('id,text\n\na,1\nb,"2\n3"\nc,4\n') == ["row 3", "row 4", "row 5"]
    assert places("sep=;\nid;text\na;1\n") == ["row 3"]


@pytest.mark.parametrize("size", [4, 5, 7, 40, 1000])
def test_the_size_of_what_is_read_at_once_changes_nothing(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {"n": [1.5e-7, -12345.678, 1e300, -math.inf, 0, 10**30], "word": [True, False, None, "\ud83d"]}
    rows = [{**row, **numbers, "id": f"{row['id']}-{i}"} for i in range(9) for row in ROWS]
    monkeypatch.setattr(text, "CHUNK", size)
    assert read(tmp_path, "".join(json.dumps(row) + "\n" for row in rows)) == rows
    assert read(tmp_path, json.dumps(rows)) == rows
    assert read(tmp_path, json.dumps({str(i): i * 1.25 for i in range(200)})) == [
        {"text": i * 1.25, "_key": str(i)} for i in range(200)
    ]
    assert read(tmp_path, repr(rows)) == rows
    assert read(tmp_path, "\n".join(map(repr, rows))) == rows
    table = "\r\n".join(["id,text", *(f'{i},"a\r\nb"' for i in range(200))])
    assert read(tmp_path, table.encode("utf-16")) == [{"id": str(i), "text": "a\r\nb"} for i in range(200)]


@pytest.mark.parametrize("indent", [None, 1])
def test_numbers_that_json_does_not_have(tmp_path: Path, indent: int | None) -> None:
    rows = [{"id": "a", "pred": [math.nan, math.inf], "p": -math.inf}, {"id": "b", "pred": [0.0, 1.0], "p": math.nan}]
    single = json.dumps({row["id"]: row["p"] for row in rows}, indent=indent)
    for content in (json.dumps(rows, indent=indent), "\n".join(json.dumps(row, indent=indent) for row in rows), repr(rows)):
        found = read(tmp_path, content)
        assert repr(found) == repr(rows)
    assert repr(read(tmp_path, single)) == repr([{"text": -math.inf, "_key": "a"}, {"text": math.nan, "_key": "b"}])


def test_rows_as_python_prints_them(tmp_path: Path) -> None:
    rows = [{**row, "span": (1.0, 2.5), "one": (3,), 4: "four"} for row in ROWS]
    expected = [{**row, "span": [1.0, 2.5], "one": [3], "4": "four"} for row in ROWS]
    assert read(tmp_path, "\n".join(map(str, rows))) == expected
    assert read(tmp_path, str(rows)) == expected
    assert read(tmp_path, pprint.pformat(rows)) != []
    assert read(tmp_path, str(dict(enumerate(rows)))) == [{**row, "_key": str(i)} for i, row in enumerate(expected)]
    mixed = f"{json.dumps(ROWS[0])}\n{ROWS[1]}\n"
    assert read(tmp_path, mixed) == ROWS[:2]


@pytest.mark.parametrize(
    "line",
    [
        "{'id': 'a', 'text': '1' '2'}",  # adjacent texts are one to Python: here a comma is missing
        '{"id": "a", "text": "1" "2"}',
        "{'id': 'a', 'pred': array([1, 2])}",
        "{'id': 'a', 'pred': np.float64(1.0)}",
        "{'id': 'a', 'text': b'1'}",
        "{'id': 'a', 'text': 1 + 2}",
        "{'id': 'a', 'text': f'1'}",
        "{'id': 'a', 'text': {1, 2}}",
        "{'id': 'a', 'text': '1', 'text': '2'}",
        '{"id": "a", "text": "1", "text": "2"}',
        '{"id": "a", "info": {"x": 1, "x": 2}}',
        '{"id": "a", "text": "1",}',
        '{"id": "a" "text": "1"}',
        '{"id": "a", "text": 01}',
        '{"id": "a", "text": "1"} x',
        '{"id": "a", "text": 1' + "0" * 5000 + "}",
        '{"id": "a", "text": "1"',
        '{"id": "a", "text": "1',
        '{"id": "a", "te{"id": "b", "text": "1"}',
        "[1, 2]",
        "7",
        "null",
        '"text"',
        "Loading the model",
        "\0\0\0\0",
    ],
)
def test_a_bad_line_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    for first in ("", JSONL):
        number = first.count("\n") + 1
        assert f"line {number}" in refused(tmp_path, f"{first}{line}\n").found or not first


def test_what_follows_the_end_is_refused(tmp_path: Path) -> None:
    assert "line 2" in refused(tmp_path, json.dumps(ROWS) + "\n[]").found
    assert "line 1" in refused(tmp_path, json.dumps(ROWS) + "]").found
    assert "line 1" in refused(tmp_path, json.dumps(ROWS)[:-1] + ",]").found


@pytest.mark.parametrize("wrap", [lambda s: s.encode(), lambda s: s.encode("utf-16"), lambda s: gzip.compress(s.encode())])
@pytest.mark.parametrize(
    "content", [JSONL, json.dumps(ROWS), json.dumps(ROWS, indent=1), json.dumps({"a": ROWS[0], "b": "1 to 2"})]
)
def test_a_file_cut_anywhere_is_refused_or_ends_with_a_row(tmp_path: Path, wrap: Callable[[str], bytes], content: str) -> None:
    whole = wrap(content)
    full = read(tmp_path, whole)
    for length in range(1, len(whole.rstrip(b"\n\0")), 5):
        try:
            found = read(tmp_path, whole[:length])
        except InputError as error:
            assert error.next_command
        else:
            assert content == JSONL
            assert found == full[: len(found)]


def test_the_line_where_a_cut_archive_ends_is_told(tmp_path: Path) -> None:
    rows = "".join(json.dumps({"id": i, "text": "x" * 999}) + "\n" for i in range(2000))
    for packed in (gzip.compress(rows.encode()), bz2.compress(rows.encode()), lzma.compress(rows.encode())):
        error = refused(tmp_path, packed[: len(packed) - 30])
        assert "line " in error.found
        assert "whole file" in error.expected


@pytest.mark.parametrize(
    ("content", "count"),
    [
        ('{"id": "a1", "text": "1 to 2"}', 0),
        ('{"video": "v", "query": "q", "results": [{"id": "x"}]}', 0),
        ('{"video": "v", "query": "q", "pred": [1, 2]}', 0),
        ('{"doc": {"video": "v"}, "resps": [["1 to 2"]]}', 0),
        ('{"response": "1 to 2"}', 0),
        ('{"a1": "1 to 2"}', 1),
        ('{"a1": {"text": "1 to 2"}, "a2": [1, 2]}', 2),
        ('{"uid": "x", "model_output": "1 to 2"}', 0),
        ('{"Video-Path": "v.mp4", "Question": "q", "answer": "1 to 2"}', 0),
        ('{"clip": "v", "reply": "1 to 2"}', 0),
        ('{"clip": "v", "said": "1 to 2"}', 2),
        ('{"segments": [{"qid": 1, "pred": [1, 2]}]}', 1),
        ('{"videos": [{"qid": 1, "pred": [1, 2]}, {"qid": 2}]}', 2),
        ('{"description": "of May", "results": {"v1": [{"sentence": "q", "pred": [1, 2]}]}}', 1),
        ('{"version": "1.3", "results": {"v1": [{"sentence": "q", "pred": [1, 2]}, {"sentence": "r"}]}, "x": {}}', 2),
        ('{"results": []}', None),
    ],
)
def test_one_object_is_a_row_or_holds_rows(tmp_path: Path, content: str, count: int | None) -> None:
    found = read(tmp_path, content)
    value = json.loads(content)
    if count is None:
        assert found == []
    elif count == 0:
        assert found == [value]
    else:
        assert len(found) == count
        assert {row["_key"] for row in found} <= {*value, *value.get("results", {})}
    assert read(tmp_path, f"{content}\n{content}") == [value, value]


def test_rows_of_a_video_stand_under_its_name(tmp_path: Path) -> None:
    content = {
        "v1": [{"query": "q", "pred": [1, 2]}, {"query": "r", "pred": [3, 4]}],
        "v2": [[1, 2]],
        "v3": [{"start": 1, "end": 2}],
    }
    assert read(tmp_path, json.dumps(content)) == [
        {"query": "q", "pred": [1, 2], "_key": "v1"},
        {"query": "r", "pred": [3, 4], "_key": "v1"},
        {"text": [[1, 2]], "_key": "v2"},
        {"text": [{"start": 1, "end": 2}], "_key": "v3"},
    ]


def test_two_places_for_rows_are_refused_by_name(tmp_path: Path) -> None:
    error = refused(tmp_path, json.dumps({"results": {"charades": {"mIoU": 1}}, "samples": ROWS}))
    assert "'results' or 'samples'" in error.found


def test_large_objects_show_what_they_are(tmp_path: Path) -> None:
    """Larger than the window in which they are looked at."""
    many = [{"id": str(i), "text": "x" * 1000} for i in range(3000)]
    assert read(tmp_path, json.dumps({"about": "x", "results": many})) == many
    assert len(read(tmp_path, json.dumps({str(i): row for i, row in enumerate(many)}))) == 3000
    row = {"id": "a", "text": "x" * 3_000_000}
    assert read(tmp_path, json.dumps(row)) == [row]
    assert read(tmp_path, f"{json.dumps(row)}\n{json.dumps(row)}") == [row, row]


FRAME = pandas.DataFrame([{**row, "pred": json.dumps(row["pred"])} for row in ROWS]).drop(columns="done")
TEXTS = FRAME.to_dict("records")


@pytest.mark.parametrize(
    "write",
    [
        lambda frame: frame.to_csv(index=False).encode(),
        lambda frame: frame.to_csv(index=False, sep="\t").encode(),
        lambda frame: frame.to_csv(index=False, sep=";", quoting=csv.QUOTE_ALL).encode("utf-8-sig"),  # Excel where "," is decimal
        lambda frame: frame.to_csv(index=False, sep="\t", lineterminator="\r\n").encode("utf-16"),  # Excel's "Unicode text"
        lambda frame: frame.to_csv(index=False, lineterminator="\r\n").encode("utf-16-le"),
        lambda frame: gzip.compress(frame.to_csv(index=False).encode()),
        lambda frame: ("sep=;\r\n" + frame.to_csv(index=False, sep=";", lineterminator="\r\n")).encode(),
        lambda frame: frame.to_csv().encode(),  # with a column of numbers that has no name
        lambda frame: frame.to_csv(sep="\t").encode(),
        lambda frame: (frame.to_csv(index=False) + ",,,\n\n").encode(),
        lambda frame: frame.to_json(orient="records").encode(),
        lambda frame: frame.to_json(orient="records", lines=True).encode(),
    ],
)
def test_tables_as_pandas_and_spreadsheets_write_them(tmp_path: Path, write: Callable[[pandas.DataFrame], bytes]) -> None:
    assert read(tmp_path, write(FRAME)) == TEXTS


def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"done": None, **row, "pred": pred} for row, pred in zip(ROWS, ([[1.5, 2.0]], [], None), strict=True)]
    buffer = io.BytesIO()
    pandas.DataFrame(rows).to_parquet(buffer)
    written = buffer.getvalue()
    assert read(tmp_path, written) == rows
    refused(tmp_path, written[:-20])
    assert "another compression" in refused(tmp_path, gzip.compress(written)).found
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(InputError, match=r"pip install 'vtg-harness\[train\]'"):
        read(tmp_path, written)


def test_empty_cells_are_null(tmp_path: Path) -> None:
    found = [{"id": "a", "text": None, "pred": None}, {"id": "b", "text": "x", "pred": None}]
    assert read(tmp_path, "id,text,pred\na,,\n,,\nb,x,\n") == found


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("id,text\na,1\nb,2,3\n", "row 3"),
        ("id,text\na,1\nb\n", "row 3"),
        ("id,text,id\na,1,b\n", "row 1"),
        ("id;text,x\n", "row 1"),  # as many columns by either
        ('id,text\na,"1\n', "row 2"),
        ('id,text\na,"1" 2\n', "row 2"),
        ('id,text\na,"he said \\"1\\""\n', "row 2"),
        ("id\na\n", "line 1"),
        ("| id | text |\n|---|---|\n| a | 1 |\n", "line 1"),
    ],
)
def test_tables_that_are_not_one_are_refused_by_row(tmp_path: Path, content: str, where: str) -> None:
    assert where in refused(tmp_path, content).found


def test_huge_cells(tmp_path: Path) -> None:
    cell = "x" * 1_000_000
    assert read(tmp_path, f"id,text\na,{cell}\n") == [{"id": "a", "text": cell}]


def made(write: Callable[[Path], Any]) -> Callable[[Path], bytes]:
    def content(folder: Path) -> bytes:
        write(folder / "made")
        return (folder / "made").read_bytes()

    return content


def _zip(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, JSONL)


def _tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as file:
        file.addfile(tarfile.TarInfo("rows.jsonl"), io.BytesIO())


def _sqlite(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("create table t (id)")
    file.close()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (made(lambda path: _zip(path, "rows.jsonl")), "is a zip"),
        (made(lambda path: _zip(path)), "empty zip"),
        (made(lambda path: FRAME.to_excel(path, engine="openpyxl")), "xlsx"),
        (made(lambda path: numpy.savez(path.open("wb"), a=numpy.zeros(3))), "NumPy archive"),
        (made(lambda path: numpy.save(path.open("wb"), numpy.zeros(3))), "NumPy array"),
        (made(lambda path: FRAME.to_feather(path)), "Arrow"),
        (made(_tar), "tar archive"),
        (made(_sqlite), "SQLite"),
        (lambda _: pickle.dumps(ROWS), "pickle"),
        (lambda _: pickle.dumps(ROWS, protocol=0), "pickle"),
        (lambda _: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG"),
        (lambda _: b"\0\0\0 ftypisom", "mp4"),
        (lambda _: b"%PDF-1.7\n", "PDF"),
        (lambda _: b"\x28\xb5\x2f\xfd\x04", "zstd"),
        (lambda _: b"", "empty"),
        (lambda _: b" \r\n\n", "without any text"),
        (lambda _: gzip.compress(b""), "empty"),
        (lambda _: gzip.compress(gzip.compress(JSONL.encode())), "twice"),
        (lambda _: bytes(4096), "zero bytes"),
        (lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"),
        (lambda _: b"\n<!DOCTYPE html><html>", "HTML"),
        (lambda _: b"<?xml version='1.0'?>", "XML"),
        (lambda _: FRAME.to_json().encode(), "each column"),
        (lambda _: json.dumps({"id": ["a"], "text": ["b"]}).encode(), "each column"),
        (lambda _: '{"id": "ä"}\n{"id": "a"}'.encode("cp1252"), "line 1: bytes that are no UTF-8"),
        (lambda _: ("id,text\n" + "a,b\n" * 70_000 + "c,ä\n").encode("cp1252"), "line 70002: bytes that are no UTF-8"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: Callable[[Path], bytes], name: str) -> None:
    assert name in refused(tmp_path, content(tmp_path)).found


def test_folders_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder"):
        list(files.rows(tmp_path))
    with pytest.raises(InputError, match="no file"):
        list(files.rows(tmp_path / "none"))


@pytest.mark.parametrize("form", ["jsonl", "list", "object", "envelope", "csv", "gz"])
def test_one_row_at_a_time_is_in_memory(tmp_path: Path, form: str) -> None:
    row = json.dumps({"id": "a", "text": "word " * 2000})
    count = 1500
    content = {
        "jsonl": lambda: f"{row}\n" * count,
        "gz": lambda: f"{row}\n" * count,
        "list": lambda: "[" + ",".join([row] * count) + "]",
        "object": lambda: "{" + ",".join(f'"{i}": {row}' for i in range(count)) + "}",
        "envelope": lambda: '{"results": [' + ",".join([row] * count) + "]}",
        "csv": lambda: "id,text\n" + f"a,{'word ' * 2000}\n" * count,
    }[form]()
    path = tmp_path / "predictions"
    path.write_bytes(gzip.compress(content.encode(), 1) if form == "gz" else content.encode())
    size = len(content)
    del content
    tracemalloc.start()
    assert sum(1 for _ in files.rows(path)) == count
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 15e6
    # What an object is shows within a window of 2 Mi characters.
    assert peak < (12e6 if form in ("object", "envelope") else 2e6)


@pytest.mark.parametrize(
    "content",
    [
        "[" * 300_000,
        '{"a":' * 300_000,
        "{'a': (" * 100_000,
        '[{"id": "a", "x": ' + "[" * 101 + "]" * 101 + "}]",
        "[[" * 101,
        '{"results":' * 99_999,
    ],
)
def test_deep_nesting_is_refused(tmp_path: Path, content: str) -> None:
    tracemalloc.start()
    assert "nested deeper than 100" in refused(tmp_path, content).found
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e7


def test_nesting_up_to_the_limit_is_read(tmp_path: Path) -> None:
    content = '{"id": "[[[[", "x": ' + "[" * 99 + "]" * 99 + "}"
    assert read(tmp_path, content) == [json.loads(content)]


@pytest.mark.parametrize("begin", ['["', "[{'a': '", "{'a': (1,", 'a,b\n"', "a,"])
@pytest.mark.parametrize("unit", ["x", "\\", "1", " ", "''", ","])
def test_a_row_without_end_costs_no_more_than_reading_it(tmp_path: Path, begin: str, unit: str) -> None:
    """What grows with the square of its length would take minutes here."""
    try:
        assert read(tmp_path, begin + unit * 60_000) == []
    except InputError as error:
        assert error.next_command


@given(st.binary(max_size=200) | st.text(alphabet="{}[]()\"':;,\t0123456789.eE-nulTrid \r\n\\", max_size=200).map(str.encode))
@suppressed
def test_any_bytes_give_rows_or_a_named_error(tmp_path: Path, content: bytes) -> None:
    try:
        found = read(tmp_path, content)
    except InputError as error:
        assert error.next_command
        return
    assert all(isinstance(row, dict) and all(isinstance(key, str) for key in row) for row in found)


LEAVES = st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=6
)
ANY_ROWS = st.lists(st.dictionaries(st.text(), VALUES, max_size=4).map(lambda row: {"id": "a", **row}), min_size=2, max_size=4)


@given(ANY_ROWS, st.booleans(), st.sampled_from([None, 1]), st.sampled_from([3, 50, 1 << 16]))
@suppressed
def test_json_reads_back_as_it_was(
    tmp_path: Path, rows: list[dict[str, Any]], ascii_: bool, indent: int | None, chunk: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "CHUNK", chunk)
        assert read(tmp_path, json.dumps(rows, ensure_ascii=ascii_, indent=indent).encode()) == rows
        assert read(tmp_path, "\n".join(json.dumps(row, ensure_ascii=ascii_) for row in rows)) == rows
        assert read(tmp_path, "\n".join(map(repr, rows))) == rows


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.sampled_from(
    ["=1+1", "-5 to 3", "+", "-", "'", "''", "'=x", "@SUM(A1)", "\tx", "\rx", "\n=x", "＝1", "'-", "\ufeff=1", ' "x"']
)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5))
@suppressed
def test_cells_read_back_and_none_is_a_formula(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    table = [("id", "text"), *((f"n{i}", cell) for i, row in enumerate(rows) for cell in row)]
    content = cells.written(table)
    assert all(
        len(cell) < 2 or cell[0] not in "=+-@\t\r\n" for line in csv.reader(io.StringIO(content, newline="")) for cell in line
    )
    expected = [{"id": number, "text": cell or None} for number, cell in table[1:]]
    assert read(tmp_path, content.encode()) == expected


def test_numbers_stay_numbers() -> None:
    assert cells.written([["a", "b"], [-1.5, -2], ["-1.5", "-"]]) == "a,b\r\n-1.5,-2\r\n'-1.5,-\r\n"
