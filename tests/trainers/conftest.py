"""Tiny checkpoints, videos made of noise, and trainers on them."""

import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.frames import Frames
from harness.models import loading, tiny
from harness.models.checkpoint import Checkpoint
from harness.models.inputs import Inputs
from harness.models.options import Options
from harness.models.positions import check_positions
from tasks import protocol
from tasks.question import Question
from tasks.sample import Sample, one_query
from tasks.span import Span
from trainers.examples import Examples

FAMILIES = ("qwen2_5_vl", "qwen3_vl")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tiny tensors gain nothing from threads, and waiting for them is slow on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tiny")
    return {family: tiny.build(folder / family, family) for family in FAMILIES}


@pytest.fixture(scope="session")
def samples() -> list[Sample]:
    """Five videos of 8 s with two moments each."""
    made = []
    for video in ("a", "b", "c", "d", "e"):
        for query, start in (("red circle", 1.0), ("blue cross", 4.0)):
            sample = one_query(video, 8.0, query, [Span(start, start + 3.0)])
            made.append(replace(sample, id=f"t/{video}/{query}", task="t"))
    return made


def noise(path: Path, family: str) -> Frames:
    """Eight frames that follow from the name of the file; their size and number differ from video to video."""
    seed = zlib.crc32(path.stem.encode())
    random = np.random.default_rng(seed)
    side = 28 if family.startswith("qwen2") else 32
    shape = (6 + 2 * (seed % 2), side * (1 + seed % 3), 2 * side, 3)
    return Frames(random.integers(0, 256, shape, dtype=np.uint8), np.arange(shape[0]) * 1.0, 1.0, 0.0, "made")


@pytest.fixture
def load(checkpoints: dict[str, Path], samples: list[Sample]) -> Callable[..., tuple[Any, Any, Examples]]:
    """A fresh model, its processor and the examples."""

    def load(family: str, attn: str = "sdpa") -> tuple[Any, Any, Examples]:
        checkpoint = Checkpoint(str(checkpoints[family]), checkpoints[family], family, None)
        model, processor, _ = loading.read(checkpoint, Options(device="cpu", dtype="float32", attn=attn))
        check_positions(model)
        rules = protocol.load("synthetic")
        questions = [Question(sample, "direct", rules, Path(f"{sample.video}.mp4")) for sample in samples]
        inputs = Inputs(model, processor, family)
        return model, processor, Examples(questions, inputs, lambda path, *_: noise(path, family))

    return load
