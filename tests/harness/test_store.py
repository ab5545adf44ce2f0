"""Files of a run survive torn lines, full disks and second processes."""

import errno
import json
import multiprocessing
import os
from pathlib import Path

import pytest

from harness import store
from tasks.errors import InputError


def record(identifier: str, text: str = "a", mode: str = "direct") -> store.Record:
    return {"id": identifier, "mode": mode, "text": text, "error": None, "tokens": None}


def texts(folder: Path) -> dict[str, str]:
    return {identifier: r["text"] for (identifier, _), r in store.read_records(folder).items()}


@pytest.mark.parametrize("tail", [b'{"id": "c", "mo', b"\x00" * 5000, b"{", '{"id": "ü'.encode()[:-1]])
def test_a_torn_last_line_is_dropped_and_the_rest_kept(tmp_path: Path, tail: bytes) -> None:
    store.append(tmp_path, [record("a"), record("b")])
    with (tmp_path / store.SAMPLES).open("ab") as file:
        file.write(tail)
    assert set(texts(tmp_path)) == {"a", "b"}
    store.append(tmp_path, [record("c")])
    assert set(texts(tmp_path)) == {"a", "b", "c"}


def test_a_torn_only_line_leaves_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / store.SAMPLES).write_bytes(b"x" * 200_000)
    assert store.read_records(tmp_path) == {}


def test_the_last_record_of_a_question_counts(tmp_path: Path) -> None:
    store.append(tmp_path, [record("a", "old"), record("a", "cot", mode="cot"), record("a", "new")])
    records = store.read_records(tmp_path)
    assert (records["a", "direct"]["text"], records["a", "cot"]["text"]) == ("new", "cot")


def test_a_broken_line_in_the_middle_is_an_error_with_its_number(tmp_path: Path) -> None:
    lines = [json.dumps(record("a")), "nonsense", json.dumps(record("b"))]
    (tmp_path / store.SAMPLES).write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(InputError, match="line 2"):
        store.read_records(tmp_path)


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.append(tmp_path, [record("a")])
    before = (tmp_path / store.SAMPLES).read_bytes()
    write, calls = os.write, []

    def short_then_full(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, bytes(data)[:7])

    monkeypatch.setattr(os, "write", short_then_full)
    with pytest.raises(OSError, match="No space"):
        store.append(tmp_path, [record("b")])
    monkeypatch.undo()
    assert len(calls) == 2
    assert (tmp_path / store.SAMPLES).read_bytes() == before


def append_many(folder: str, start: int) -> None:
    for i in range(start, start + 200):
        store.append(Path(folder), [record(f"{i}", "x" * (i % 50) * 100), record(f"{i}", mode="cot")])


def test_processes_append_without_mixing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=append_many, args=(str(tmp_path), 1000 * n)) for n in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len((tmp_path / store.SAMPLES).read_text().splitlines()) == 800
    assert len(store.read_records(tmp_path)) == 800


def hold(folder: str, launch: str, ready: object, done: object) -> None:
    with store.locked(Path(folder), launch):
        ready.set()
        done.wait(60)


def test_one_launch_at_a_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    holder = context.Process(target=hold, args=(str(tmp_path), "launch one", ready, done))
    holder.start()
    assert ready.wait(60)
    with pytest.raises(InputError, match="launch one"), store.locked(tmp_path, "launch two"):
        pass
    with store.locked(tmp_path, "launch one"):
        pass
    done.set()
    holder.join()
    with store.locked(tmp_path, "launch two"):
        pass


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    holder = context.Process(target=hold, args=(str(tmp_path), "launch one", ready, done))
    holder.start()
    assert ready.wait(60)
    holder.kill()
    holder.join()
    with store.locked(tmp_path, "launch two"):
        assert (tmp_path / store.LOCK).read_text() == "launch two"


def test_json_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    store.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "vtg-harness/run/99"}'])
def test_an_unreadable_run_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / store.RUN).write_text(text)
    with pytest.raises(InputError, match="run/1"):
        store.read_run(tmp_path)


def test_an_unwritable_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can be written"):
        store.prepare_folder(tmp_path / "file" / "run")


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "a", "mode": "direct", "text": "1 to 2"}',
        '{"id": "a", "mode": "direct", "text": 1, "error": null}',
        "[" * 100_000,
        "[]",
        '"a"',
    ],
)
def test_a_line_that_cannot_be_scored_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / store.SAMPLES).write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        store.read_records(tmp_path)
