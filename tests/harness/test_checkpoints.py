"""Checkpoints through the command line, on encoded videos: the main job, end to end."""

import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.models.checkpoint import trained_on
from harness.models.tiny import build
from harness.synthetic.kinds import KINDS
from harness.synthetic.kinds import make as make_kinds
from harness.synthetic.make import make

FAMILIES = ("qwen2_5_vl", "qwen3_vl")
HARNESS = Path(sys.executable).with_name("harness")


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 4, "dev": 1, "test": 6})
    return root


@pytest.fixture(scope="module", params=FAMILIES)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("tiny") / request.param, request.param)


@pytest.fixture(scope="module")
def one_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("tiny") / "qwen3_vl", "qwen3_vl")


def harness(*arguments: object) -> int:
    return main([str(a) for a in arguments])


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]


@pytest.mark.shared_data
def test_one_real_video_of_charades(
    shared_data: Path, tmp_path: Path, one_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--tasks", "charades", "--split", "test", "--data-root", shared_data, "--output", tmp_path / "run"]
    assert harness("run", "--model", one_checkpoint, *options) == 0
    shown = capsys.readouterr()
    assert "6/3720" in shown.out
    assert "1,333 of 1,334 videos are missing" in shown.err
    direct = read(tmp_path / "run" / "scores.json")["modes"]["direct"]
    assert (direct["counts"]["answered"], direct["aggregate"]["n"]) == (6, 3720)
    assert direct["counts"]["errors"] == {"missing-video": 3714}
    answered = [line for line in lines(tmp_path / "run") if line["error"] is None]
    assert {line["id"].split("/")[1] for line in answered} == {"OHOFG"}
    assert {(line["frames"]["count"], line["frames"]["last_s"]) for line in answered} == {(70, 35.0366)}


def test_both_modes_then_nothing_left_to_ask(data_root: Path, tmp_path: Path, checkpoint: Path) -> None:
    command = ["run", "--model", checkpoint, "--tasks", "synthetic", "--modes", "direct,cot", "--data-root", data_root]
    assert harness(*command, "--output", tmp_path / "run") == 0
    records = lines(tmp_path / "run")
    assert len(records) == 6 * 3 * 2
    assert all(r["error"] is None and r["tokens"]["prompt"] > 8 and r["frames"]["count"] >= 16 for r in records)
    for video in {r["id"].split("/")[1] for r in records}:
        assert len({r["prompt_sha256"] for r in records if f"/{video}/" in r["id"]}) == 6
    model = read(tmp_path / "run" / "run.json")["spec"]["model"]
    assert len(model["fingerprint"]) == 64
    assert model["positions"]["rule"] == "original"
    assert model["device"] in ("cpu", "cuda")
    before = (tmp_path / "run" / "samples.jsonl").read_bytes()
    assert harness(*command, "--output", tmp_path / "run") == 0
    assert (tmp_path / "run" / "samples.jsonl").read_bytes() == before


def test_other_weights_do_not_continue_a_run(data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = build(tmp_path / "model", "qwen3_vl")
    command = ["run", "--model", folder, "--tasks", "synthetic", "--data-root", data_root, "--output", tmp_path / "run"]
    assert harness(*command) == 0
    before = (tmp_path / "run" / "scores.json").read_bytes()
    shutil.rmtree(folder)
    build(folder, "qwen3_vl", seed=1)
    assert harness(*command) == 2
    assert "model.fingerprint was" in capsys.readouterr().err
    assert (tmp_path / "run" / "scores.json").read_bytes() == before


def test_killed_and_divided_runs_give_identical_scores(tmp_path: Path, one_checkpoint: Path) -> None:
    """One command over five kinds of question: killed at a moment that chance chooses, and ended by two processes."""
    make_kinds(tmp_path, 0, {"train": 1, "dev": 1, "test": 3})
    tasks = ",".join(f"synthetic-{kind}" for kind in KINDS)
    command = ["run", "--model", str(one_checkpoint), "--tasks", tasks, "--data-root", str(tmp_path)]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert harness(*command, "--output", whole) == 0
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    wanted = random.Random(2).randrange(1, 15)
    process = subprocess.Popen([HARNESS, *command, "--output", str(killed)], env=environment, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if sum(path.read_bytes().count(b"\n") for path in killed.glob("*/samples.jsonl")) >= wanted:
            process.kill()
        time.sleep(0.002)
    assert process.returncode in (-signal.SIGKILL, 0)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    subprocess.run([*torchrun, HARNESS, *command, "--output", str(killed)], env=environment, check=True, capture_output=True)
    scores = [{path.parent.name: path.read_bytes() for path in folder.glob("*/scores.json")} for folder in (whole, killed)]
    assert scores[0] == scores[1] and len(scores[0]) == len(KINDS)
    asked = [(line["id"], line["mode"]) for folder in killed.iterdir() for line in lines(folder)]
    assert len(asked) == len(set(asked)) == 15


def damaged(data_root: Path, root: Path) -> dict[str, str]:
    """A copy of the benchmark with four bad videos; returns the expected error by video."""
    shutil.copytree(data_root, root)
    videos = sorted((root / "synthetic" / "videos").glob("*.mp4"))
    test = [path for path in videos if path.stem in json.loads((root / "synthetic" / "test.json").read_text())]
    content = test[1].read_bytes()
    test[0].write_bytes(b"")
    test[1].write_bytes(content[: len(content) // 2])
    test[2].write_text("this is not a video\n" * 50)
    test[3].write_bytes(frozen(test[3].read_bytes()))
    kinds = ("video-empty", "video-truncated", "video-unreadable", "video-zero-duration")
    return dict(zip((path.stem for path in test), kinds, strict=False))


def frozen(video: bytes) -> bytes:
    """The same mp4 with every frame shown at time 0: frame durations and reordering offsets are emptied."""
    changed = bytearray(video)
    struct.pack_into(">I", changed, changed.index(b"stts") + 16, 0)
    struct.pack_into(">I", changed, changed.index(b"ctts") + 8, 0)
    return bytes(changed)


def test_bad_videos_cost_their_samples_only(
    data_root: Path, tmp_path: Path, one_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = damaged(data_root, tmp_path / "data")
    common = ["--tasks", "synthetic", "--data-root", tmp_path / "data"]
    assert harness("run", "--model", one_checkpoint, *common, "--output", tmp_path / "run", "--max-errors", 11) == 1
    found = {line["id"].split("/")[1]: (line["error"] or {}).get("type") for line in lines(tmp_path / "run")}
    assert {video: kind for video, kind in found.items() if kind is not None} == expected
    direct = read(tmp_path / "run" / "scores.json")["modes"]["direct"]
    assert direct["counts"]["answered"] == 6
    assert direct["aggregate"]["n"] == 18
    capsys.readouterr()
    assert harness("data", "check", *common) == 2
    shown = capsys.readouterr()
    for video, kind in expected.items():
        assert f"{video}.mp4: {kind}" in shown.out
    assert "4 unreadable" in shown.err
    for video, kind in expected.items():
        sample = next(line["id"] for line in lines(tmp_path / "run") if f"/{video}/" in line["id"])
        assert harness("show", "synthetic", "--sample", sample, "--data-root", tmp_path / "data") == 2
        assert kind in capsys.readouterr().err


def test_bad_checkpoints(data_root: Path, tmp_path: Path, one_checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty, pickled, broken = tmp_path / "empty", tmp_path / "pickled", tmp_path / "broken"
    for folder in (empty, pickled, broken):
        shutil.copytree(one_checkpoint, folder)
        (folder / "model.safetensors").unlink()
    (pickled / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    (broken / "model.safetensors").write_bytes(b"\xff" * 100)
    for folder, words in (
        (empty, "no *.safetensors"),
        (pickled, "pytorch_model.bin"),
        (broken, "header"),
        (tmp_path / "nowhere", "nowhere"),
        (data_root, "no config.json"),
    ):
        options = ["--tasks", "synthetic", "--data-root", data_root, "--output", tmp_path / "run"]
        assert harness("run", "--model", folder, *options) == 2
        message = capsys.readouterr().err
        assert words in message
        assert "expected:" in message and "next:" in message
        assert not (tmp_path / "run" / "samples.jsonl").exists()


def test_trainings_that_differ_in_their_seed_alone_share_a_hash(tmp_path: Path) -> None:
    def said(spec: dict[str, Any], base: str = "a") -> dict[str, Any]:
        used = {"split": "synthetic@train", "split_sha256": "b", "used_sha256": "b", "samples": 3}
        asked = {"recipe": {"name": "grpo", "trainer": {"learning_rate": 1e-3}}, "seed": 0, **spec}
        sessions = [{"seconds": 1.5}, {}, {"seconds": 2.0}]
        record = {"trained_on": used, "spec": asked, "base": {"fingerprint": base}, "sessions": sessions}
        (tmp_path / "train.json").write_text(json.dumps(record))
        return trained_on(tmp_path) or {}

    first = said({})
    assert (first["recipe"], first["seed"], first["seconds"]) == ("grpo", 0, 3.5)
    assert said({"seed": 1}) == {**first, "seed": 1}
    for other in (said({"dtype": "mixed"}), said({"recipe": {"name": "grpo", "trainer": {}}}), said({}, "c")):
        assert other["training_sha256"] != first["training_sha256"]


def test_show_renders_a_sample_without_a_model(data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert harness("show", "synthetic", "--data-root", data_root) == 0
    shown = capsys.readouterr().out
    assert "When is the" in shown
    assert "times in seconds: 0.00 1." in shown


def test_a_run_without_any_video_stops_before_a_model_is_loaded(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("harness.models.hf.load", lambda *_: pytest.fail("loaded"))
    (tmp_path / "own.jsonl").write_text(json.dumps({"video": "v", "duration": 4, "query": "a dog", "spans": [[1, 2]]}) + "\n")
    asked = ("run", "--model", checkpoint, "--tasks", tmp_path / "own.jsonl", "--output", tmp_path / "run")
    assert harness(*asked) == 2
    said = capsys.readouterr().err
    assert "expected: a video of" in said and "none of 1 in" in said and "--videos DIR" in said
    assert not (tmp_path / "run" / "run.json").exists()
