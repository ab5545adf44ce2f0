"""Folders that hold a model in a form that is not read here, told apart so that the next step can be named."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.models import families
from tasks.errors import InputError

SERVE = "or serve it, and: harness run --backend openai"
ORIGINAL = f"name the checkpoint that it was made from, {SERVE}"
FORMS = {
    "*.gguf": ("GGUF, for llama.cpp", ORIGINAL),
    "*.onnx": ("ONNX", ORIGINAL),
    "*.h5": ("weights of TensorFlow", "name the checkpoint that it was made from"),
    "*.msgpack": ("weights of Flax", "name the checkpoint that it was made from"),
    "*.distcp": ("parts of a training under FSDP", "accelerate merge-weights {folder} OUT"),
    "*/mp_rank_*_model_states.pt": ("parts of a training under DeepSpeed", "python {folder}/zero_to_fp32.py {folder} OUT"),
}
"""Files of other forms of weights, what they are, and what helps."""

METHODS = ("quantization_config", "compression_config")


def refuse_form(folder: Path) -> None:
    """Refuse weights in another form, where there are none in safetensors. Raises InputError."""
    for pattern, (what, step) in FORMS.items() if not any(folder.glob("*.safetensors")) else ():
        if found := sorted(folder.glob(pattern)):
            raise InputError("safetensors weights", f"{found[0].name}: {what}", step.format(folder=folder))


def family_of(config: Mapping[str, Any], place: Path) -> str:
    """The `model_type` of a configuration. Raises InputError for weights in fewer bits, no `model_type`, and unknown ones."""
    model_type = config.get("model_type")
    try:
        families.of(str(model_type))
    except InputError as error:
        if not model_type:
            step = f"copy config.json of the original model to {place}"
            raise InputError(error.expected, f"no model_type in {place}", step) from error
        if same := _by_class(config):
            step = f'if it is {families.of(same).title} by another name, write "model_type": "{same}" in {place}'
            raise InputError(error.expected, f"{error.found}, of the class of {families.of(same).title}", step) from error
        if not any("vision" in key for key in config):
            raise InputError(error.expected, f"{error.found}, without a vision tower", error.next_command) from error
        raise
    for table in (config, config.get("text_config")):
        settings = next((table[key] for key in METHODS if table.get(key)), None) if isinstance(table, Mapping) else None
        if settings:
            method = settings.get("quant_method", "unknown") if isinstance(settings, Mapping) else settings
            raise InputError("weights of 16 or 32 bits", f"quantized ones ({method}) by {place}", ORIGINAL)
    return str(model_type)


def _by_class(config: Mapping[str, Any]) -> str | None:
    """The known `model_type` whose class of transformers `architectures` names, which new names of a model leave as it is."""
    named = config.get("architectures")
    classes = [str(name).replace("_", "").lower() for name in (named if isinstance(named, list) else [])]
    types = [name for family in families.every() for name in family.types]
    return next((name for name in types for one in classes if one.startswith(f"{name.replace('_', '')}for")), None)
