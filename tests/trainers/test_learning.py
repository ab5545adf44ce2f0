"""Every recipe teaches: from the weak base, moments are found better, and no fewer replies can be read."""

import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.synthetic.make import make

WEAK = Path(__file__).parents[2] / "trainers" / "base" / "weak"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 16, "dev": 1, "test": 1})
    return root


def asked(model: Path, data: Path, output: Path) -> tuple[float, float]:
    """mIoU and parse rate on what is trained on."""
    run = ["run", "--model", str(model), "--tasks", "synthetic@train", "--data-root", str(data), "--output", str(output)]
    assert main(run) == 0
    scores = json.loads((output / "scores.json").read_text())["modes"]["direct"]
    return scores["aggregate"]["mIoU"], scores["parse_rate"]


@pytest.fixture(scope="module")
def base(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[float, float]:
    return asked(WEAK, data, tmp_path_factory.mktemp("base"))


@pytest.mark.parametrize(("recipe", "rate"), [("sft", 5e-4), ("grpo", 5e-4), ("tempsamp", 5e-4)])
def test_iou_rises_and_the_parse_rate_does_not_fall(
    recipe: str, rate: float, data: Path, base: tuple[float, float], tmp_path: Path
) -> None:
    """TempSamp-R1 and SFT taught another string than the base speaks before 0.2: replies could not be read for a while."""
    changes = {"learning_rate": rate, "max_steps": 16, "prompts_per_device": 16, "prompts_per_step": 16, "epochs": ["direct"] * 8}
    changes |= {"lr_scheduler_type": "constant", "save_strategy": "'no'", "gradient_checkpointing": False}
    if recipe != "sft":
        changes |= {"max_completion_length": 6, "beta": 0}
    sets = [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    out = tmp_path / "out"
    train = ["train", "--recipe", recipe, "--model", str(WEAK), "--tasks", "synthetic@train", "--data-root", str(data)]
    assert main([*train, "--output", str(out), *sets]) == 0
    miou, parsed = asked(out, data, tmp_path / "run")
    assert miou > base[0] + 3 and parsed >= base[1]
    steps = [entry for entry in map(json.loads, (out / "log.jsonl").read_text().splitlines()) if "loss" in entry]
    if recipe != "sft":
        # At no time are fewer than nine in ten read, and the last are as good as the first at least.
        assert min(entry["parse_rate"] for entry in steps) >= 0.9
        own = [entry["iou"] for entry in steps]
        assert sum(own[-4:]) > sum(own[:4])
