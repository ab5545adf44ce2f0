"""Seconds of the same questions by `--backend vllm` and by `--backend hf`, in one run, without starting either.

Run where vLLM is installed: .venv-vllm/bin/python tests/benchmarks/vllm_against_hf.py [FAMILY]
"""

import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.frames import Frames
from harness.models import hf, tiny, vllm_start
from harness.models.base import Asked
from harness.models.options import Options
from tasks import protocol
from tasks.question import Question
from tasks.sample import make_samples, one_query
from tasks.span import Span

VIDEOS, QUESTIONS, NEW, ROUNDS = 8, 6, 24, 3
# Wide enough that computing, not bookkeeping, takes the time.
SIZE = tiny.Size(hidden=512, layers=8, heads=8, kv_heads=2, inner=1536, vision_hidden=128, vision_layers=2, std=0.05)


def main() -> None:
    family = sys.argv[1] if len(sys.argv) > 1 else "qwen3_vl"
    rules = protocol.load("default").rules()
    rules["decoding"]["max_new_tokens"] = NEW
    asked = protocol.from_dict({"name": "measured", **rules})
    queries = [one_query("v", 16.0, f"the dog jumps over {n} chairs", [Span(1.0, 2.0)]) for n in range(QUESTIONS)]
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = str(tiny.build(Path(folder) / family, family, size=SIZE))
        options = Options(device="cpu", dtype="float32")
        engine = vllm_start.load(checkpoint, asked, replace(options, max_model_len=4096))
        models = {"hf": hf.load(checkpoint, asked, options), "vllm": engine}
        seconds: dict[str, list[float]] = {name: [] for name in models}
        equal = True
        for turn in range(ROUNDS + 1):  # the first one warms up
            seeds = range(VIDEOS * turn, VIDEOS * (turn + 1))
            videos = [Asked(clip(engine.pixel_factor, seed), questions(queries, asked)) for seed in seeds]
            found = {}
            for name, model in models.items():
                started = time.perf_counter()
                found[name] = dict(model.stream(iter(videos)))
                seconds[name] += [time.perf_counter() - started] * bool(turn)
            equal = equal and {k: list(v) for k, v in found["hf"].items()} == found["vllm"]
        result = {name: round(sorted(values)[ROUNDS // 2], 2) for name, values in seconds.items()}
        told = engine.told()["prefix_cache"]
        sys.stdout.write(
            json.dumps({"family": family, **result, "hf/vllm": result["hf"] / result["vllm"], "equal": equal, **told})
        )


def questions(samples: list, rules: protocol.Protocol) -> list[Question]:
    return [Question(sample, "direct", rules) for sample in make_samples("t", samples)]


def clip(factor: int, seed: int) -> Frames:
    """32 frames of 16 tokens each pair: 256 visual tokens."""
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 4 * factor, 4 * factor, 3), dtype=np.uint8)
    return Frames(pixels, np.arange(32) / 2, 0.5, 0.0, "made")


if __name__ == "__main__":
    main()
