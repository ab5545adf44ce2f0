"""Splits derived from `train` by rules on video names, so that row order and file format play no part."""

import hashlib
import re
from collections.abc import Callable

from tasks.sample import Sample

FEWSHOT_SIZES = (50, 100, 200, 500)
DERIVED = ("dev", "fit", *(f"fewshot-{k}-seed0" for k in FEWSHOT_SIZES))


def derived(task: str, name: str) -> Callable[[list[Sample]], list[Sample]] | None:
    """The rule behind a derived split, or None if the name is not one.

    `dev` is the tenth of the training videos whose hash falls in the first tenth; `fit` is the rest of `train`;
    `fewshot-K-seedN` are K videos of `fit`, and the smaller ones are contained in the larger ones of the same seed.
    """
    if name == "dev":
        return lambda samples: [s for s in samples if is_dev(task, s.video)]
    if name == "fit":
        return lambda samples: [s for s in samples if not is_dev(task, s.video)]
    match = re.fullmatch(r"fewshot-(\d+)-seed(0|[1-9]\d*)", name)
    if match and int(match[1]) in FEWSHOT_SIZES:
        return lambda samples: _fewshot(task, samples, int(match[1]), int(match[2]))
    return None


def is_dev(task: str, video: str) -> bool:
    """Whether a training video belongs to `dev`."""
    return _rank(f"dev/{task}/{video}") < 2**256 // 10


def _fewshot(task: str, samples: list[Sample], size: int, seed: int) -> list[Sample]:
    videos = {s.video for s in samples if not is_dev(task, s.video)}
    chosen = set(sorted(videos, key=lambda video: _rank(f"fewshot/{seed}/{task}/{video}"))[:size])
    return [s for s in samples if s.video in chosen]


def _rank(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest())
