"""One question a video: replies to several videos generated in one batch against video by video.

Run: pytest tests/benchmarks/test_window.py --benchmark-enable
"""

import runpy
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from harness.frames import Frames
from harness.models import hf, tiny
from harness.models.base import Asked
from harness.models.options import Options

SCRIPT = Path(__file__).with_name("gpu_shared_prefix.py")
# A text tower of about 20 M parameters.
SIZE = tiny.Size(hidden=384, layers=12, heads=6, kv_heads=2, inner=1024, vision_hidden=192, vision_layers=4, std=0.05)
VIDEOS = 12


@pytest.mark.parametrize(("frames", "new_tokens", "least"), [(8, 48, 2.0), (32, 48, 1.5)])
def test_one_question_a_video(frames: int, new_tokens: int, least: float, benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """12 videos of 6 visual tokens a frame, float32 on one thread, in processor time; replies are equal."""
    if not benchmark.enabled:
        pytest.skip("a measurement: --benchmark-enable")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    script: dict[str, Any] = runpy.run_path(str(SCRIPT))
    folder = tiny.build(tmp_path / "model", "qwen2_5_vl", size=SIZE)
    rules = script["make_protocol"](new_tokens)
    (question, *_) = script["make_questions"](rules)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (VIDEOS, frames, 84, 112, 3), dtype=np.uint8)
    videos = [Asked(Frames(one, np.arange(frames) * 0.5, 0.5, 0.0, "made"), [question]) for one in pixels]
    models = {size: hf.load(str(folder), rules, Options(device="cpu", batch_size=size)) for size in (1, "auto")}  # type: ignore[arg-type]
    seconds: dict[Any, list[float]] = {size: [] for size in models}
    replies: dict[Any, Any] = {}
    for _ in range(2):
        for size, model in models.items():
            begun = time.process_time()
            replies[size] = dict(model.stream(iter(videos)))
            seconds[size].append(time.process_time() - begun)
    one, batch = (statistics.median(seconds[size]) for size in models)
    tokens = [reply.prompt_tokens for (reply,) in replies[1].values()]
    benchmark.extra_info.update(ratio=one / batch, prompt_tokens=tokens[0], new_tokens=new_tokens, videos=VIDEOS)
    benchmark.pedantic(lambda: list(models["auto"].stream(iter(videos))), rounds=1)
    torch.set_num_threads(threads)
    assert replies[1] == replies["auto"]
    assert one / batch >= least
