"""On a mix of tasks two processes train as one does with twice the accumulation: the same replies, losses and weights."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from harness.cli import main
from harness.synthetic.kinds import make

LAUNCH = Path(__file__).parents[2] / "trainers" / "launch"
RECIPES = ("sft", "grpo", "tempsamp")
MIX = "synthetic-moment@train,synthetic-choice@train:0.25,synthetic-instances@train:0.75"
"""Eight prompts of four videos: all of four steps."""
BROKEN = "train-0001"
# Where pip puts ninja, which comes with the extra deepspeed.
PROGRAMS = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A train split in which one of the videos cannot be read."""
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 4, "dev": 1, "test": 1})
    (root / "synthetic-kinds" / "videos" / f"{BROKEN}.mp4").write_bytes(b"no video")
    return root


def typed(recipe: str, model: Path, data: Path, output: Path, accumulation: int) -> list[str]:
    values: dict[str, Any] = {"max_steps": 4, "learning_rate": 1e-3, "save_steps": 2, "gradient_accumulation_steps": accumulation}
    values["epochs"] = "[direct]"
    if recipe != "sft":
        # An untrained model's replies are all worth 0, which would leave nothing to compare but rounding.
        values |= {"max_completion_length": 6, "rewards": f"['{Path(__file__).with_name('launched.py')}:vowels']"}
    sets = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    place = ["--data-root", str(data), "--output", str(output)]
    return ["train", "--recipe", recipe, "--model", str(model), "--tasks", MIX, *place, *sets]


@pytest.fixture(scope="module")
def alone(checkpoints: dict[str, Path], data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each recipe trained by one process that accumulates over two micro-steps."""
    folder = tmp_path_factory.mktemp("alone")
    for recipe in RECIPES:
        assert main(typed(recipe, checkpoints["qwen3_vl"], data, folder / recipe, 2)) == 0
    return folder


def launch(launcher: list[str], jobs: list[dict[str, Any]]) -> None:
    """Run jobs in two processes on the CPU."""
    environment = {**os.environ, "PATH": PROGRAMS, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    script = Path(__file__).with_name("launched.py")
    command = [sys.executable, "-m", *launcher, str(script), json.dumps(jobs)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-9000:]


def job(arguments: list[str], interrupt: int | None = None) -> dict[str, Any]:
    return {"arguments": arguments, "interrupt": interrupt, "expect": 130 if interrupt else 0}


def logged(folder: Path, name: str) -> list[float]:
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [entry[name] for entry in entries if name in entry]


def replies(folder: Path) -> set[tuple[str, str]]:
    """What was sampled in the first step; which process writes first is open."""
    path = folder / "rollouts.jsonl"
    lines = path.read_text().splitlines() if path.is_file() else []
    return {(entry["id"], entry["text"]) for entry in map(json.loads, lines)}


def assert_same(one: Path, two: Path, base: Path) -> None:
    assert logged(one, "loss") == pytest.approx(logged(two, "loss"), abs=1e-4) and len(logged(two, "loss")) == 4
    assert logged(one, "grad_norm") == pytest.approx(logged(two, "grad_norm"), rel=1e-4)
    assert replies(one) == replies(two)
    first, second, start = (load_file(folder / "model.safetensors") for folder in (one, two, base))
    assert first.keys() == second.keys() == start.keys()
    for name, weight in first.items():
        torch.testing.assert_close(second[name], weight, atol=1e-4, rtol=0)
        assert not torch.equal(weight, start[name])
    records = [json.loads((folder / "train.json").read_text()) for folder in (one, two)]
    assert [record["status"] for record in records] == ["finished"] * 2
    alone, together = (record["replaced"].items() for record in records)
    # A training that was continued has met only the videos of its last session.
    assert alone >= together and (alone == together or len(records[1]["sessions"]) == 2)
    assert alone and all(BROKEN in key and BROKEN not in other for key, (other, _) in alone)
    # Another video, of the same task.
    assert all(key.split("/")[0] == other.split("/")[0] for key, (other, _) in alone)


def assert_can_be_run(model: Path, data: Path) -> None:
    arguments = ["run", "--model", str(model), "--tasks", "synthetic-moment@test", "--data-root", str(data)]
    assert main([*arguments, "--limit", "1", "--output", f"{model}-run"]) == 0


def test_two_processes_train_as_one(alone: Path, checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    model = checkpoints["qwen3_vl"]
    arguments = {recipe: typed(recipe, model, data, tmp_path / recipe, 1) for recipe in RECIPES}
    jobs = [
        *(job(arguments[recipe]) for recipe in ("sft", "grpo")),
        job(arguments["tempsamp"], interrupt=3),
        job(arguments["tempsamp"]),
    ]
    launch(["torch.distributed.run", "--nproc_per_node", "2", "--standalone"], jobs)
    for recipe in RECIPES:
        assert_same(alone / recipe, tmp_path / recipe, model)
    record = json.loads((tmp_path / "tempsamp" / "train.json").read_text())
    assert [session["from_step"] for session in record["sessions"] if "from_step" in session] == [2]
    assert_can_be_run(tmp_path / "tempsamp", data)


@pytest.mark.skipif(
    importlib.util.find_spec("deepspeed") is None or not all(shutil.which(name, path=PROGRAMS) for name in ("g++", "ninja")),
    reason="ZeRO needs the extra deepspeed, and g++ to build its communication for CPUs",
)
def test_zero_2_trains_as_one(alone: Path, checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    model = checkpoints["qwen3_vl"]
    arguments = {recipe: typed(recipe, model, data, tmp_path / recipe, 1) for recipe in ("sft", "tempsamp")}
    options = ["--config_file", str(LAUNCH / "zero2.yaml"), "--num_processes", "2", "--main_process_port", "0"]
    jobs = [job(arguments["sft"]), job(arguments["tempsamp"], interrupt=3), job(arguments["tempsamp"])]
    launch(["accelerate.commands.launch", *options], jobs)
    for recipe in arguments:
        assert (tmp_path / recipe / "checkpoints" / "checkpoint-4" / "zero_to_fp32.py").is_file()
        assert_same(alone / recipe, tmp_path / recipe, model)
    assert_can_be_run(tmp_path / "tempsamp", data)
