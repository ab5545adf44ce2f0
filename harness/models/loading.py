"""Weights and processor of a checkpoint into memory, exactly as asked or not at all."""

from typing import Any

import torch
import transformers
from safetensors import SafetensorError

from harness import environment
from harness.models.checkpoint import Checkpoint
from harness.models.options import Options
from tasks.errors import InputError

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def place(options: Options) -> tuple[torch.device, torch.dtype]:
    """The device and dtype to use. Raises InputError if an option is out of range."""
    if options.batch_size < 1:
        raise InputError("a batch size of at least 1", str(options.batch_size), "--batch-size 1")
    name = ("cuda" if torch.cuda.is_available() else "cpu") if options.device == "auto" else options.device
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError("a torch device: auto, cpu, cuda", options.device, "--device auto") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError("a GPU that torch can use", "none", "--device cpu")
    if name == "cuda":
        # The processes of one launch take a GPU each.
        device = torch.device("cuda", environment.launch().local_rank % torch.cuda.device_count())
    if options.dtype == "auto":
        return device, torch.float32 if device.type == "cpu" else torch.bfloat16
    if options.dtype not in DTYPES:
        raise InputError(f"a dtype: auto, {', '.join(DTYPES)}", options.dtype, "--dtype auto")
    return device, DTYPES[options.dtype]


def read(checkpoint: Checkpoint, options: Options) -> tuple[Any, Any, list[str]]:
    """The model in evaluation mode on its device, its processor, and the names of stored weights it has no place for.

    Raises:
        InputError: A file is broken, a weight is missing (transformers would fill it with random numbers), the tokenizer
            does not belong to the model, or the attention implementation is not available.
    """
    device, dtype = place(options)
    models: Any = transformers.AutoModelForImageTextToText
    processors: Any = transformers.AutoProcessor
    trust = options.trust_remote_code
    try:
        model, report = models.from_pretrained(
            checkpoint.folder,
            dtype=dtype,
            attn_implementation=options.attn,
            use_safetensors=True,
            trust_remote_code=trust,
            output_loading_info=True,
        )
        processor = processors.from_pretrained(checkpoint.folder, trust_remote_code=trust)
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        expected = f"a checkpoint that transformers {transformers.__version__} can load with attention {options.attn}"
        step = "install what is named there" if isinstance(error, ImportError) else f"ls -l {checkpoint.folder}"
        raise InputError(expected, f"{type(error).__name__}: {error}", step) from error
    if missing := sorted(report["missing_keys"]):
        found = f"{len(missing)} missing, the first is {missing[0]}"
        raise InputError("every weight of the model in the checkpoint", found, f"ls -l {checkpoint.folder}")
    check_processor(model, processor, checkpoint)
    return model.to(device).eval(), processor, sorted(report["unexpected_keys"])


def check_processor(model: Any, processor: Any, checkpoint: Checkpoint) -> None:
    """Refuse a processor without chat template or with other token ids than the model's, and sliding attention.

    Raises:
        InputError: As above; transformers itself loads, for example, an empty tokenizer where its file is missing.
    """
    config, step = model.config, f"copy the missing file from the base model into {checkpoint.folder}"
    names = {
        "<|video_pad|>": "video_token_id",
        "<|vision_start|>": "vision_start_token_id",
        "<|vision_end|>": "vision_end_token_id",
    }
    for token, name in names.items():
        found = processor.tokenizer.convert_tokens_to_ids(token)
        if found != getattr(config, name):
            raise InputError(f"a tokenizer with {token} = {getattr(config, name)}", str(found), step)
    if processor.chat_template is None:
        raise InputError("a chat template", "none", step)
    if not model.generation_config.eos_token_id:
        raise InputError("a generation_config.json with eos_token_id", "none", step)
    # The shared prefix is tested with layers that see the whole cache.
    kinds = set(getattr(config.get_text_config(), "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"}:
        raise InputError("a text tower with full attention in every layer", ", ".join(sorted(kinds)), "use_sliding_window: false")
