"""Bad input on the command line: exit code 2, what was expected, what was found, what to type next; nothing is lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main


def harness(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = main([str(a) for a in arguments])
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--tasks", "charade"], "nearest: charades"),
        (["--tasks", "synthetic@tset"], "nearest: test"),
        (["--tasks", "synthetic", "--split", "val"], "train, dev, test"),
        (["--tasks", "synthetic", "--protocol", "defualt"], "nearest: default"),
        (["--tasks", "synthetic", "--modes", "direct,cott"], "nearest: cot"),
        (["--tasks", "synthetic", "--model", "whole-vidoe"], "nearest: whole-video"),
        (["--tasks", "synthetic", "--model", "replay:nowhere.jsonl"], "no file nowhere.jsonl"),
        (["--tasks", "synthetic", "--limit", "0"], "at least 1"),
        (["--tasks", "charades"], "charades_sta/test.json"),
    ],
)
def test_names_and_files(
    benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: list[str], words: str
) -> None:
    output = tmp_path / "run"
    options = ["--model", "oracle", "--data-root", benchmark_root, "--output", output, *change]
    code, message = harness(capsys, "run", *options)
    assert code == 2
    assert words in message
    assert "expected:" in message and "found:" in message and "next:" in message
    assert "Traceback" not in message
    assert not (output / "scores.json").exists()


def test_no_videos_no_torch_needed_to_be_told(benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["data", "check", "--task", "synthetic", "--data-root", str(benchmark_root)])
    shown = capsys.readouterr().out
    assert code == 0
    assert "12 of 12 videos are missing (36 queries, each scored 0)" in shown
    assert str(benchmark_root / "synthetic" / "videos") in shown


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "a"}', '{"text": "1 to 2"}', "7"])
def test_a_bad_line_of_replies_is_named(
    benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    replies = tmp_path / "replies.jsonl"
    replies.write_text('{"id": "x", "text": "1 to 2"}\n' + line + "\n")
    code, message = harness(
        capsys, "score", replies, "--task", "synthetic", "--data-root", benchmark_root
    )  # fmt: skip
    assert code == 2
    assert "line 2" in message


def test_score_says_what_it_needs(benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert harness(capsys, "score", tmp_path / "nothing")[0] == 2
    empty = tmp_path / "empty"
    empty.mkdir()
    code, message = harness(capsys, "score", empty)
    assert code == 2
    assert "no run.json" in message


def test_an_output_folder_that_cannot_be_written(
    benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    options = ["--model", "oracle", "--tasks", "synthetic", "--data-root", benchmark_root]
    # Not even root can write to /proc.
    for output in (tmp_path / "file" / "run", "/proc/run"):
        code, message = harness(capsys, "run", *options, "--output", output)
        assert code == 2
        assert "can be written" in message


def test_an_existing_run_is_not_touched_by_bad_input(
    benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["run", "--tasks", "synthetic", "--data-root", benchmark_root, "--output", tmp_path / "run"]
    assert harness(capsys, *options, "--model", "oracle")[0] == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    assert harness(capsys, *options, "--model", "whole-video")[0] == 2
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.name != ".lock"} == {
        name: content for name, content in before.items() if name != ".lock"
    }


def test_usage_errors_exit_with_2() -> None:
    for arguments in (
        [],
        ["run"],
        ["rnu"],
        ["ls", "everything"],
        ["run", "--model", "oracle", "--tasks", "x", "--dtype", "int4"],
    ):
        command = [sys.executable, "-m", "harness", *arguments]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 2


def test_score_of_a_run_whose_annotations_changed(
    benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--tasks", "synthetic", "--data-root", benchmark_root, "--output", tmp_path / "run"]
    assert harness(capsys, "run", "--model", "oracle", *options)[0] == 0
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    run["spec"]["split_sha256"] = "0" * 64
    (tmp_path / "run" / "run.json").write_text(json.dumps(run))
    code, message = harness(capsys, "score", tmp_path / "run", "--data-root", benchmark_root)
    assert code == 2
    assert "that the run was made on, 00000000" in message
