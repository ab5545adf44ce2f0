"""Finished runs on a disk that can only be read: every verb that reads needs no permission to write."""

import errno
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import api, store
from harness.cli import main

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.link", "os.symlink", "os.utime")
closed: set[Path] = set()
"""Folders in which this process may write nothing; a user who is root is kept by no permission of a file."""


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not closed or (event != "open" and event not in CHANGES) or not isinstance(arguments[0], str | bytes | os.PathLike):
        return
    if event == "open" and not int(arguments[2]) & WRITES:
        return
    path = Path(os.fsdecode(arguments[0])).absolute()
    if any(folder in (path, *path.parents) for folder in closed):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))


sys.addaudithook(refuse)


@pytest.fixture
def disk(benchmark_root: Path, tmp_path: Path) -> Iterator[Path]:
    """Two finished runs, one of them with failed questions, and a file of predictions; nothing can be written there."""
    folder = tmp_path / "disk"
    folder.mkdir()
    rows = [{"video": f"test_{i:04d}", "query": "red circle", "text": "1 to 4" if i % 2 else "never"} for i in range(12)]
    (folder / "replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, model in (("whole", "whole-video"), ("replay", f"replay:{folder}/replies.jsonl")):
        evaluate(model, benchmark_root, folder / name)
    (folder / "replay" / store.LOCK).unlink()
    with (folder / "whole" / store.SAMPLES).open("ab") as file:
        file.write(b'{"id": "torn')
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    closed.add(folder)
    yield folder
    closed.clear()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def evaluate(model: str, data_root: Path, output: Path) -> int:
    arguments = ["--tasks", "synthetic@test", "--data-root", str(data_root), "--output", str(output)]
    return main(["run", "--model", model, "--max-errors", "99", *arguments])


def test_the_guard_of_this_test_refuses(disk: Path) -> None:
    for write in (lambda: (disk / "x").write_text(""), lambda: (disk / "d").mkdir(), lambda: store.append(disk / "whole", [])):
        with pytest.raises(OSError, match="Read-only"):
            write()


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "{disk}/replay"],
        ["score", "{disk}/whole"],
        ["score", "{disk}/replay", "--all-protocols"],
        ["score", "{disk}/replay", "--protocol", "default", "--json"],
        ["score", "{disk}/replies.jsonl", "--task", "synthetic@test"],
        ["compare", "{disk}/replay"],
        ["compare", "{disk}/replay", "{disk}/replies.jsonl", "--task", "synthetic@test"],
        ["board", "{disk}/replay"],
        ["export", "{disk}/replay", "--output", "{out}/samples.csv"],
        ["export", "{disk}/replay", "--format", "model-card"],
        ["view", "{disk}/replay", "--output", "{out}/view.html"],
        ["plot", "{disk}/replay", "--output", "{out}/figure.svg"],
    ],
    ids=" ".join,
)
def test_verbs_that_read(arguments: list[str], disk: Path, benchmark_root: Path, tmp_path: Path) -> None:
    typed = [part.format(disk=disk, out=tmp_path / "out") for part in arguments]
    assert main([*typed, "--data-root", str(benchmark_root)]) == 0


def test_the_api_reads(disk: Path, benchmark_root: Path) -> None:
    assert len(api.load_run(disk / "replay", data_root=benchmark_root).samples) == 36


def test_pages_of_a_folder_go_where_the_output_is(
    disk: Path, benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = tmp_path / "pages" / "index.html"
    assert main(["view", str(disk), "--output", str(index), "--data-root", str(benchmark_root)]) == 0
    assert (index.parent / "replay" / "view.html").is_file() and index.is_file()
    assert main(["view", str(disk / "replay"), "--data-root", str(benchmark_root)]) == 2
    assert "--output FILE" in capsys.readouterr().err


def test_a_finished_run_typed_again_prints_its_scores(
    disk: Path, benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert evaluate(f"replay:{disk}/replies.jsonl", benchmark_root, disk / "replay") == 0
    said = capsys.readouterr().out
    scores = json.loads((disk / "replay" / store.SCORES).read_text())["modes"]["direct"]
    assert f"{scores['aggregate']['mIoU']:.2f}" in said and "nothing was asked" in said
    assert "scored 0: 24 no-row, 6 no-" in said
    assert evaluate("middle-half", benchmark_root, disk / "replay") == 2
    assert "a changed spec" in capsys.readouterr().err
    assert evaluate("whole-video", benchmark_root, disk / "new") == 2
    assert "can be written" in capsys.readouterr().err


def test_an_unfinished_run_is_no_finished_one(disk: Path, benchmark_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    closed.clear()
    path = disk / "whole" / store.RUN
    whole = path.read_bytes()
    path.write_text(json.dumps({**json.loads(whole), "status": "running"}))
    closed.add(disk)
    assert evaluate("whole-video", benchmark_root, disk / "whole") == 2
    assert f"harness score {disk / 'whole'}, which only reads" in capsys.readouterr().err
    closed.clear()
    path.write_bytes(whole)
