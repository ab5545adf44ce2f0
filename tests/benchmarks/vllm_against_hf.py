"""Questions answered by `--backend vllm` and by `--backend hf`, without the start of either.

    .venv-vllm/bin/python tests/benchmarks/vllm_against_hf.py [--write]

Random weights, float32, greedy replies; every round asks about new videos, so that nothing is cached from the round before.
Each way begins with frames in memory and ends with texts. Replies must be equal.
"""

import itertools
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # vLLM's own kernels read nothing else

import numpy as np
import torch
from ratios import arguments, make_protocol, seconds, show, table

from harness.frames import Frames
from harness.models import hf, tiny, vllm_start
from harness.models.base import Asked
from harness.models.options import Options
from harness.models.vllm_checks import FAMILIES, PACKAGES
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.sample import make_samples, one_query
from tasks.span import Span

CELLS = ((1, 1), (1, 8), (8, 1), (8, 8))
"""Videos that are asked about together, and questions on each."""
FRAMES, NEW_TOKENS, ROUNDS = 32, 24, 3
# Wide enough that computing, not bookkeeping, takes the time.
SIZE = tiny.Size(hidden=512, layers=8, heads=8, kv_heads=2, inner=1536, vision_hidden=128, vision_layers=2, std=0.05)
SMALL = tiny.Size(hidden=128, layers=2, heads=4, kv_heads=2, inner=128, vision_hidden=64, vision_layers=2, std=0.08)
TEXT = """A cell says how many times as fast `--backend vllm` answers as `--backend hf`, on a CPU. Up to {} videos of {} frames
are asked about together. A reply has up to {} tokens. Text towers have {:.0f} M parameters. All replies are equal by token.

The gain grows with the number of questions in the engine. One question alone is slower.
The products of matrices by oneDNN, which vLLM uses, take {:.1f} times as long as those of torch for one row.
For eight rows they take {:.1f} times as long."""


def product(rows: int, outputs: int, inputs: int) -> float:
    """Time of vLLM's product of matrices on a CPU over that of torch, both in float32."""
    from vllm import _custom_ops

    weights = [torch.randn(outputs, inputs) for _ in range(40)]  # more than a cache of the processor holds
    handlers = [_custom_ops.create_onednn_mm(weight.t()) for weight in weights]
    given = torch.randn(rows, inputs)
    ways = {
        "torch": lambda: [torch.nn.functional.linear(given, weight) for weight in weights],
        "vllm": lambda: [_custom_ops.onednn_mm(handler, given, None) for handler in handlers],
    }
    taken = seconds(ways, 5)
    return taken["vllm"] / taken["torch"]


def make_videos(factor: int, rules: Protocol, videos: int, questions: int, frames: int) -> Iterator[list[Asked]]:
    """Rounds of other videos each, with 16 tokens each pair of frames."""
    rows = [one_query("v", frames / 2, f"a person opens door {door}", [Span(1.0, 2.0)]) for door in range(questions)]
    asked = [Question(sample, "direct", rules) for sample in make_samples("t", rows)]
    for turn in itertools.count():
        drawn = np.random.default_rng([turn, videos, questions])
        shape = (videos, frames, 4 * factor, 4 * factor, 3)
        pixels = drawn.integers(0, 256, shape, dtype=np.uint8)
        yield [Asked(Frames(one, np.arange(frames) / 2, 0.5, 0.0, "made"), asked) for one in pixels]


def measured(family: str, folder: Path, small: bool) -> tuple[float, list[str]]:
    """Millions of parameters of the text tower, and the ratio of each cell. Raises ValueError where replies differ."""
    frames, new, size = (4, 2, SMALL) if small else (FRAMES, NEW_TOKENS, SIZE)
    checkpoint, rules = str(tiny.build(folder / family, family, size=size)), make_protocol(new)
    options = Options(device="cpu", dtype="float32")
    engine = vllm_start.load(checkpoint, rules, replace(options, max_model_len=4096))
    models: dict[str, Any] = {"hf": hf.load(checkpoint, rules, options), "vllm": engine}
    ratios = []
    for videos, questions in CELLS[:1] if small else CELLS:
        told: dict[str, list[Any]] = {name: [] for name in models}

        def way(name: str, videos: int = videos, questions: int = questions, told: dict[str, list[Any]] = told) -> Any:
            rounds = make_videos(engine.pixel_factor, rules, videos, questions, frames)
            return lambda: told[name].append([list(one) for _, one in sorted(models[name].stream(iter(next(rounds))))])

        taken = seconds({name: way(name) for name in models}, 0 if small else ROUNDS)
        if told["hf"] != told["vllm"]:
            raise ValueError(f"expected equal replies of {family} by both backends")
        sys.stderr.write(f"{family}, {videos} x {questions}: {taken}, {engine.told()}\n")
        ratios.append(f"{taken['hf'] / taken['vllm']:.1f}")
    engine.close()
    tower = models["hf"].model.model.language_model
    return sum(weight.numel() for weight in tower.parameters()) / 1e6, [family, *ratios]


def main() -> None:
    """Command line."""
    options = arguments(__doc__ or "", "the table")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        families = FAMILIES[:1] if options.tiny else FAMILIES
        sizes, rows = zip(*(measured(family, Path(folder), options.tiny) for family in families), strict=True)
    headers = ["family", *(f"{videos} video{'s' * (videos > 1)} x {questions}" for videos, questions in CELLS)]
    products = [product(rows, SIZE.inner, SIZE.hidden) for rows in (1, 8)]
    text = f"{TEXT.format(CELLS[-1][0], FRAMES, NEW_TOKENS, max(sizes), *products)}\n\n{table(headers, rows)}"
    show("vllm_against_hf", "Questions by vLLM", text, options.write, "torch", "transformers", *PACKAGES[1:])


if __name__ == "__main__":
    main()
