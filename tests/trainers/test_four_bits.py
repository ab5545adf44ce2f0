"""QLoRA: gradients are those under the weights that four bits stand for, and the saved model is the one that was trained."""

import copy
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel, get_peft_model

from harness.cli import main
from harness.models import loading
from harness.models.checkpoint import Checkpoint, find
from harness.models.options import Options
from harness.synthetic.make import make
from tasks.errors import InputError
from trainers import four_bits
from trainers.dry_run.memory import Load, memory, shape_of
from trainers.methods.configs import adapters
from trainers.preflight import check_launch
from trainers.recipe import load as recipe
from trainers.training import Training

FAMILIES = ("qwen2_5_vl", "qwen3_vl")
needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="weights of four bits need the extra qlora"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 2, "dev": 1, "test": 1})
    return root


def training(recipe_name: str = "sft", **changes: Any) -> Training:
    values = {"lora": "{r: 4}", **changes}
    chosen = recipe(recipe_name, [f"{key}={value}" for key, value in values.items() if value is not None])
    return Training(chosen, (), "m", Path("out"), load_in_4bit=True)


def quantized(checkpoint: Checkpoint) -> Any:
    return loading.read(checkpoint, Options(dtype="float32"), four_bits.arguments(training()))[0]


def logits(model: Any) -> torch.Tensor:
    return model(input_ids=torch.arange(40)[None]).logits


@needs_bitsandbytes
@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_are_those_under_the_weights_that_four_bits_stand_for(family: str, checkpoints: dict[str, Path]) -> None:
    """Also after replies were drawn, in evaluation mode. Both towers but the matrices of the text tower stay as they are."""
    few = quantized(find(str(checkpoints[family])))
    kinds = {name: type(module).__name__ for name, module in few.named_modules()}
    assert {name for name, kind in kinds.items() if kind == "Linear4bit"} == {
        name for name in kinds if "language_model" in name and name.endswith("_proj")
    }
    torch.manual_seed(0)
    few = get_peft_model(few, adapters(training().recipe))
    for name, weight in few.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    full = get_peft_model(copy.deepcopy(few).unload().dequantize(torch.float32), adapters(training().recipe))
    full.load_state_dict({name: weight for name, weight in few.state_dict().items() if "lora_" in name}, strict=False)
    four_bits.keep_exact(few)
    made = []
    for model in (few, full):
        with torch.no_grad():
            logits(model.eval())
        logits(model.train()).square().sum().backward()
        made.append({name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad})
    few_made, full_made = made
    assert few_made.keys() == full_made.keys() and len(few_made) > 10
    largest = max(float(gradient.abs().max()) for gradient in full_made.values())
    for name, gradient in full_made.items():
        assert (few_made[name] - gradient).abs().max() < 1e-5 * largest, name


@needs_bitsandbytes
def test_the_forecast_counts_what_is_kept(checkpoints: dict[str, Path]) -> None:
    few = quantized(find(str(checkpoints["qwen3_vl"])))
    packs = [weight.quant_state for weight in few.parameters() if hasattr(weight, "quant_state")]
    scales = sum(pack.absmax.nbytes + pack.state2.absmax.nbytes for pack in packs)
    held = scales + sum(weight.nbytes for weight in few.parameters())
    whole = loading.read(find(str(checkpoints["qwen3_vl"])), Options(device="cpu"))[0].requires_grad_(False)
    said = memory(shape_of(whole, four_bits=True), Load(1, 1, 0, 1, 1, 0, 4, 4, True, False, adapters=True), "plain", 1)
    assert said.weights == pytest.approx(held, rel=1e-3)
    assert said.weights < 0.9 * memory(shape_of(whole), Load(1, 1, 0, 1, 1, 0, 4, 4, True, False), "plain", 1).weights


@needs_bitsandbytes
@pytest.mark.parametrize("family", FAMILIES)
def test_the_saved_model_is_the_one_that_was_trained(
    family: str, checkpoints: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    base, out = checkpoints[family], tmp_path / "out"
    command = ["train", "--recipe", "sft", "--model", str(base), "--task", "synthetic@train", "--data-root", str(data)]
    sets = ["--set", "max_steps=2", "--set", "learning_rate=0.01", "--set", "save_steps=2", "--set", "prompts_per_step=2"]
    assert main([*command, *sets, "--lora", "4", "--load-in-4bit", "--output", str(out)]) == 0
    assert json.loads((out / "train.json").read_text())["spec"]["load_in_4bit"] is True
    few = quantized(find(str(base)))
    four_bits.keep_exact(few)
    with torch.no_grad():
        before = logits(few)
        trained = PeftModel.from_pretrained(few, str(out / "checkpoints" / "checkpoint-2")).eval()
        wanted = logits(trained)
        saved = loading.read(find(str(out)), Options(device="cpu", dtype="float32"))[0]
        found = logits(saved)
    assert (found - wanted).abs().max() < 1e-4 < (before - wanted).abs().max()
    assert "quantization_config" not in json.loads((out / "config.json").read_text())
    run = ["run", "--model", str(out), "--tasks", "synthetic@test", "--data-root", str(data), "--limit", "1"]
    assert main([*run, "--output", str(tmp_path / "run")]) == 0


def test_without_the_package_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec: Callable[..., Any] = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "bitsandbytes" else find_spec(name))
    with pytest.raises(InputError, match=r"(?s)extra qlora.*vtg-harness\[qlora\]"):
        check_launch(training())
