"""A recipe in the words of TRL, PEFT and our own generation."""

import os
from contextlib import nullcontext
from dataclasses import fields
from typing import Any

import torch
from trl import GRPOConfig, SFTConfig

from harness import environment, extras
from harness.models import generate
from tasks.errors import InputError, unknown
from trainers.methods import trl_arguments
from trainers.recipe import Recipe
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
        InputError: An argument is none of TRL's, or would have no effect.
    """
    recipe, sft = training.recipe, training.recipe.method == "sft"
    kind = SFTConfig if sft else GRPOConfig
    known = {f.name for f in fields(kind)}
    trl_arguments.refuse(recipe.name, recipe.trainer)
    for key in recipe.trainer:
        if key not in known:
            raise InputError(f"an argument of trl.{kind.__name__}", unknown(key, known), f"edit recipe {recipe.name}, or --set")
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


def accumulation(recipe: Recipe, world: int) -> int:
    """Micro-batches in a step of a launch of `world` processes. Raises InputError where they do not make up the step."""
    if recipe.prompts_per_step is None:
        return int(recipe.trainer.get("gradient_accumulation_steps", 1))
    together = recipe.prompts_per_device * world
    if recipe.prompts_per_step < 1 or recipe.prompts_per_step % together:
        expected = f"prompts_per_step that is a multiple of {together} ({recipe.prompts_per_device} a process, {world} processes)"
        raise InputError(expected, str(recipe.prompts_per_step), f"--set prompts_per_step={together}")
    return recipe.prompts_per_step // together


def sharding(args: GRPOConfig | SFTConfig) -> str | None:
    """What leaves each process a part of the model, `ZeRO-3` or `FSDP`, by the launcher or the recipe; None for nothing."""
    if args.deepspeed_plugin is not None and args.deepspeed_plugin.zero_stage == 3:
        return "ZeRO-3"
    return "FSDP" if args.fsdp or os.environ.get("ACCELERATE_USE_FSDP") == "true" else None


def check_launch(training: Training, args: GRPOConfig | SFTConfig) -> None:
    """Refuse what would wait for ever, or save a part, where no process holds the whole model. Raises InputError."""
    kind = sharding(args)
    step = "accelerate launch --config_file trainers/launch/zero3.yaml, zero2.yaml or ddp.yaml"
    if kind is not None and training.dev_every:
        found = f"--dev-every {training.dev_every} on a sharded one ({kind})"
        raise InputError("an evaluation of a model that each process holds whole", found, "--dev-every 0")
    if kind == "FSDP" and training.recipe.lora is not None:
        raise InputError("DeepSpeed or DDP for adapters", "FSDP, under which merging adapters was never run", step)
    if kind == "FSDP" and training.recipe.method == "grpo":
        why = "under which handing weights to vLLM was never run"
        if not args.use_vllm:
            why = "which gathers weights at every token: processes whose replies end earlier would not answer"
        raise InputError("DeepSpeed or DDP for recipes that generate", f"FSDP, {why}", step)


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
    try:
        return LoraConfig(**{"task_type": "CAUSAL_LM", "target_modules": LORA_TARGETS, **recipe.lora})
    except (TypeError, ValueError) as error:
        raise InputError("settings of peft.LoraConfig", str(error), f"edit recipe {recipe.name}, or --lora") from error
