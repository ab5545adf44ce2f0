"""Checkpoints of the Hugging Face Hub."""

from collections.abc import Sequence
from pathlib import Path

from tasks.errors import InputError

TEXTS, WEIGHTS, CODE = ("*.json", "*.txt", "*.jinja"), ("*.safetensors",), ("*.py",)
"""Files of a checkpoint. Pickles are never asked for, code only where it is trusted."""

NOWHERE = "the folder of a checkpoint, or a hub id that can be read"


def download(model: str, patterns: Sequence[str], revision: str | None) -> Path:
    """The folder, named by its commit, in which such files of a model lie. Raises InputError where they cannot be read."""
    import huggingface_hub

    try:
        return Path(huggingface_hub.snapshot_download(model, revision=revision, allow_patterns=list(patterns)))
    except (OSError, huggingface_hub.errors.HFValidationError) as error:
        reason = (str(error).splitlines() or [repr(error)])[0]
        step = "name a folder with config.json and *.safetensors, or go online"
        raise InputError(NOWHERE, f"{model}: {reason}", step) from error
