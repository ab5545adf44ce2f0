"""The loss pass by layout (`trainers.methods.packed`) as replies grow: where one becomes faster than another, and its memory.

The constants of `packed.cheapest` are from here. Ratios are of processor time on one thread, from passes in turn in one process.
Run: python -m pytest tests/benchmarks/test_length.py --benchmark-enable --benchmark-only -s
"""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from harness.models import tiny
from trainers.methods import packed

FOLDER = Path(__file__).parent
SCRIPT = FOLDER / "training_passes.py"
SHARED: dict[str, Any] = runpy.run_path(str(FOLDER / "test_training.py"))
REPLIES = [20, 100, 400, 1000]
PROMPT, GROUP = 1000, 8


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
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("checkpoints")

    def build(family: str) -> Path:
        return folder / family if (folder / family).is_dir() else tiny.build(folder / family, family, size=SHARED["SIZE"])

    return build


@pytest.mark.parametrize("family", SHARED["FAMILIES"])
@pytest.mark.parametrize("tokens", REPLIES)
def test_loss_of_8_replies_of(
    tokens: int,
    family: str,
    benchmark: BenchmarkFixture,
    script: dict[str, Any],
    checkpoint: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    """Log-probabilities and gradients after a prompt of 1,000 tokens, float32; `repeated` is TRL's own code."""
    SHARED["measured"](benchmark)
    trainer, prompt = SHARED["trainer_and_prompt"](script, checkpoint(family), PROMPT, tmp_path)

    def run(way: str) -> Any:
        return script["loss_pass"](trainer, prompt, GROUP, way, tokens)

    found, made = {}, {}
    for way in ("branches", "mask", "repeated"):
        found[way] = run(way)
        made[way] = torch.cat([weight.grad.flatten() for weight in trainer.model.parameters() if weight.grad is not None])
    largest = made["repeated"].abs().max()
    away = {way: (found[way] - found["repeated"]).abs().max().item() for way in ("branches", "mask")}
    gradient = {way: ((made[way] - made["repeated"]).abs().max() / largest).item() for way in ("branches", "mask")}
    taken = SHARED["seconds"](run, ("branches", "mask", "repeated"), 1 if tokens > 100 else 3)
    lengths = [[len(prompt.row.ids) - 1, *[tokens + 1] * GROUP]]
    chosen = packed.cheapest(lengths, trainer.layouts, trainer.prices)
    benchmark.extra_info |= {f"{way}_s": value for way, value in taken.items()}
    benchmark.extra_info |= {"chosen": chosen, "of_mask": taken["branches"] / taken["mask"], "away": away, "gradient": gradient}
    benchmark.extra_info["of_repeated"] = taken["branches"] / taken["repeated"]
    sys.stdout.write(json.dumps({"family": family, "tokens": tokens, **benchmark.extra_info}) + "\n")
    benchmark.pedantic(run, ("shared",), rounds=1)
    assert max(away.values()) < 1e-5 and max(gradient.values()) < 1e-5
    assert taken["branches"] < taken["repeated"]
    # The choice costs at most a tenth more than the faster of the two.
    assert taken[chosen] < 1.1 * min(taken.values())


@pytest.mark.parametrize("tokens", [1000])
def test_peak_memory_without_a_mask(tokens: int, benchmark: BenchmarkFixture, checkpoint: Callable[[str], Path]) -> None:
    """Each pass in a process of its own: the highest resident memory less that of the loaded model."""
    SHARED["measured"](benchmark)

    def peak(way: str) -> int:
        command = [sys.executable, str(SCRIPT), str(checkpoint("qwen2_5_vl")), "loss", way, "--tokens", str(tokens)]
        return int(json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["peak_bytes"])

    found = {"branches": benchmark.pedantic(peak, ("branches",), rounds=1), "mask": peak("mask"), "repeated": peak("repeated")}
    benchmark.extra_info |= {f"{way}_mib": value / 2**20 for way, value in found.items()}
    sys.stdout.write(json.dumps(benchmark.extra_info) + "\n")
    assert found["branches"] < found["mask"] and found["branches"] < found["repeated"]
