"""On a mix of tasks two processes train as one does with twice the accumulation: the same replies, losses and weights."""

import importlib.util
import json
import os
import re
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
from tasks.errors import InputError
from trainers.preflight import check_launch, sharing
from trainers.recipe import load as load_recipe
from trainers.training import Training

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


def typed(recipe: str, model: Path, data: Path, output: Path, accumulation: int, *more: str) -> list[str]:
    values: dict[str, Any] = {"max_steps": 4, "learning_rate": 1e-3, "save_steps": 2, "gradient_accumulation_steps": accumulation}
    values["epochs"] = "[direct]"
    if recipe != "sft":
        # An untrained model's replies are all worth 0, which would leave nothing to compare but rounding.
        values |= {"max_completion_length": 6, "rewards": f"['{Path(__file__).with_name('launched.py')}:vowels']"}
    sets = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    place = ["--data-root", str(data), "--output", str(output)]
    return ["train", "--recipe", recipe, "--model", str(model), "--tasks", MIX, *place, *sets, *more]


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


needs_deepspeed = pytest.mark.skipif(
    importlib.util.find_spec("deepspeed") is None or not all(shutil.which(name, path=PROGRAMS) for name in ("g++", "ninja")),
    reason="ZeRO needs the extra deepspeed, and g++ to build its communication for CPUs",
)


@needs_deepspeed
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


