"""Questions on one video through a shared prefix against the same questions one by one.

Run: pytest tests/benchmarks/test_shared_prefix.py --benchmark-enable
"""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from harness.models import hf, tiny
from harness.models.options import Options

SCRIPT = Path(__file__).with_name("gpu_shared_prefix.py")
# A text tower of about 20 M parameters.
SIZE = tiny.Size(hidden=384, layers=12, heads=6, kv_heads=2, inner=1024, vision_hidden=192, vision_layers=4, std=0.05)
NEW_TOKENS = 24


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_three_queries_in_two_modes(family: str, benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """80 frames, 1000 visual tokens, 24 new tokens per reply, float32 on one thread."""
    if not benchmark.enabled:
        pytest.skip("a measurement: --benchmark-enable")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    script: dict[str, Any] = runpy.run_path(str(SCRIPT))
    folder = tiny.build(tmp_path / family, family, size=SIZE)
    rules = script["make_protocol"](NEW_TOKENS)
    model = hf.load(str(folder), rules, Options(device="cpu"))
    side = 5 * model.pixel_factor
    frames, questions = script["make_frames"](80, side, side), script["make_questions"](rules)
    result = script["measure"](model, frames, questions, 3)
    benchmark.extra_info.update(result, text_parameters=model.model.model.language_model.num_parameters())
    model.options = Options(device="cpu")
    benchmark.pedantic(model.answer, (frames, questions), rounds=3)
    torch.set_num_threads(threads)
    assert result["replies_equal"] == len(questions)
    assert result["ratio"] >= 3


def test_the_gpu_script_runs_at_tiny_size(tmp_path: Path) -> None:
    runpy.run_path(str(SCRIPT))["main"]([str(tmp_path / "out.json"), "--tiny", "--rounds", "1"])
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["replies_equal"] == result["first_tokens_equal"] == result["questions"] == 6
    assert result["visual_tokens"] == 24 and result["new_tokens"] == 4
    assert result["ratio"] > 0
