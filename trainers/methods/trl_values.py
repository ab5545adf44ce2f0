"""Which values arguments of TRL take: TRL itself takes any, and finds out in the middle of a training or never."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints

from tasks.errors import InputError, unknown
from tasks.hints import fits, named

WORDS: Mapping[str, tuple[str, ...]] = {
    "importance_sampling_level": ("token", "sequence"),
    "multi_objective_aggregation": ("sum_then_normalize", "normalize_then_sum"),
    "scale_rewards": ("group", "batch", "none"),
    "vllm_importance_sampling_mode": ("token_truncate", "token_mask", "sequence_truncate", "sequence_mask"),
    "vllm_mode": ("colocate", "server"),
}
LOSSES: Mapping[str, tuple[str, ...]] = {
    "GRPOConfig": ("grpo", "dapo", "dr_grpo", "bnpo", "cispo", "sapo", "luspo", "vespo"),
    "SFTConfig": ("nll", "dft"),
}
"""Texts that the trainers of TRL know."""

NOT_BELOW_0 = ("learning_rate", "beta", "epsilon", "epsilon_high", "weight_decay", "max_grad_norm", "warmup_steps")
ABOVE_0 = ("temperature", "repetition_penalty", "adam_epsilon", "delta", "sapo_temperature_neg", "sapo_temperature_pos")
FROM_1 = (
    "num_iterations", "steps_per_generation", "gradient_accumulation_steps", "max_completion_length", "ref_model_sync_steps",
    "vllm_tensor_parallel_size",
)  # fmt: skip
UP_TO_1 = ("top_p", "vllm_gpu_memory_utilization", "top_entropy_quantile")
FROM_0_TO_1 = ("adam_beta1", "adam_beta2", "ref_model_mixup_alpha")


def check(config: type, values: Mapping[str, Any]) -> None:
    """Refuse values that are of another kind than the argument, or outside its range. Raises InputError.

    Args:
        config: `trl.GRPOConfig` or `trl.SFTConfig`, which has all of these arguments.
        values: Values by argument.
    """
    hints, words = get_type_hints(config), {**WORDS, "loss_type": LOSSES[config.__name__]}
    for key, value in values.items():
        if (expected := _expected(key, value, hints[key], words.get(key))) is not None:
            found = unknown(value, words.get(key, ())) if isinstance(value, str) else repr(value)[:80]
            raise InputError(expected, f"{key}={found}", f"--set {key}=VALUE, or edit the recipe")


def _expected(key: str, value: Any, hint: Any, words: Sequence[str] | None) -> str | None:
    """What the value should have been, None where it can stand."""
    if words is not None:
        old = key == "scale_rewards" and isinstance(value, bool)  # TRL's words of before: true for group, false for none
        return None if old or value in words else f"{key}, one of {', '.join(words)}"
    if not fits(value, hint):
        return f"{named(hint)} as {key}"
    ranges = {
        NOT_BELOW_0: (lambda: value >= 0, "of at least 0"),
        ABOVE_0: (lambda: value > 0, "above 0"),
        FROM_1: (lambda: value >= 1, "of at least 1"),
        UP_TO_1: (lambda: 0 < value <= 1, "above 0, at most 1"),
        FROM_0_TO_1: (lambda: 0 <= value <= 1, "from 0 to 1"),
        ("max_steps",): (lambda: value == -1 or value >= 1, "of at least 1, or -1 for whole epochs"),
    }
    for keys, (holds, said) in ranges.items():
        if key in keys and isinstance(value, int | float) and not (math.isfinite(value) and holds()):
            return f"{key} {said}"
    return f"{key} of at least 1" if key in FROM_1 and value is None and key != "steps_per_generation" else None