@needs_deepspeed
def test_adapters_under_zero_3_train_as_one(checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    """Each process holds a part of the model until it is gathered, with its adapters, to generate and to be saved."""
    model, one, two = checkpoints["qwen3_vl"], tmp_path / "one", tmp_path / "two"
    assert main(typed("tempsamp", model, data, one, 2, "--lora", "4")) == 0
    options = ["--config_file", str(LAUNCH / "zero3.yaml"), "--num_processes", "2", "--main_process_port", "0"]
    launch(["accelerate.commands.launch", *options], [job(typed("tempsamp", model, data, two, 1, "--lora", "4"))])
    assert logged(one, "loss") == pytest.approx(logged(two, "loss"), abs=1e-4) and len(logged(two, "loss")) == 4
    assert replies(one) == replies(two)
    first, second, start = (load_file(folder / "model.safetensors") for folder in (one, two, model))
    assert first.keys() == second.keys() == start.keys()
    for name, weight in first.items():
        torch.testing.assert_close(second[name], weight, atol=1e-4, rtol=0)
        assert torch.equal(weight, start[name]) is not ("language_model" in name and name.endswith("_proj.weight"))
    assert_can_be_run(two, data)


def test_fsdp_2_trains_as_one(alone: Path, checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    """Weights are shared but for the drawing of replies, which end at different lengths; the head is gathered by TRL."""
    model = checkpoints["qwen3_vl"]
    arguments = {recipe: typed(recipe, model, data, tmp_path / recipe, 1) for recipe in ("sft", "tempsamp")}
    options = ["--config_file", str(LAUNCH / "fsdp2.yaml"), "--num_processes", "2", "--main_process_port", "0"]
    launch(["accelerate.commands.launch", *options], [job(arguments["sft"]), job(arguments["tempsamp"])])
    for recipe in arguments:
        assert_same(alone / recipe, tmp_path / recipe, model)


STAGE_3 = '{"zero_optimization": {"stage": 3}}'
ZERO = {"ACCELERATE_USE_DEEPSPEED": "true"}
ZERO_3 = {**ZERO, "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}
FSDP = {"ACCELERATE_USE_FSDP": "True", "FSDP_VERSION": "2"}
FOUR = ["--load-in-4bit", "--lora", "4"]


@pytest.mark.parametrize("dry", [["--dry-run"], []], ids=["dry run", "training"])
@pytest.mark.parametrize(
    ("recipe", "more", "launched", "message"),
    [
        ("sft", ["--dev-every", "2"], ZERO_3, "(?s)each process holds whole.*ZeRO-3"),
        ("sft", ["--dev-every", "2"], {**ZERO, "ACCELERATE_DEEPSPEED_CONFIG_FILE": "FILE"}, "(?s)holds whole.*ZeRO-3"),
        ("sft", ["--dev-every", "2", "--set", "deepspeed={zero_optimization: {stage: 3}}"], {}, "(?s)holds whole.*ZeRO-3"),
        ("sft", ["--dev-every", "2"], FSDP, "(?s)each process holds whole.*FSDP"),
        ("sft", ["--dev-every", "2", "--set", "fsdp=true"], {}, "(?s)each process holds whole.*FSDP"),
        ("grpo", [], {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "1"}, "FSDP of version 2"),
        ("sft", ["--set", "fsdp=true", "--set", "fsdp_config={version: 1}"], {}, "FSDP of version 2"),
        ("grpo", [], {**FSDP, "FSDP_CPU_RAM_EFFICIENT_LOADING": "true"}, "weights of the reference model"),
        ("sft", FOUR, ZERO, "(?s)weights of four bits.*ZeRO-2: DeepSpeed or FSDP"),
        ("tempsamp", FOUR, ZERO_3, "(?s)weights of four bits.*ZeRO-3: DeepSpeed or FSDP"),
        ("sft", FOUR, FSDP, "DDP for adapters"),
        ("sft", ["--load-in-4bit"], {}, "adapters, as weights of four bits are not trained"),
        ("sft", ["--lora", "4"], FSDP, "(?s)DDP for adapters.*merging adapters was never run"),
        ("grpo", ["--set", "use_vllm=true", *FOUR], {}, "weights that vLLM can take over"),
        (
            "grpo",
            ["--set", "use_vllm=true", "--set", "vllm_tensor_parallel_size=2"],
            {},
            "engine in each process",
        ),
        ("grpo", ["--set", "use_vllm=true", "--set", "temperature=0.001"], {}, "a temperature of 0, or from 0.01 to 2"),
        ("grpo", ["--set", "use_vllm=true", "--set", "temperature=3"], {}, "a temperature of 0, or from 0.01 to 2"),
        ("sft", [], {**ZERO, "ACCELERATE_DEEPSPEED_CONFIG_FILE": "missing.json"}, "a configuration of DeepSpeed"),
        ("sft", ["--set", "report_to=nowhere"], {}, "a tracker that is installed"),
    ],
)
def test_a_dry_run_refuses_what_a_training_refuses_before_anything_loads(
    recipe: str, more: list[str], launched: dict[str, str], message: str, dry: list[str],
    checkpoints: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "zero.json").write_text(STAGE_3)
    for name, value in launched.items():
        monkeypatch.setenv(name, str(tmp_path / "zero.json") if value == "FILE" else value)
    monkeypatch.setattr("harness.models.loading.read", lambda *_: pytest.fail("loaded"))
    monkeypatch.setattr("trainers.dry_run.plan.empty_model", lambda *_: pytest.fail("made"))
    assert main([*typed(recipe, checkpoints["qwen3_vl"], data, tmp_path / "out", 1), *more, *dry]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "out" / "train.json").exists()


@pytest.mark.parametrize(
    ("trainer", "launched", "kind"),
    [
        ({}, {}, None),
        ({}, {"ACCELERATE_USE_DEEPSPEED": "false", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}, None),
        ({}, ZERO, "ZeRO-2"),
        ({}, {**ZERO, "ACCELERATE_DEEPSPEED_ZERO_STAGE": "1"}, "ZeRO-1"),
        ({}, {**ZERO_3, "ACCELERATE_DEEPSPEED_CONFIG_FILE": '{"zero_optimization": {"stage": "auto"}}'}, "ZeRO-3"),
        ({"deepspeed": STAGE_3}, {}, "ZeRO-3"),
    ],
)
def test_what_is_shared_is_read_as_accelerate_reads_it(
    trainer: dict[str, Any], launched: dict[str, str], kind: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in launched.items():
        monkeypatch.setenv(name, value)
    assert sharing(trainer) == kind


def test_vllm_that_is_not_installed_is_named_before_anything_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(load_recipe("grpo", ["use_vllm=true"]), (), "m", Path("out"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"(?s)vLLM, for the replies of a training.*constraints-vllm\.txt"):
        check_launch(training)
