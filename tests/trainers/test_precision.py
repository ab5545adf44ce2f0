"""What weights are kept in: steps that bfloat16 rounds away are kept by float32, at the speed of bfloat16."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from harness.cli import main
from harness.synthetic.make import make
from trainers.dry_run.memory import Load, Shape, memory
from trainers.recipe import load as load_recipe
from trainers.training import Precision, Training, precision

FAMILIES = ("qwen2_5_vl", "qwen3_vl")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    make(root := tmp_path_factory.mktemp("data"), 0, {"train": 4, "test": 2})
    return root


def train(model: Path, data: Path, output: Path, recipe: str, dtype: str, rate: float) -> list[dict[str, Any]]:
    sets = {"max_steps": 4, "learning_rate": rate, "warmup_steps": 0, "prompts_per_step": 2, "max_completion_length": 6}
    if recipe == "sft":
        del sets["max_completion_length"]
    typed = ["train", "--recipe", recipe, "--model", str(model), "--task", "synthetic@train", "--data-root", str(data)]
    typed += [part for key, value in sets.items() for part in ("--set", f"{key}={value}")]
    assert main([*typed, "--dtype", dtype, "--output", str(output)]) == 0
    return [json.loads(line) for line in (output / "log.jsonl").open()]


def moved(before: Path, after: Path) -> float:
    """Share of the weights that are not what they were."""
    old, new = (load_file(folder / "model.safetensors") for folder in (before, after))
    changed = sum(int((old[name].float() != new[name].float()).sum()) for name in old)
    return changed / sum(value.numel() for value in old.values())


def test_small_steps_move_float32_weights_only(checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    base = checkpoints["qwen3_vl"]
    found = {dtype: train(base, data, tmp_path / dtype, "sft", dtype, 1e-7) for dtype in ("float32", "mixed", "bfloat16")}
    started = {dtype: log[0]["loss"] for dtype, log in found.items()}
    assert started["mixed"] == pytest.approx(started["float32"], rel=5e-3) and started["mixed"] != started["float32"]
    kept = {name: value.dtype for name, value in load_file(tmp_path / "mixed" / "model.safetensors").items()}
    assert set(kept.values()) == {torch.float32}
    # Words that are in no video and no answer have no gradient, so some of a float32 model stays as it was.
    assert moved(base, tmp_path / "mixed") == pytest.approx(moved(base, tmp_path / "float32"), abs=0.02)
    rounded = {name: value.bfloat16() for name, value in load_file(base / "model.safetensors").items()}
    after = load_file(tmp_path / "bfloat16" / "model.safetensors")
    stuck = sum(int((after[name] == value).sum()) for name, value in rounded.items())
    assert stuck / sum(value.numel() for value in rounded.values()) > 0.95


@pytest.mark.parametrize("family", FAMILIES)
def test_rollouts_and_loss_agree_in_mixed_precision(
    family: str, checkpoints: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    log = [entry for entry in train(checkpoints[family], data, tmp_path / "out", "tempsamp", "mixed", 1e-5) if "loss" in entry]
    gaps = [entry["rollout_logprob_gap"] for entry in log]
    assert len(gaps) == 4 and 0 < max(gaps) < 0.05


def test_what_auto_means(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def chosen(recipe: str, dtype: str = "auto", *changes: str) -> Precision:
        made = load_recipe(recipe, list(changes))
        return precision(Training(made, (), "model", tmp_path, dtype=dtype))  # type: ignore[arg-type]

    mixed, copied = Precision("float32", True), Precision("bfloat16", True)
    assert chosen("tempsamp") == Precision("float32", False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert chosen("tempsamp") == chosen("sft", "mixed") == mixed
    assert chosen("tempsamp", "bfloat16") == copied
    assert chosen("tempsamp", "auto", "lora={r: 4}") == copied
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    assert chosen("tempsamp") == copied


def test_memory_counts_both_copies() -> None:
    shape = Shape(1000, 1000, 1, 1, 1, 1, 1, 1, 1, 1)
    same = {"prompts": 1, "prompt_tokens": 1, "visual_tokens": 0, "reply_tokens": 1, "replies": 1, "generated": 0}
    mixed = Load(**same, dtype_bytes=2, kept_bytes=4, checkpointing=True, reference=False)
    found = memory(shape, mixed, "plain", 1)
    # float32 weights, gradients and two moments are 16 bytes a weight (ZeRO, section 3.1); the bfloat16 copy is two more.
    assert found.weights + found.gradients + found.optimizer == 18 * 1000
    whole = Load(**same, dtype_bytes=4, kept_bytes=4, checkpointing=True, reference=False)
    assert memory(shape, whole, "plain", 1).weights == 4000
