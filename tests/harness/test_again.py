"""A finished run typed again tells its scores without loading the model, unless something is left to ask or has changed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.models import hf
from harness.models.tiny import build
from harness.synthetic.make import make


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that were loaded."""
    made, loaded = hf.load, list[str]()

    def load(model: str, *rest: Any) -> hf.HfModel:
        loaded.append(model)
        return made(model, *rest)

    monkeypatch.setattr(hf, "load", load)
    return loaded


@pytest.fixture
def typed(tmp_path: Path) -> Callable[..., int]:
    """`harness run` of a tiny checkpoint on two videos, of which one is missing."""
    build(tmp_path / "model", "qwen3_vl")
    make(tmp_path / "data", 0, {"train": 1, "dev": 1, "test": 2})
    (tmp_path / "data" / "synthetic" / "videos" / "test-0001.mp4").rename(tmp_path / "away.mp4")
    options = ["--tasks", "synthetic", "--data-root", str(tmp_path / "data"), "--output", str(tmp_path / "run")]
    return lambda *more: main(["run", "--model", str(tmp_path / "model"), *options, *more])


def test_nothing_is_loaded_where_nothing_is_asked(
    typed: Callable[..., int], loads: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed() == 0
    first = capsys.readouterr().out
    files = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.name != ".lock"}
    (tmp_path / "run" / "scores.json").unlink()
    assert typed() == 0
    again = capsys.readouterr().out
    assert len(loads) == 1
    assert again.replace(" (finished before; nothing was asked)", "") == first != again
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.name != ".lock"} == files


def test_what_changed_is_loaded_and_refused(
    typed: Callable[..., int], loads: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed() == 0
    assert typed("--dtype", "bfloat16") == 2 and len(loads) == 2
    assert "model.dtype was 'float32'" in capsys.readouterr().err
    assert typed("--seed", "1") == 2 and "seed was 0" in capsys.readouterr().err
    assert typed("--dtype", "float32") == 0 and len(loads) == 3  # the same, as only the loaded model tells
    build(tmp_path / "model", "qwen3_vl", seed=1)
    assert typed("--dtype", "float32") == 2 and "model.fingerprint was" in capsys.readouterr().err
    (tmp_path / "model" / "model.safetensors").unlink()
    assert typed("--dtype", "float32") == 2 and "no *.safetensors" in capsys.readouterr().err


def test_what_is_left_is_asked(typed: Callable[..., int], loads: list[str], tmp_path: Path) -> None:
    assert typed() == 0
    (tmp_path / "away.mp4").rename(tmp_path / "data" / "synthetic" / "videos" / "test-0001.mp4")
    assert typed() == 0 and len(loads) == 2
    assert json.loads((tmp_path / "run" / "run.json").read_text())["counts"]["failed"] == 0
    replies = tmp_path / "run" / "samples.jsonl"
    replies.write_text("".join(replies.read_text().splitlines(True)[:-1]))
    assert typed() == 0 and len(loads) == 3
    assert typed() == 0 and len(loads) == 3
