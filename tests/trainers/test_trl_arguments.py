"""Every argument of TRL is used, refused, fixed by us, or harmless; and its private methods are as we override them."""

import inspect
import math
from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from tasks.errors import InputError
from trainers import recipe as recipes
from trainers.examples import Examples
from trainers.methods import trl_values
from trainers.methods.configs import accumulation, arguments
from trainers.methods.trl_arguments import FIXED, HARMLESS, REASONS
from trainers.mix import Share
from trainers.train import build
from trainers.training import Training

USED = {
    # How a step is made.
    "learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "max_steps", "gradient_accumulation_steps",
    "max_grad_norm", "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon", "optim", "optim_args", "optim_target_modules",
    "neftune_noise_alpha", "dataloader_drop_last",
    # How it is computed.
    "gradient_checkpointing", "gradient_checkpointing_kwargs", "activation_checkpointing", "activation_checkpointing_kwargs",
    "activation_offloading", "tf32", "torch_compile", "torch_compile_backend", "torch_compile_mode", "disable_dropout",
    "cast_lm_head_to_fp32", "ds3_gather_for_generation",
    # How it is spread over devices.
    "deepspeed", "fsdp", "fsdp_config", "accelerator_config", "parallelism_config",
    # What is drawn.
    "max_completion_length", "temperature", "top_p", "repetition_penalty", "steps_per_generation", "num_iterations",
    "use_vllm", "vllm_mode", "vllm_model_impl", "vllm_enable_sleep_mode", "vllm_server_base_url", "vllm_server_host",
    "vllm_server_port", "vllm_server_timeout", "vllm_group_port", "vllm_gpu_memory_utilization", "vllm_max_model_length",
    "vllm_tensor_parallel_size", "vllm_importance_sampling_correction", "vllm_importance_sampling_mode",
    "vllm_importance_sampling_clip_max", "vllm_importance_sampling_clip_min",
    # What is optimized.
    "beta", "epsilon", "epsilon_high", "delta", "loss_type", "importance_sampling_level", "scale_rewards",
    "multi_objective_aggregation", "mask_truncated_completions", "use_bias_correction_kl", "off_policy_mask_threshold",
    "top_entropy_quantile", "entropy_coef", "use_adaptive_entropy", "entropy_coef_min", "entropy_coef_max", "entropy_coef_delta",
    "entropy_target", "sapo_temperature_neg", "sapo_temperature_pos", "vespo_k_pos", "vespo_lambda_pos", "vespo_k_neg",
    "vespo_lambda_neg", "sync_ref_model", "ref_model_mixup_alpha", "ref_model_sync_steps", "router_aux_loss_coef",
}  # fmt: skip


