"""A recipe in the words of TRL, PEFT and our own generation."""

from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import fields
from typing import Any

import torch
from trl import GRPOConfig, SFTConfig

from harness import environment, extras
from harness.models import generate
from tasks.errors import InputError, unknown
from trainers.methods import trl_arguments, trl_values
from trainers.recipe import KEYS, Recipe
from trainers.training import Training, precision

CHECKPOINTS = "checkpoints"
LORA_TARGETS = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"
"""The matrices of the text tower's layers, in which adapters lie unless the recipe says otherwise."""

OURS = {
    "remove_unused_columns": False,
    "num_train_epochs": 1,
    "logging_steps": 1,
    "disable_tqdm": True,
    "save_strategy": "steps",
    "save_steps": 50,
    "save_total_limit": 2,
    "logging_nan_inf_filter": False,
    "ddp_find_unused_parameters": False,
}
"""Where our defaults are not TRL's. The whole curriculum is one epoch of the trainer."""


def arguments(training: Training, alone: bool = False) -> GRPOConfig | SFTConfig:
    """TRL's configuration; `alone` does not wait for the other processes of a launch.

    Raises:
        InputError: An argument is none of TRL's, has a value that TRL does not take, or would have no effect.
    """
    recipe, sft = training.recipe, training.recipe.method == "sft"
    kind = check_keys(recipe)
    accumulated = accumulation(recipe, environment.launch().world)
    per_method: dict[str, Any] = {"dataset_kwargs": {"skip_prepare_dataset": True}, "max_length": None}
    if not sft:
        weights = [part.weight for part in recipe.rewards]
        per_method = {"num_generations": recipe.group_size, "shuffle_dataset": False, "reward_weights": weights}
        # A generation that is used again must outlast the step that used it first.
        per_method["steps_per_generation"] = 1 if recipe.trainer.get("num_iterations", 1) == 1 else accumulated
        given = {**per_method, **recipe.trainer, "gradient_accumulation_steps": accumulated}
        trl_arguments.check_combination(recipe.name, given, recipe.answers is not None, len(training.kinds))
    cpu = not torch.cuda.is_available()
    values = {
        **OURS,
        **per_method,
        **recipe.trainer,
        "gradient_accumulation_steps": accumulated,
        "output_dir": str(training.folder / CHECKPOINTS),
        "report_to": "none",  # see `trackers`
        "per_device_train_batch_size": recipe.prompts_per_device * (1 if sft else recipe.group_size),
        "seed": training.seed,
        "use_cpu": cpu,
        "bf16": precision(training).bf16,
        "dataloader_pin_memory": not cpu,
    }
    try:
        with environment.alone() if alone else nullcontext():
            return kind(**values)
    except (ValueError, TypeError) as error:
        raise InputError(f"arguments that trl.{kind.__name__} takes", str(error), f"edit recipe {recipe.name}") from error


def check_keys(recipe: Recipe) -> type[GRPOConfig | SFTConfig]:
    """The configuration that takes the arguments of a recipe. Raises InputError on one that it does not have or take."""
    kind: type[GRPOConfig | SFTConfig] = SFTConfig if recipe.method == "sft" else GRPOConfig
    known = {f.name for f in fields(kind)}
    trl_arguments.refuse(recipe.name, recipe.trainer)
    for key in recipe.trainer:
        if key not in known:
            found = _named(recipe, recipe.trainer, key, {*known, *KEYS})
            raise InputError(
                f"an argument of trl.{kind.__name__}", found, f"harness show {recipe.name} lists what the recipe sets"
            )
    trl_values.check(kind, recipe.trainer)
    return kind


def accumulation(recipe: Recipe, world: int) -> int:
    """Micro-batches in a step of a launch of `world` processes. Raises InputError where they do not make up the step."""
    if recipe.prompts_per_step is None:
        return int(recipe.trainer.get("gradient_accumulation_steps", 1))
    together = recipe.prompts_per_device * world
    if recipe.prompts_per_step < 1 or recipe.prompts_per_step % together:
        expected = f"prompts_per_step that is a multiple of {together} ({recipe.prompts_per_device} a process, {world} processes)"
        raise InputError(expected, str(recipe.prompts_per_step), f"--set prompts_per_step={together}")
    return recipe.prompts_per_step // together


def _named(recipe: Recipe, values: Any, key: str, known: Collection[str]) -> str:
    """An unknown key with the nearest, and with its line where the recipe's own file holds it."""
    line = getattr(values, "lines", {}).get(key)
    return f"recipe {recipe.name} line {line}: {unknown(key, known)}" if line else unknown(key, known)


def sampling(model: Any, processor: Any, args: GRPOConfig) -> generate.Rules:
    """How replies are drawn in training."""
    # As transformers wants them: a whole number from YAML is no float to it.
    chosen = {name: float(getattr(args, name)) for name in ("temperature", "repetition_penalty", "top_p")}
    return generate.rules_of(model, processor, max_new_tokens=args.max_completion_length, **chosen)


def adapters(recipe: Recipe) -> Any:
    """PEFT's configuration, None for full training. Raises InputError on a setting it does not have."""
    if recipe.lora is None:
        return None
    if not isinstance(rank := recipe.lora.get("r", 8), int) or rank < 1:
        raise InputError("settings of peft.LoraConfig: r of at least 1", str(rank), "--lora 16")
    with extras.needed("train"):
        from peft import LoraConfig
    known = {f.name for f in fields(LoraConfig)}
    for key in recipe.lora:
        if key not in known:
            found = _named(recipe, recipe.lora, key, known)
            raise InputError("settings of peft.LoraConfig", found, f"edit recipe {recipe.name}, or --lora")
    try:
        return LoraConfig(**{"task_type": "CAUSAL_LM", "target_modules": LORA_TARGETS, **recipe.lora})
    except (TypeError, ValueError) as error:
        raise InputError("settings of peft.LoraConfig", str(error), f"edit recipe {recipe.name}, or --lora") from error
