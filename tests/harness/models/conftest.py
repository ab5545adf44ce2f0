"""Tiny checkpoints, synthetic frames and questions for the model tests."""

from pathlib import Path

import numpy as np
import pytest
import torch

from harness.frames import Frames
from harness.models import hf, tiny
from harness.models.base import Question
from tasks import protocol
from tasks.sample import Sample
from tasks.span import Span

QUERIES = ("a person opens the door", "the dog jumps over 3 chairs, then sleeps.", "someone laughs")


@pytest.fixture(autouse=True, scope="session")
def two_threads() -> None:
    torch.set_num_threads(2)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One tiny checkpoint of each family."""
    folder = tmp_path_factory.mktemp("tiny")
    return {family: tiny.build(folder / family, family) for family in tiny.FAMILIES}


def make_frames(
    count: int = 8, interval_s: float = 0.5, side: int = 56, offset_s: float = 0.0, jitter_s: float = 0.0, seed: int = 0
) -> Frames:
    """Random frames near a uniform grid; the first lies at `offset_s`."""
    random = np.random.default_rng(seed)
    grid = np.arange(count) * interval_s
    time = np.maximum(grid + random.uniform(-jitter_s, jitter_s, count), offset_s)
    pixels = random.integers(0, 256, (count, side, side + side // 2, 3), dtype=np.uint8)
    return Frames(pixels, time, interval_s, max(offset_s, jitter_s, interval_s / 20), "made")


def make_questions(modes: tuple[str, ...] = ("direct", "cot")) -> list[Question]:
    """Every query in every mode of the default protocol."""
    rules = protocol.load("default")
    samples = [Sample(f"t/v/{query}", "t", "v", 4.0, query, (Span(1.0, 2.0),)) for query in QUERIES]
    return [Question(sample, mode, rules.question(sample.query, mode)) for sample in samples for mode in modes]


def make_protocol(new_tokens: int = 12, **changes: object) -> protocol.Protocol:
    """The default protocol with short replies; `changes` are keys of its prompt and decoding tables."""
    rules = protocol.load("default").rules()
    rules["decoding"]["max_new_tokens"] = new_tokens
    for key, value in changes.items():
        rules["prompt" if key in rules["prompt"] else "decoding"][key] = value
    return protocol.from_dict({"name": "test", **rules})


def load(folder: Path, rules: protocol.Protocol | None = None, **options: object) -> hf.HfModel:
    """Load a tiny checkpoint on the CPU."""
    return hf.load(str(folder), rules or make_protocol(), hf.Options(device="cpu", **options))  # type: ignore[arg-type]
