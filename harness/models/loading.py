"""Weights and processor of a checkpoint into memory, exactly as asked or not at all."""

import math
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import transformers

from harness import environment
from harness.models import adapters, attention, families, merging, spread
from harness.models.checkpoint import Checkpoint, shapes
from harness.models.options import Options
from tasks.errors import InputError, quoted

SHOWN = 500
"""Characters of an error that are shown; some list every file that was looked for."""

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def place(options: Options) -> tuple[torch.device, torch.dtype]:
    """The device and dtype to use. Raises InputError if an option is out of range."""
    if options.batch_size != "auto" and options.batch_size < 1:
        raise InputError("a batch size of at least 1, or auto", str(options.batch_size), "--batch-size 1")
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


@contextmanager
def refused(checkpoint: Checkpoint, options: Options) -> Iterator[None]:
    """Whatever a damaged or foreign file of a checkpoint makes its libraries raise, as an InputError that names the folder.

    There is no list of that: tokenizers raises plain `Exception`, transformers a KeyError for an unknown activation.
    """
    try:
        yield
    except InputError:
        raise
    except torch.OutOfMemoryError as error:
        found = f"{checkpoint.name}: {str(error).splitlines()[0]}"
        raise InputError("a device with room for the model", found, "--dtype bfloat16, or another --device") from error
    except Exception as error:
        expected = f"a checkpoint that transformers {transformers.__version__} can load with attention {options.attn}"
        step = "install what is named there" if isinstance(error, ImportError) else f"ls -l {quoted(checkpoint.folder)}"
        found = textwrap.shorten(f"{type(error).__name__}: {error}", SHOWN)
        raise InputError(expected, found, step) from error


def read(checkpoint: Checkpoint, options: Options, quantized: Mapping[str, Any] | None = None) -> tuple[Any, Any, list[str]]:
    """The model in evaluation mode on its device, its processor, and the names of stored weights it has no place for.

    `quantized` is what transformers needs to load it in fewer bits.

    Raises InputError where a file is broken, a weight is missing (transformers would fill it with random numbers), the tokenizer
    does not belong to the model, or the attention implementation is not available.
    """
    (device, dtype), trust = place(options), options.trust_remote_code
    models: Any = transformers.AutoModelForImageTextToText
    processors: Any = transformers.AutoProcessor
    with refused(checkpoint, options):
        empty = check_size(checkpoint, trust)
        processor = processors.from_pretrained(adapters.processor_folder(checkpoint), trust_remote_code=trust)
        check_processor(empty, processor, checkpoint)
        asked = {"dtype": dtype, "attn_implementation": options.attn, "use_safetensors": True, "trust_remote_code": trust}
        asked |= spread.arguments(options) if quantized is None else quantized
        stored = adapters.weights_folder(checkpoint)
        if quantized is None:
            spread.check_room(shapes(stored).values(), dtype, device, options)
        model, report = models.from_pretrained(stored, **asked, output_loading_info=True)
        attention.by_windows(model)
        model = spread.settle(merging.merged(model, checkpoint), device, options).eval()
        check_weights(model, report, checkpoint)
    return model, processor, sorted(report["unexpected_keys"])


def check_size(checkpoint: Checkpoint, trust: bool) -> Any:
    """The model without weights; refuse one far larger than is stored, before weights are made up, and an adapter of another.

    Raises InputError.
    """
    folder = adapters.weights_folder(checkpoint)
    config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=trust)
    models: Any = transformers.AutoModelForImageTextToText
    with torch.device("meta"):
        model = models.from_config(config, trust_remote_code=trust)
    asked = sum(weight.numel() for weight in model.parameters())
    stored = sum(math.prod(shape) for shape in shapes(folder).values())
    # Embeddings that are used twice are stored once.
    if asked > 2 * stored:
        found = f"{asked:,} weights in config.json, {stored:,} stored"
        raise InputError("a config.json of the size of the weights", found, f"look at config.json in {folder}")
    if checkpoint.base is not None:
        merging.fitted(model, checkpoint)
    if (folder / "generation_config.json").is_file():
        generation: Any = transformers.GenerationConfig
        model.generation_config = generation.from_pretrained(folder)
    return model


def check_weights(model: Any, report: Mapping[str, Any], checkpoint: Checkpoint) -> None:
    """Refuse weights that are missing or no numbers. Raises InputError."""
    step = f"ls -l {quoted(checkpoint.folder)}"
    if missing := sorted(report["missing_keys"]):
        found = f"{len(missing)} missing, the first is {missing[0]}"
        raise InputError("every weight of the model in the checkpoint", found, step)
    if broken := [name for name, weight in model.named_parameters() if not torch.isfinite(weight).all()]:
        raise InputError("weights that are finite numbers", f"{len(broken)} hold others, the first is {broken[0]}", step)


def check_processor(model: Any, processor: Any, checkpoint: Checkpoint) -> None:
    """Refuse a processor without chat template, with other token ids or patches than the model's, and sliding attention.

    Raises InputError; transformers itself loads, for example, an empty tokenizer where its file is missing.
    """
    config, step = model.config, f"copy the missing file from the base model into {checkpoint.folder}"
    family = families.of(checkpoint.family)
    for token, name in family.ids:
        found, expected = processor.tokenizer.convert_tokens_to_ids(token), getattr(config, name)
        if found != expected:
            raise InputError(f"a tokenizer with {token} = {expected}", str(found), step)
    for name in ("patch_size", "temporal_patch_size") if family.exact else ():
        found, expected = getattr(processor.video_processor, name, None), getattr(config.vision_config, name)
        if found != expected:
            raise InputError(f"a processor of {family.title}, with {name} = {expected}", str(found), step)
    if processor.chat_template is None:
        raise InputError("a chat template", "none", step)
    stop = model.generation_config.eos_token_id
    stops = [stop] if isinstance(stop, int) else stop
    if not stops or not all(type(one) is int and 0 <= one < len(processor.tokenizer) for one in stops):
        raise InputError("a generation_config.json with the eos_token_id of the tokenizer", repr(stop), step)
    # The shared prefix is tested with layers that see the whole cache.
    kinds = set(getattr(config.get_text_config(), "layer_types", None) or ["full_attention"])
    if family.exact and kinds != {"full_attention"}:
        raise InputError("a text tower with full attention in every layer", ", ".join(sorted(kinds)), "use_sliding_window: false")
