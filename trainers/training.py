"""What is trained, on which samples, in which numbers."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from tasks import kinds, outside
from tasks.errors import InputError
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.sample import Sample
from tasks.words import counted
from trainers import rewards
from trainers.mix import Part, Share
from trainers.recipe import Recipe

MIXED = "mixed"


@dataclass(frozen=True)
class Training:
    """What is trained."""

    recipe: Recipe  # How
    parts: tuple[Part, ...]  # The train splits with their weights and the rules of their prompts
    model: str  # Checkpoint folder or hub id
    folder: Path  # Where everything goes; the trained model lies there itself
    seed: int = 0  # Of order, sampling and adapters
    skip_missing: bool = False  # Whether samples without a video file are left out; otherwise they stop the training
    # `float32`, `bfloat16`, `mixed` (weights in float32, computed with in bfloat16), or `auto`: see `precision`
    dtype: str = "auto"
    load_in_4bit: bool = False  # Whether the text tower is kept in four bits below adapters
    attn: str = "sdpa"  # Attention implementation
    deadline_s: float = 120.0  # Seconds after which decoding a video is given up
    dev_every: int = 0  # Steps between two evaluations on the `dev` split of each task, 0 for none
    dev_limit: int = 100  # Samples of each `dev` for that

    @property
    def name(self) -> str:
        """The splits, as they are typed."""
        return ",".join(part.name for part in self.parts)

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """The rules of the parts, each once."""
        return tuple({part.plan.protocol.sha256: part.plan.protocol for part in self.parts}.values())

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of task that are trained on, each once."""
        return tuple(dict.fromkeys(rules.kind for rules in self.protocols))


class Precision(NamedTuple):
    """Numbers a training computes with."""

    weights: str  # Dtype of the weights
    bf16: bool  # Whether their products are in bfloat16 (autocast)


def usable(training: Training) -> tuple[list[Share], dict[str, list[str]]]:
    """What can be trained on, and what cannot by reason: truth without a length, which no answer can match, and missing videos.

    Raises:
        InputError: Videos are missing without `skip_missing`, or nothing is left of a part.
    """
    shares, left_out = [], {"moment without length": list[str](), "missing video": list[str]()}
    for part in training.parts:
        plan, mode = part.plan, training.recipe.epochs[0]
        flat = [sample.id for sample in plan.samples if _flat(sample, plan.protocol.kind)]
        plan.check_clear()
        missing = [sample.id for sample in plan.samples if sample.video not in plan.videos]
        if missing and not training.skip_missing:
            absent, of = plan.missing(), counted(len(missing), "sample")
            verb = "is" if len(absent) == 1 else "are"
            found = f"{counted(len(absent), 'video')} of {of} {verb} missing, e.g. {absent[0]}"
            raise InputError(f"the videos of {plan.name}", found, f"harness data check {plan.typed}, or --skip-missing")
        kept = [sample for sample in plan.samples if sample.id not in {*flat, *missing}]
        if not kept:
            raise InputError(f"samples of {plan.name} to train on", "none", f"harness data check {plan.typed}")
        questions = [Question(sample, mode, plan.protocol, plan.videos.get(sample.video)) for sample in kept]
        shares.append(Share(questions, part.name, part.weight))
        left_out["moment without length"] += flat
        left_out["missing video"] += missing
    return shares, left_out


def _flat(sample: Sample, kind: str) -> bool:
    """Whether a truth of spans has none with a length; of sentences that are asked together, each needs one."""
    long = [span.end_s > span.start_s for span in sample.truth.spans]
    return "spans" in kinds.find(kind).needs and not (all(long) if kind == "pairs" else any(long))


def spec(training: Training) -> dict[str, Any]:
    """What makes two trainings the same training."""
    first, *others = training.parts
    what = (
        first.plan.spec()
        if not others and first.weight == 1
        else {"mix": [{**part.plan.spec(), "weight": part.weight} for part in training.parts]}
    )
    return {
        **what,
        "recipe": json.loads(json.dumps(asdict(training.recipe))),
        "model": training.model,
        "seed": training.seed,
        "skip_missing": training.skip_missing,
        "dtype": training.dtype,
        "attn": training.attn,
        **({"load_in_4bit": True} if training.load_in_4bit else {}),
        **({"outside": files} if (files := _outside(training.recipe)) else {}),
    }


def _outside(recipe: Recipe) -> dict[str, str]:
    """SHA-256 of the files of rewards that do not come with the project, by name."""
    more = outside.added("rewards", rewards.OURS)
    files = {part.name: Path(f"{part.name.partition('.py')[0]}.py") for part in recipe.rewards if ".py" in part.name}
    files |= {part.name: more[part.name].path for part in recipe.rewards if part.name in more}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


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
