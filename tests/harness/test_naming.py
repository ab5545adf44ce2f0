"""What stands on a board as a model is that model; sessions of a run that differ are said wherever its number is shown."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness import sessions, store
from harness.cli import main
from harness.models import naming, tiny
from leaderboards.board.rows import of_run

HASH = "3fa2c1d0" + "0" * 56


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with folders named as models of a hub are."""
    for folder in ("Qwen/Qwen3-VL-4B", "ckpt", "a/b/c"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "recorded"),
    [
        ("Qwen/Qwen3-VL-4B", "./Qwen/Qwen3-VL-4B"),
        ("Qwen/Qwen3-VL-4B/", "./Qwen/Qwen3-VL-4B"),
        ("Qwen//Qwen3-VL-4B", "./Qwen/Qwen3-VL-4B"),
        ("./Qwen/Qwen3-VL-4B", "./Qwen/Qwen3-VL-4B"),
        ("ckpt", "./ckpt"),
        ("a/b/c", "a/b/c"),
        ("../ckpt", "../ckpt"),
        ("Qwen/Qwen2-VL", "Qwen/Qwen2-VL"),
    ],
)
def test_a_folder_is_recorded_as_one(typed: str, recorded: str, here: Path) -> None:
    assert naming.local(typed) == recorded
    assert naming.is_ambiguous(typed) == (typed != recorded and "/" in typed)


@pytest.mark.parametrize(
    ("model", "called"),
    [
        ({"name": "Qwen/X", "backend": "hf", "revision": "0123456789", "fingerprint": HASH}, "Qwen/X@01234567"),
        ({"name": "Qwen/X", "backend": "hf", "revision": None, "fingerprint": HASH}, "./Qwen/X (3fa2c1d0)"),
        ({"name": "Qwen/X", "backend": "lmms:qwen", "fingerprint": HASH}, "./Qwen/X (3fa2c1d0)"),
        ({"name": "./Qwen/X", "backend": "hf", "revision": None, "fingerprint": HASH}, "./Qwen/X (3fa2c1d0)"),
        ({"name": "/data/Qwen/X", "backend": "hf", "revision": None, "fingerprint": HASH}, "/data/Qwen/X"),
        ({"name": "Qwen/X", "backend": "openai", "server": "http://***@localhost:8000/v1/"}, "Qwen/X at localhost:8000"),
        ({"name": "oracle", "backend": "trivial"}, "oracle"),
        ({"name": "replay:a.jsonl", "backend": "replay", "sha256": HASH}, "replay:a.jsonl"),
    ],
)
def test_tables_call_a_model_what_it_is(model: dict[str, Any], called: str) -> None:
    assert naming.shown(model) == called


def test_a_folder_with_the_name_of_a_hub_model(here: Path, benchmark_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "Qwen" / "Qwen3-VL-4B").rmdir()
    tiny.build(here / "Qwen" / "Qwen3-VL-4B", "qwen3_vl")
    root = ["--data-root", str(benchmark_root)]
    (here / "videos").mkdir()
    (here / "videos" / "test_0000.mp4").touch()
    assert (
        main(["run", "--videos", "videos", "--model", "Qwen/Qwen3-VL-4B", "--tasks", "synthetic", "--output", "run", *root]) == 0
    )
    shown = capsys.readouterr()
    assert "taken for the folder ./Qwen/Qwen3-VL-4B" in shown.err and "./Qwen/Qwen3-VL-4B" in shown.out
    model = (store.read_run(here / "run") or {})["spec"]["model"]
    assert (model["name"], model["revision"]) == ("./Qwen/Qwen3-VL-4B", None) and len(model["fingerprint"]) == 64
    assert main(["board", "run", "--published", "none", "--format", "md", *root]) == 0
    board = capsys.readouterr().out
    # Not by the name of the model on the hub, which this folder only looks like.
    assert f"Qwen3-VL-4B ({model['fingerprint'][:8]})" in board and "Qwen/Qwen3-VL-4B" not in board
    assert main(["view", "run", *root]) == 0


def environment(**changes: Any) -> dict[str, Any]:
    known = {"harness": "0.1.0", "commit": "a" * 40, "dirty": False, "python": "3.11", "cpus": 2, "gpus": ["H100"]}
    return {**known, "packages": {"torch": "2.12", "numpy": "2.0"}, **changes}


def made(*environments: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"environment": one} for one in environments]


@pytest.mark.parametrize(
    ("second", "commits", "words"),
    [
        (environment(), "aaaaaaaa", ""),
        (environment(cpus=64), "aaaaaaaa", ""),
        (environment(commit="b" * 40), "aaaaaaaa, bbbbbbbb", "commit aaaaaaaa, bbbbbbbb"),
        (environment(dirty=True), "aaaaaaaa, aaaaaaaa+changes", "commit aaaaaaaa, aaaaaaaa+changes"),
        (environment(commit=None, dirty=None), "aaaaaaaa, v0.1.0", "commit aaaaaaaa, none"),
        (environment(packages={"torch": "2.13", "numpy": "2.0"}), "aaaaaaaa", "torch 2.12, 2.13"),
        (environment(packages={"torch": "2.12"}), "aaaaaaaa", "numpy 2.0, none"),
        (environment(gpus=[]), "aaaaaaaa", "gpus H100, none"),
    ],
)
def test_sessions_that_differ(second: dict[str, Any], commits: str, words: str) -> None:
    both = made(environment(), second, environment())
    assert sessions.commits(both) == commits
    assert sessions.differences(both) == words


def test_every_table_says_that_sessions_differ(tmp_path: Path, benchmark_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, root = tmp_path / "run", ["--data-root", str(benchmark_root)]
    replies = tmp_path / "replies.jsonl"
    replies.write_text('{"video": "test_0000", "query": "red circle", "text": "1 to 4"}\n', encoding="utf-8")
    typed = ["run", "--model", f"replay:{replies}", "--tasks", "synthetic", "--output", str(run), *root]
    assert main(typed) == 0
    assert "sessions that differ" not in capsys.readouterr().out
    document = json.loads((run / store.RUN).read_text())
    other = {**document["sessions"][0], "environment": {**document["sessions"][0]["environment"], "commit": "c" * 40}}
    other["environment"]["dirty"] = False
    document["sessions"].insert(0, other)
    store.write_json(run / store.RUN, document)
    (row,) = of_run(document, json.loads((run / store.SCORES).read_text()), run)
    assert row.commit.startswith("cccccccc, ")
    for command in (["score", str(run)], ["board", str(run), "--published", "none"], ["compare", str(run)], typed[:-2]):
        assert main([*command, *root]) == 0
        out = capsys.readouterr().out
        assert "made in sessions that differ: commit cccccccc, " in out, command
    assert main(["view", str(run), *root]) == 0
