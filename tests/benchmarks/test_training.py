"""What a group that shares its prompt saves, beside the prompt repeated for each reply; and a whole step of each recipe.

Ratios are of processor time on one thread, from passes in turn in one process. Run: make bench
"""

import json
import runpy
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from harness.models import tiny

SCRIPT = Path(__file__).with_name("training_passes.py")
FAMILIES = ("qwen2_5_vl", "qwen3_vl")
AROUND = [(2, 1000), (4, 1000), (16, 1000), (8, 250), (8, 500), (8, 2000)]
"""Replies a group and tokens of its prompt, around the point of the main measurement."""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, script: dict[str, Any]) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("checkpoints")

    def build(family: str) -> Path:
        return folder / family if (folder / family).is_dir() else tiny.build(folder / family, family, size=script["SIZE"])

    return build


def measured(benchmark: BenchmarkFixture) -> None:
    if not benchmark.enabled:
        pytest.skip("a measurement: --benchmark-enable")


def seconds(run: Callable[[str], Any], ways: tuple[str, ...], rounds: int) -> dict[str, float]:
    """Median processor time of each way, one after the other in each round."""
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            begin = time.process_time()
            run(way)
            taken[way].append(time.process_time() - begin)
    return {way: statistics.median(values) for way, values in taken.items()}


def trainer_and_prompt(script: dict[str, Any], checkpoint: Path, tokens: int, folder: Path) -> tuple[Any, Any]:
    model, processor, inputs = script["load"](checkpoint)
    examples = script["examples_of_length"](inputs, tokens)
    return script["make_trainer"](model, processor, examples, folder, "grpo", beta=0), script["first_prompt"](examples)


@pytest.mark.parametrize("family", FAMILIES)
def test_loss_of_a_group_of_8(
    family: str, benchmark: BenchmarkFixture, script: dict[str, Any], checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    """Log-probabilities and their gradients: 1,000 prompt tokens, 20 of each reply, float32."""
    measured(benchmark)
    trainer, prompt = trainer_and_prompt(script, checkpoint(family), 1000, tmp_path)

    def run(way: str) -> Any:
        return script["loss_pass"](trainer, prompt, 8, way)

    difference = (run("shared") - run("repeated")).abs().max().item()
    taken = seconds(run, ("shared", "repeated"), 2)
    ratio = taken["repeated"] / taken["shared"]
    benchmark.extra_info |= {"ratio": ratio, "repeated_s": taken["repeated"], "difference": difference}
    benchmark.extra_info |= {"prompt_tokens": len(prompt.row.ids), "text_parameters": text_parameters(trainer)}
    benchmark.pedantic(run, ("shared",), rounds=3)
    assert difference < 1e-5
    assert ratio >= 6


@pytest.mark.parametrize("family", FAMILIES)
def test_generation_of_a_group_of_8(
    family: str, benchmark: BenchmarkFixture, script: dict[str, Any], checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    """20 new tokens after 1,000; `ratio_once` is to prompts computed 8 times after one video, as `num_return_sequences` does."""
    measured(benchmark)
    trainer, prompt = trainer_and_prompt(script, checkpoint(family), 1000, tmp_path)

    def run(way: str) -> Any:
        return script["generation"](trainer, prompt, 8, way)

    equal = run("shared") == run("repeated") == run("once")
    taken = seconds(run, ("shared", "repeated", "once"), 3)
    ratio = taken["repeated"] / taken["shared"]
    benchmark.extra_info |= {"ratio": ratio, "ratio_once": taken["once"] / taken["shared"], "repeated_s": taken["repeated"]}
    benchmark.extra_info |= {"prompt_tokens": len(prompt.row.ids)}
    benchmark.pedantic(run, ("shared",), rounds=3)
    assert equal
    assert ratio >= 4


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["loss", "generation"])
def test_peak_memory_of_a_group_of_8(
    name: str, family: str, benchmark: BenchmarkFixture, checkpoint: Callable[[str], Path]
) -> None:
    """Each pass in a process of its own: the highest resident memory less that of the loaded model."""
    measured(benchmark)

    def peak(way: str) -> int:
        command = [sys.executable, str(SCRIPT), str(checkpoint(family)), name, way]
        return int(json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["peak_bytes"])

    shared = benchmark.pedantic(peak, ("shared",), rounds=1)
    repeated = peak("repeated")
    benchmark.extra_info |= {"shared_mib": shared / 2**20, "repeated_mib": repeated / 2**20, "ratio": repeated / shared}
    assert repeated > shared


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("group", "tokens"), AROUND)
def test_other_groups_and_prompts(
    family: str,
    group: int,
    tokens: int,
    benchmark: BenchmarkFixture,
    script: dict[str, Any],
    checkpoint: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    """The ratio of the loss pass and of generation, each once."""
    measured(benchmark)
    trainer, prompt = trainer_and_prompt(script, checkpoint(family), tokens, tmp_path)
    script["loss_pass"](trainer, prompt, 1, "shared")
    for name, function in script["PASSES"].items():
        taken = seconds(lambda way: function(trainer, prompt, group, way), ("shared", "repeated"), 1)  # noqa: B023
        benchmark.extra_info |= {f"{name}_ratio": taken["repeated"] / taken["shared"], f"{name}_s": taken["shared"]}
    benchmark.extra_info["prompt_tokens"] = len(prompt.row.ids)
    benchmark.pedantic(script["loss_pass"], (trainer, prompt, group, "shared"), rounds=1)
    assert benchmark.extra_info["loss_ratio"] > 1 and benchmark.extra_info["generation_ratio"] > 1


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("recipe", ["sft", "grpo", "tempsamp"])
def test_a_step_of(
    recipe: str,
    family: str,
    benchmark: BenchmarkFixture,
    script: dict[str, Any],
    checkpoint: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    """A whole optimisation step as the recipe states it: 2 prompts of 1,000 tokens, groups of 4, 20 tokens at most."""
    measured(benchmark)
    model, processor, inputs = script["load"](checkpoint(family))
    changes = {"max_steps": 3, "save_strategy": "no"} | ({} if recipe == "sft" else {"max_completion_length": 20})
    examples = script["examples_of_length"](inputs, 1000)
    trainer = script["make_trainer"](model, processor, examples, tmp_path, recipe, epochs=["direct"] * 3, **changes)
    result = benchmark.pedantic(trainer.train, rounds=1)
    benchmark.extra_info["seconds_per_step"] = benchmark.stats.stats.median / changes["max_steps"]
    assert trainer.state.global_step == 3 and result.training_loss == result.training_loss


def text_parameters(trainer: Any) -> int:
    return int(trainer.model.model.language_model.num_parameters())


def test_the_gpu_script_runs_at_tiny_size(tmp_path: Path) -> None:
    gpu = SCRIPT.with_name("gpu_training.py")
    runpy.run_path(str(gpu))["main"]([str(tmp_path / "out.json"), "--tiny", "--groups", "3", "--tokens", "4"])
    cases = json.loads((tmp_path / "out.json").read_text())["cases"]
    assert [(case["recipe"], case["shared_prompt"]) for case in cases] == [("grpo", True), ("tempsamp", True), ("grpo", False)]
    assert [case["generated_replies"] for case in cases] == [3, 2, 3]
    for case in cases:
        assert case["visual_tokens"] == 24 and case["peak_bytes"] > 0 and len(case["losses"]) == 3
        phases = ("generation", "reference", "rewards_and_rest", "forward", "backward", "optimizer")
        assert sum(case["seconds"][name] for name in phases) == pytest.approx(case["seconds"]["step"])
        assert min(case["seconds"].values()) > 0
