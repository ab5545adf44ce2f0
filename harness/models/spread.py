"""A model larger than a GPU: its layers spread over all the GPUs of a machine, by accelerate."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from harness import environment
from harness.models.options import Options
from tasks.errors import InputError

STEP = "leave out --device-map"


def arguments(options: Options) -> dict[str, Any]:
    """What `from_pretrained` is told besides. Raises InputError where a device is named as well, or processes share the GPUs.

    Without a GPU, accelerate puts everything into the memory of the machine.
    """
    if options.device_map is None:
        return {}
    if options.device != "auto":
        raise InputError("--device or --device-map, not both", f"--device {options.device}", STEP)
    if (world := environment.launch().world) > 1:
        raise InputError("one process, whose model takes all GPUs", f"a launch of {world}", STEP)
    return {"device_map": options.device_map}


def check_room(shapes: Iterable[Sequence[int]], dtype: torch.dtype, device: torch.device, options: Options) -> None:
    """Refuse weights of these shapes that are more than the free memory of the GPUs, before they load. Raises InputError."""
    if device.type != "cuda":
        return
    gpus = list(range(torch.cuda.device_count())) if options.device_map else [device.index or 0]
    needed, free = sum(map(math.prod, shapes)) * dtype.itemsize, sum(torch.cuda.mem_get_info(gpu)[0] for gpu in gpus)
    if needed > free:
        found = f"{free / 2**30:.1f} GiB free on {len(gpus)} GPU{'s' * (len(gpus) > 1)}"
        step = (
            "--dtype bfloat16, or a larger GPU" if options.device_map else "--device-map auto, --dtype bfloat16, or a larger GPU"
        )
        raise InputError(f"{needed / 2**30:.1f} GiB for the weights alone, in {dtype}", found, step)


def settle(model: Any, device: torch.device, options: Options) -> Any:
    """The model on its device, or where accelerate has put it. Raises InputError where that is not on GPUs alone."""
    if options.device_map is None:
        return model.to(device)
    places = set(map(str, getattr(model, "hf_device_map", {"": "cpu"}).values()))
    if "disk" in places or (torch.cuda.is_available() and "cpu" in places):
        found = f"layers on {', '.join(sorted(places))}"
        raise InputError("GPUs with room for the whole model", found, "more GPUs, or --dtype bfloat16")
    return model


def home(model: Any) -> torch.device:
    """Where a model wants its inputs: at its embeddings."""
    device: torch.device = model.get_input_embeddings().weight.device
    return device
