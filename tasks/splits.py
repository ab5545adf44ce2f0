"""Splits derived from `train` by rules on video names, so that row order and file format play no part."""

import hashlib
import re
from collections.abc import Callable

from tasks.errors import InputError
from tasks.sample import Sample

DERIVED = ("dev", "fit", "fewshot-K-seedN")
"""Names of derived splits; K and N are any numbers, K at least 1."""
_FEWSHOT = re.compile(r"fewshot-([1-9]\d{0,8})-seed(0|[1-9]\d{0,17})", re.ASCII)


def derived(task: str, name: str) -> Callable[[list[Sample]], list[Sample]] | None:
    """The rule behind a derived split, or None if the name is not one.

    `dev` is the tenth of the training videos whose hash falls in the first tenth; `fit` is the rest of `train`;
    `fewshot-K-seedN` are K videos of `fit`, and the smaller ones are contained in the larger ones of the same seed.
    """
    if name == "dev":
        return lambda samples: [s for s in samples if is_dev(task, s.video)]
    if name == "fit":
        return lambda samples: [s for s in samples if not is_dev(task, s.video)]
    if match := _FEWSHOT.fullmatch(name):
        return lambda samples: _fewshot(task, samples, int(match[1]), int(match[2]))
    return None


def is_dev(task: str, video: str) -> bool:
    """Whether a training video belongs to `dev`."""
    return _rank(f"dev/{task}/{video}") < 2**256 // 10


def _fewshot(task: str, samples: list[Sample], size: int, seed: int) -> list[Sample]:
    """The samples of that many videos, drawn by their hashes. Raises InputError where there are fewer."""
    videos = {s.video for s in samples if not is_dev(task, s.video)}
    if size > len(videos):
        expected = f"at most {len(videos):,} videos in a few-shot split of {task}: those of its split fit"
        raise InputError(expected, f"fewshot-{size}-seed{seed}", f"{task}@fewshot-{len(videos)}-seed{seed}, or {task}@fit")
    chosen = set(sorted(videos, key=lambda video: _rank(f"fewshot/{seed}/{task}/{video}"))[:size])
    return [s for s in samples if s.video in chosen]


def _rank(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest())
