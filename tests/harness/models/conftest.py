"""Tiny checkpoints, synthetic frames and questions for the model tests."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.frames import Frames
from harness.models import hf, tiny
from harness.models.options import Options
from tasks import protocol
from tasks.question import Question
from tasks.sample import Sample, make_samples, one_query
from tasks.span import Span

QUERIES = ("a person opens the door", "the dog jumps over 3 chairs, then sleeps.", "someone laughs")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tiny tensors gain nothing from threads, and waiting for them is slow on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One tiny checkpoint of each family."""
    folder = tmp_path_factory.mktemp("tiny")
    return {family: tiny.build(folder / family, family) for family in tiny.FAMILIES}


@pytest.fixture(scope="session")
def make_frames() -> Callable[..., Frames]:
    """Random frames near a uniform grid, the first at `offset_s`; sides suit the family."""

    def make(
        family: str, count: int = 8, interval_s: float = 0.5, offset_s: float = 0.0, jitter_s: float = 0.0, seed: int = 0
    ) -> Frames:
        random = np.random.default_rng(seed)
        side = 56 if family.startswith("qwen2") else 64
        time = np.maximum(np.arange(count) * interval_s + random.uniform(-jitter_s, jitter_s, count), offset_s)
        pixels = random.integers(0, 256, (count, side, side * 3 // 2, 3), dtype=np.uint8)
        return Frames(pixels, time, interval_s, max(offset_s, jitter_s), "made")

    return make


@pytest.fixture(scope="session")
def ask(make_protocol: Callable[..., protocol.Protocol]) -> Callable[..., list[Question]]:
    """Three queries in two modes of the protocol that `make_protocol` gives for these keyword arguments."""

    def ask(**changes: Any) -> list[Question]:
        rules = make_protocol(**changes)
        samples = make_samples("t", [one_query("v", 4.0, query, [Span(1.0, 2.0)]) for query in QUERIES])
        return [Question(sample, mode, rules) for sample in samples for mode in ("direct", "cot")]

    return ask


@pytest.fixture(scope="session")
def questions(ask: Callable[..., list[Question]]) -> list[Question]:
    """Those of the default protocol with short replies."""
    return ask()


@pytest.fixture(scope="session")
def verbatim() -> Callable[[Sample, protocol.Protocol, str], Question]:
    """Makes a question of exactly this text: its protocol hands the query on as it is."""

    def verbatim(sample: Sample, rules: protocol.Protocol, text: str) -> Question:
        prompt = replace(rules.prompt, modes={"direct": "{query}"}, clean="none")
        return Question(replace(sample, queries=(text,)), "direct", replace(rules, prompt=prompt))

    return verbatim


@pytest.fixture(scope="session")
def make_protocol() -> Callable[..., protocol.Protocol]:
    """The default protocol with short replies; keyword arguments are keys of its prompt and decoding tables."""

    def make(**changes: Any) -> protocol.Protocol:
        rules = protocol.load("default").rules()
        rules["decoding"]["max_new_tokens"] = 12
        for key, value in changes.items():
            rules["prompt" if key in protocol.PromptRules.__dataclass_fields__ else "decoding"][key] = value
        return protocol.from_dict({"name": "test", **rules})

    return make


@pytest.fixture(scope="session")
def load(checkpoints: dict[str, Path], make_protocol: Callable[..., protocol.Protocol]) -> Callable[..., hf.HfModel]:
    """A tiny checkpoint on the CPU."""

    def load(family: str, share: bool = True, batch_size: Any = 8, attn: str = "sdpa", window: int = 32) -> hf.HfModel:
        options = Options(device="cpu", share=share, batch_size=batch_size, attn=attn, window=window)
        return hf.load(str(checkpoints[family]), make_protocol(), options)

    return load