@pytest.mark.parametrize("config", [GRPOConfig, SFTConfig])
def test_every_argument_is_known(config: type) -> None:
    groups = {"used": USED, "refused": set(REASONS), "fixed": set(FIXED), "harmless": set(HARMLESS)}
    found = {f.name: [name for name, group in groups.items() if f.name in group] for f in fields(config)}
    assert {name: places for name, places in found.items() if len(places) != 1} == {}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"learning_rate": "abc"}, "a number as learning_rate"),
        ({"learning_rate": -1e-6}, "learning_rate of at least 0"),
        ({"learning_rate": math.nan}, "learning_rate of at least 0"),
        ({"max_steps": 2.5}, "an integer as max_steps"),
        ({"max_steps": 0}, "max_steps of at least 1, or -1"),
        ({"beta": True}, "a number as beta"),
        ({"temperature": 0}, "temperature above 0"),
        ({"top_p": 1.5}, "top_p above 0, at most 1"),
        ({"num_iterations": 0}, "num_iterations of at least 1"),
        ({"max_completion_length": None}, "max_completion_length of at least 1"),
        ({"adam_beta2": 2}, "adam_beta2 from 0 to 1"),
        ({"gradient_checkpointing": "perhaps"}, "true or false as gradient_checkpointing"),
        ({"loss_type": "dapoo"}, "loss_type, one of grpo, dapo"),
        ({"scale_rewards": "batches"}, "scale_rewards, one of group"),
        ({"importance_sampling_level": 1}, "importance_sampling_level, one of token"),
    ],
)
def test_a_value_that_trl_would_only_stumble_over_is_refused(values: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as refused:
        trl_values.check(GRPOConfig, values)
    assert refused.value.expected.startswith(expected)
    assert refused.value.found.startswith(next(iter(values)))


@pytest.mark.parametrize("config", [GRPOConfig, SFTConfig])
def test_the_defaults_of_trl_pass(config: type) -> None:
    """So do values that people set, whole numbers for fractions among them."""
    defaults = {f.name: f.default for f in fields(config) if f.name in USED and f.default is not MISSING}
    trl_values.check(config, {**defaults, "learning_rate": 1, "max_steps": 3, "weight_decay": 0})


def test_words_are_those_of_trl() -> None:
    """Its trainer and its configuration name each of them, so that one that is gone is noticed."""
    known = {**trl_values.WORDS, **trl_values.LOSSES}
    text = "".join(map(inspect.getsource, (GRPOTrainer, GRPOConfig, SFTTrainer)))
    assert all(f"'{word}'" in text or f'"{word}"' in text for words in known.values() for word in words)


def test_no_list_names_what_trl_does_not_have() -> None:
    known = {f.name for config in (GRPOConfig, SFTConfig) for f in fields(config)} | {"hub_token", "push_to_hub_token"}
    assert {*USED, *REASONS, *HARMLESS, *FIXED} <= known


def of(name: str, tmp_path: Path, *changes: str) -> Any:
    return arguments(Training(recipes.load(name, changes), (), "model", tmp_path))


@pytest.mark.parametrize("key", sorted({*REASONS, *FIXED}))
def test_what_would_have_no_effect_is_refused(key: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=key):
        of("grpo", tmp_path, f"{key}=1")
    with pytest.raises(InputError, match=key):
        of("sft", tmp_path, f"{key}=1")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("tempsamp", ["scale_rewards=batch"], "beside a given answer"),
        ("tempsamp", ["multi_objective_aggregation=normalize_then_sum"], "beside a given answer"),
        ("grpo", ["num_iterations=2", "gradient_accumulation_steps=2", "steps_per_generation=1"], "multiple of the accumulation"),
        ("gspo", ["num_iterations=2", "gradient_accumulation_steps=4", "steps_per_generation=6"], "multiple of the accumulation"),
        ("grpo", ["learning_rat=1"], "nearest: learning_rate"),
        ("sft", ["temperature=1"], "an argument of trl.SFTConfig"),
    ],
)
def test_what_does_not_work_together_is_refused(name: str, changes: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        of(name, tmp_path, *changes)


def test_a_generation_is_used_again_after_a_step_by_itself(tmp_path: Path) -> None:
    again = ["num_iterations=2", "gradient_accumulation_steps=3"]
    assert of("grpo", tmp_path, *again).steps_per_generation == 3
    assert of("grpo", tmp_path, "gradient_accumulation_steps=3").steps_per_generation == 1


def test_prompts_of_a_step_are_divided_among_processes() -> None:
    stepwise = recipes.load("sft", ["trainer={}", "prompts_per_step=8", "prompts_per_device=2"])
    assert [accumulation(stepwise, world) for world in (1, 2, 4)] == [4, 2, 1]
    with pytest.raises(InputError, match="multiple of 6"):
        accumulation(stepwise, 3)
    with pytest.raises(InputError, match="prompts_per_step or gradient_accumulation_steps"):
        recipes.load("sft", ["prompts_per_step=8", "gradient_accumulation_steps=2"])


Load = Callable[..., tuple[Any, Any, Examples]]

CHANGES = (
    "learning_rate=0.01", "lr_scheduler_type=constant_with_warmup", "warmup_steps=2", "max_grad_norm=1e-4", "weight_decay=0.5",
    "adam_beta1=0.5", "adam_beta2=0.5", "adam_epsilon=0.1", "optim=sgd", "neftune_noise_alpha=5", "gradient_accumulation_steps=2",
    "max_completion_length=3", "temperature=2", "top_p=0.5", "repetition_penalty=2", "num_iterations=2", "beta=1", "epsilon=1e-4",
    "loss_type=dr_grpo", "loss_type=bnpo", "loss_type=dapo", "loss_type=sapo", "loss_type=cispo", "loss_type=luspo",
    "importance_sampling_level=sequence", "scale_rewards=none", "scale_rewards=batch",
    "multi_objective_aggregation=normalize_then_sum", "mask_truncated_completions=true", "top_entropy_quantile=0.3",
    "entropy_coef=0.5",
)  # fmt: skip
AFTER_A_STEP = ("num_iterations=2", "epsilon=1e-4", "importance_sampling_level=sequence", "loss_type=sapo", "loss_type=cispo")
"""What is seen once a generation is used again, since before that each ratio is 1."""


def trained(load: Load, folder: Path, *changes: str) -> torch.Tensor:
    """All weights after three steps of GRPO on replies whose first letters decide their two rewards."""
    model, processor, examples = load("qwen3_vl")
    settings = [
        "epochs=[direct]",
        "max_completion_length=6",
        "learning_rate=0.001",
        "gradient_accumulation_steps=1",
        "max_steps=3",
    ]
    settings += ["prompts_per_device=2", "save_strategy='no'", f"rewards=[{folder}/r.py:vowels, {folder}/r.py:length]"]
    (folder / "r.py").write_text(
        "def vowels(completions, **_):\n    return [sum(c in 'aeiou' for c in x[0]['content']) / 9 for x in completions]\n"
        "def length(completions, **_):\n    return [len(x[0]['content']) / 50 for x in completions]\n"
    )
    recipe = recipes.load("grpo", [*settings, *changes])
    questions = list(examples.questions.values())
    trainer = build(Training(recipe, (), "", folder), model, processor, examples, [Share(questions)])
    # Replies of different lengths.
    trainer.rules = replace(trainer.rules, stop=trainer.rules.stop | frozenset(range(0, len(processor.tokenizer), 4)))
    trainer.train()
    return torch.cat([value.detach().flatten() for value in trainer.model.parameters()])


@pytest.fixture(scope="module")
def usual() -> dict[str, torch.Tensor]:
    return {}


@pytest.mark.parametrize("change", CHANGES)
def test_every_argument_that_is_used_changes_the_model(change: str, load: Load, tmp_path: Path, usual: dict[str, Any]) -> None:
    again = ("num_iterations=3", "learning_rate=0.01") if change in AFTER_A_STEP[1:] else ()
    key = " ".join(again)
    if key not in usual:
        usual[key] = trained(load, tmp_path, *again)
    assert not torch.equal(trained(load, tmp_path, *again, change), usual[key])


LOGPS = [
    "self", "model", "input_ids", "attention_mask", "logits_to_keep", "batch_size", "compute_entropy", "compute_aux_loss",
    "pixel_values", "image_grid_thw", "num_images", "pixel_attention_mask", "spatial_shapes", "num_tiles", "image_sizes",
    "token_type_ids", "mm_token_type_ids", "image_position_ids",
]  # fmt: skip
OVERRIDDEN = {
    "_prepare_inputs": ["self", "generation_batch"],
    "_generate_and_score_completions": ["self", "inputs"],
    "_tokenize_prompts": ["self", "prompts"],
    "_generate_single_turn": ["self", "prompt_ids", "images", "multimodal_fields", "num_generations", "has_tool_images"],
    "_calculate_rewards": ["self", "inputs", "prompts", "completions", "completion_ids_list"],
    "_get_per_token_logps_and_entropies": LOGPS,
    "_compute_loss": ["self", "model", "inputs"],
    "_log_metric": ["self", "name", "value"],
}
"""Private methods of TRL that ours stand for or call, with their parameters."""


@pytest.mark.parametrize(("name", "parameters"), OVERRIDDEN.items())
def test_private_methods_of_trl_are_as_we_override_them(name: str, parameters: list[str]) -> None:
    """A release that changes one must be read before it is allowed: the others swallow new arguments."""
    assert list(inspect.signature(getattr(GRPOTrainer, name)).parameters) == parameters


def test_private_methods_of_sft_are_as_we_override_them() -> None:
    assert list(inspect.signature(SFTTrainer.compute_loss).parameters)[:4] == ["self", "model", "inputs", "return_outputs"]
    assert hasattr(SFTTrainer, "_set_signature_columns_if_needed") and hasattr(SFTTrainer, "_get_train_sampler")
