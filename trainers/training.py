"""What is trained, on which samples, in which numbers."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from harness.plan import Plan
from tasks.errors import InputError
from tasks.question import Question
from trainers.recipe import Recipe

MIXED = "mixed"


@dataclass(frozen=True)
class Training:
    """What is trained."""

    recipe: Recipe  # How
    plan: Plan  # The train split and the rules of its prompts
    model: str  # Checkpoint folder or hub id
    folder: Path  # Where everything goes; the trained model lies there itself
    seed: int = 0  # Of order, sampling and adapters
    skip_missing: bool = False  # Whether samples without a video file are left out; otherwise they stop the training
    # `float32`, `bfloat16`, `mixed` (weights in float32, computed with in bfloat16), or `auto`: see `precision`
    dtype: str = "auto"
    attn: str = "sdpa"  # Attention implementation
    deadline_s: float = 120.0  # Seconds after which decoding a video is given up
    dev_every: int = 0  # Steps between two evaluations on the task's `dev` split, 0 for none
    dev_limit: int = 100  # Samples of `dev` for that


class Precision(NamedTuple):
    """Numbers a training computes with."""

    weights: str  # Dtype of the weights
    bf16: bool  # Whether their products are in bfloat16 (autocast)


def usable(training: Training) -> tuple[list[Question], dict[str, list[str]]]:
    """What can be trained on, and what cannot by reason: moments without length, which no answer can match, and missing videos.

    Raises:
        InputError: Videos are missing without `skip_missing`, or nothing is left.
    """
    plan = training.plan
    flat = [s.id for s in plan.samples if not any(span.end_s > span.start_s for span in s.truth.spans)]
    missing = [s.id for s in plan.samples if s.video not in plan.videos]
    if missing and not training.skip_missing:
        found = f"{len(plan.missing()):,} videos of {len(missing):,} samples are missing, e.g. {plan.missing()[0]}"
        raise InputError(f"the videos of {plan.name}", found, f"harness data check {plan.name}, or --skip-missing")
    left_out, mode = {*flat, *missing}, training.recipe.epochs[0]
    kept = [sample for sample in plan.samples if sample.id not in left_out]
    questions = [Question(sample, mode, plan.protocol, plan.videos.get(sample.video)) for sample in kept]
    if not questions:
        raise InputError(f"samples of {plan.name} to train on", "none", f"harness data check {plan.name}")
    return questions, {"moment without length": flat, "missing video": missing}


def spec(training: Training) -> dict[str, Any]:
    """What makes two trainings the same training."""
    return {
        **training.plan.spec(),
        "recipe": json.loads(json.dumps(asdict(training.recipe))),
        "model": training.model,
        "seed": training.seed,
        "skip_missing": training.skip_missing,
        "dtype": training.dtype,
        "attn": training.attn,
    }


def precision(training: Training) -> Precision:
    """What weights are kept in, and whether they are computed with in bfloat16. Both towers and rollouts follow it.

    `auto` is `mixed` on a GPU. Where another copy holds what bfloat16 rounds away, weights themselves are bfloat16: DeepSpeed
    keeps one in float32, and of adapters only they are trained, which PEFT keeps in float32.
    """
    chosen = training.dtype
    if chosen == "auto":
        kept_apart = training.recipe.lora is not None or os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true"
        chosen = "float32" if not torch.cuda.is_available() else "bfloat16" if kept_apart else MIXED
    return Precision("float32" if chosen == MIXED else chosen, chosen != "float32")
