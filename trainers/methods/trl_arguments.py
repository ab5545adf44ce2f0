"""Which arguments of TRL a recipe may set, and why it may not set the others: what would be ignored is refused."""

from collections.abc import Mapping

from tasks.errors import InputError

FIXED = ("output_dir", "remove_unused_columns", "num_train_epochs", "per_device_train_batch_size", "num_generations", "seed",
         "shuffle_dataset", "bf16", "fp16", "use_cpu", "hub_token", "push_to_hub_token")  # fmt: skip
"""What the recipe decides under another name, or what would break what is promised: files of a training hold the recipe, and a
token belongs into HF_TOKEN."""

_EVALUATION = (
    "eval_strategy", "eval_steps", "eval_delay", "eval_on_start", "eval_accumulation_steps", "eval_do_concat_batches",
    "eval_use_gather_object", "do_eval", "do_train", "do_predict", "per_device_eval_batch_size", "num_generations_eval",
    "batch_eval_metrics", "include_for_metrics", "prediction_loss_only", "metric_for_best_model", "greater_is_better",
    "load_best_model_at_end", "bf16_full_eval", "fp16_full_eval", "eval_packing",
)  # fmt: skip
_ROWS = (
    "train_sampling_strategy", "data_seed", "ignore_data_skip", "auto_find_batch_size", "label_names", "length_column_name",
    "generation_batch_size", "dataset_text_field", "dataset_kwargs", "dataset_num_proc", "packing", "packing_strategy",
    "padding_free", "completion_only_loss", "assistant_only_loss", "max_length", "truncation_mode", "pad_to_multiple_of",
    "resume_from_checkpoint",
)  # fmt: skip
_DECODING = (
    "dataloader_num_workers", "dataloader_persistent_workers", "dataloader_prefetch_factor", "dataloader_in_order",
    "dataloader_multiprocessing_context",
)  # fmt: skip
_DRAWING = (
    "top_k", "min_p", "generation_kwargs", "cache_implementation", "max_tool_calling_iterations", "vllm_structured_outputs_regex",
    "use_transformers_continuous_batching", "transformers_continuous_batching_config", "use_transformers_paged", "use_cache",
    "vllm_importance_sampling_cap",
)  # fmt: skip
_LOADING = ("model_init_kwargs", "trust_remote_code", "chat_template_path", "chat_template_kwargs", "eos_token", "pad_token")
_LOSS = ("use_liger_kernel", "liger_kernel_config", "label_smoothing_factor", "average_tokens_across_devices")
REASONS: Mapping[str, str] = {
    **dict.fromkeys(_EVALUATION, "no evaluation of the trainer's own; use --dev-every and --evaluate"),
    **dict.fromkeys(_ROWS, "rows, their order and their length follow from the splits, the recipe and --seed"),
    **dict.fromkeys(_DECODING, "videos are decoded by processes of our own"),
    **dict.fromkeys(_DRAWING, "replies are drawn with temperature, top_p and repetition_penalty alone"),
    **dict.fromkeys(_LOADING, "the checkpoint, its processor and its prompt are opened as in evaluation"),
    **dict.fromkeys(_LOSS, "the loss is computed on packed rows, which do not pass there"),
    "reward_weights": "the weight of each reward stands in `rewards`",
    "local_rank": "the launcher says it",
    "enable_jit_checkpoint": "a checkpoint amid a step does not continue to the same weights; use save_steps",
}
"""Arguments that would be ignored, or would break the training, each with the reason."""

HARMLESS = (
    "disable_tqdm", "log_level", "log_level_replica", "log_on_each_node", "logging_first_step", "logging_strategy",
    "logging_steps", "logging_nan_inf_filter", "include_num_input_tokens_seen", "skip_memory_metrics", "debug", "run_name",
    "project", "report_to", "trackio_bucket_id", "trackio_space_id", "trackio_static_space_id", "log_completions",
    "log_multimodal", "num_completions_to_print", "log_unique_prompts", "log_completions_hub_repo", "hub_always_push",
    "hub_model_id", "hub_private_repo", "hub_revision", "hub_strategy", "push_to_hub", "save_on_each_node", "save_only_model",
    "save_steps", "save_strategy", "save_total_limit", "restore_callback_states_from_checkpoint",
    "dataloader_pin_memory", "torch_empty_cache_steps", "ddp_backend", "ddp_timeout", "ddp_bucket_cap_mb",
    "ddp_broadcast_buffers", "ddp_static_graph", "ddp_find_unused_parameters", "full_determinism",
)  # fmt: skip
"""What says where figures and files go, or how processes speak: no weight depends on it."""


def refuse(recipe: str, arguments: Mapping[str, object]) -> None:
    """Refuse arguments that are the recipe's under another name or have no effect. Raises InputError."""
    for key in arguments:
        if key in FIXED:
            raise InputError("an argument that the recipe does not decide itself", key, f"drop {key} from recipe {recipe}")
        if key in REASONS:
            raise InputError(f"arguments that have an effect: {REASONS[key]}", key, f"drop {key} from recipe {recipe}")


def check_combination(recipe: str, values: Mapping[str, object], off_policy: bool, kinds: int) -> None:
    """Refuse arguments of GRPO that do not work with one another.

    Args:
        recipe: Its name.
        values: Arguments by name.
        off_policy: Whether a given answer stands in each group.
        kinds: How many kinds of task are trained together.

    Raises:
        InputError: Advantages would be scaled over kinds or past the given answer, or a generation would not be used again.
    """

    def refused(expected: str, found: str, step: str) -> InputError:
        return InputError(f"recipe {recipe}: {expected}", found, step)

    scale, aggregation = values.get("scale_rewards"), values.get("multi_objective_aggregation", "sum_then_normalize")
    if off_policy and scale == "batch":
        expected = "scale_rewards: group or none beside a given answer, whose group alone scales it"
        raise refused(expected, f"scale_rewards={scale}", "--set scale_rewards=group")
    if off_policy and aggregation != "sum_then_normalize":
        expected = "multi_objective_aggregation: sum_then_normalize beside a given answer"
        raise refused(expected, f"{aggregation}", "--set multi_objective_aggregation=sum_then_normalize")
    if kinds > 1 and (scale == "batch" or aggregation != "sum_then_normalize"):
        found = f"{kinds} kinds with scale_rewards={scale}, multi_objective_aggregation={aggregation}"
        expected = "advantages within a group where kinds are mixed, whose rewards have different ranges"
        raise refused(expected, found, "--set scale_rewards=group")
    together, accumulated = values.get("steps_per_generation"), values.get("gradient_accumulation_steps", 1)
    if (
        isinstance(together, int)
        and isinstance(accumulated, int)
        and values.get("num_iterations", 1) != 1
        and together % accumulated
    ):
        expected = "steps_per_generation that is a multiple of the accumulation, so that a generation is used again after a step"
        raise refused(expected, f"{together} with an accumulation of {accumulated}", f"--set steps_per_generation={accumulated}")
