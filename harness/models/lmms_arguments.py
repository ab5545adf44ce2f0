"""What a model class of lmms-eval is opened with."""

import inspect
from typing import Any

from lmms_eval.utils import simple_parse_args_string

from harness.models.loading import place
from harness.models.options import Options
from tasks.errors import InputError

NAMES = ("pretrained", "model_version", "model", "model_name")
"""What lmms-eval's classes call their checkpoint."""

TAKEN_AS = {"dtype": {"dtype"}, "attn": {"attn_implementation"}, "device": {"device", "device_map"}}
"""Options, and the arguments that hand them on."""


def arguments(kind: type, model: str, options: Options) -> dict[str, Any]:
    """Arguments for a model class; those of `--model-args` win. Raises InputError where none fits an option or the model."""
    known = inspect.signature(kind).parameters
    given: dict[str, Any] = simple_parse_args_string(options.model_args)
    values: dict[str, Any] = {}
    if checkpoint := next((name for name in NAMES if name in known), None):
        values[checkpoint] = model
    elif not given:
        raise InputError(f"a model class with an argument {' or '.join(NAMES)}", ", ".join(known), "--model-args NAME=CHECKPOINT")
    wished = {"attn_implementation": options.attn} | ({} if options.dtype == "auto" else {"dtype": options.dtype})
    for option, names in TAKEN_AS.items():
        value, default = getattr(options, option), getattr(Options, option)
        if value != default and not names & {*known}:
            expected = f"a model class with an argument {' or '.join(sorted(names))}, for --{option} {value}"
            raise InputError(expected, kind.__name__, f"--{option} {default}")
    return values | devices(kind, options) | {name: wish for name, wish in wished.items() if name in known} | given


def devices(kind: type, options: Options) -> dict[str, str]:
    """Arguments that put a model class on a device. Left alone, many move their inputs to a GPU that may not be there."""
    device, _ = place(options)
    return {name: str(device) for name in ("device", "device_map") if name in inspect.signature(kind).parameters}
