"""Start vLLM's engine on a checkpoint: all that can be known to fail is said before anything is loaded."""

import math
import os
import textwrap
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
import transformers

from harness.models import loading, remote, sight, template, vllm_checks
from harness.models.checkpoint import Checkpoint, find, shapes
from harness.models.inputs import Inputs
from harness.models.options import Options
from harness.models.positions import original_rule
from harness.models.verdict import right_to
from harness.models.vllm_engine import VllmModel
from tasks.errors import InputError
from tasks.protocol import Protocol

BUDGET = 8192
"""Tokens of a step of the engine, at least; it works off longer prompts in several."""

KEPT = 8
"""Longest prompts and replies whose keys and values a CPU keeps."""

SHOWN = 500
"""Characters of an error that are shown."""


def load(name: str, protocol: Protocol, options: Options) -> VllmModel:
    """An engine on a folder or hub id, the template tried and its sight probed under a protocol. Raises InputError."""
    vllm_checks.check_options(options)
    vllm_checks.check_temperature(protocol.decoding.temperature)
    version = vllm_checks.check_version()
    checkpoint = find(name, options.trust_remote_code)
    vllm_checks.check_family(checkpoint.family)
    device, dtype = loading.place(options)
    devices = vllm_checks.check_devices(options, device)
    with loading.refused(checkpoint, options):
        model, processor = settings(checkpoint, options)
        template.check(processor, protocol.prompt)
        inputs = Inputs(model, processor, checkpoint.family)
        own_code = remote.check(inputs, protocol.prompt, checkpoint)
        verdict = right_to(inputs.check(protocol.prompt))
    new = protocol.decoding.max_new_tokens
    needed = vllm_checks.longest(protocol.video, inputs.pixel_factor, inputs.patch, new)
    length = vllm_checks.length(options.max_model_len, model.config, needed, new)
    vllm_checks.check_heads(model.config, devices)
    token = vllm_checks.token_bytes(model.config, dtype)
    if device.type == "cuda":
        stored = sum(math.prod(shape) for shape in shapes(checkpoint.folder).values()) * dtype.itemsize
        memory = torch.cuda.get_device_properties(device).total_memory
        room = vllm_checks.Room(stored, token, memory, devices)
        vllm_checks.check_room(room, length, options.gpu_memory or vllm_checks.SHARE, torch.cuda.device_count())
    engine = start(version, device, arguments(checkpoint, options, protocol, dtype, length, token))
    opened = VllmModel(checkpoint, model, processor, options, engine)
    opened.sight, opened.verdict, opened.remote = look_at(opened, protocol), verdict, own_code
    return opened


def look_at(model: VllmModel, protocol: Protocol) -> str:
    """What the log-probabilities of replies follow, for `run.json`. Raises InputError where they do not follow the frames."""
    looked, inputs = partial(model.look, protocol), model.inputs
    plain = sight.clip(inputs.pixel_factor, inputs.patch)
    shown = {name: partial(looked, frames) for name, frames in sight.changes(plain, inputs.patch).items()}
    return sight.check("log-probabilities of vLLM", partial(looked, plain), shown)


def settings(checkpoint: Checkpoint, options: Options) -> tuple[Any, Any]:
    """What a model holds besides its weights, as far as inputs and rules of decoding read it, and the processor."""
    folder, trust = checkpoint.folder, options.trust_remote_code
    processors: Any = transformers.AutoProcessor
    loading.check_size(checkpoint, trust)
    config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=trust)
    generation = transformers.GenerationConfig.from_pretrained(folder)
    model = SimpleNamespace(
        config=config, generation_config=generation, model=SimpleNamespace(get_rope_index=original_rule(config))
    )
    processor = processors.from_pretrained(folder, trust_remote_code=trust)
    loading.check_processor(model, processor, checkpoint)
    return model, processor


def arguments(
    checkpoint: Checkpoint, options: Options, protocol: Protocol, dtype: torch.dtype, length: int, token: int
) -> dict[str, Any]:
    """Arguments of `vllm.LLM`; its own defaults for the rest."""
    on_cpu, memory = not torch.cuda.is_available(), {}
    if options.gpu_memory is not None:
        memory = {"gpu_memory_utilization": options.gpu_memory}
    elif on_cpu and "VLLM_CPU_KVCACHE_SPACE" not in os.environ:
        # Its own choice is most of the machine's memory.
        memory = {"kv_cache_memory_bytes": max(2**30, KEPT * length * token)}
    return {
        "model": str(checkpoint.folder),
        "dtype": str(dtype).removeprefix("torch."),
        "max_model_len": length,
        # An item of a video is computed whole: the budget of a step must hold the largest.
        "max_num_batched_tokens": max(length, BUDGET),
        "seed": options.seed,
        "tensor_parallel_size": options.tensor_parallel or 1,
        "enable_prefix_caching": options.share,
        "limit_mm_per_prompt": {"video": 1, "image": protocol.video.max_frames},
        "trust_remote_code": options.trust_remote_code,
        "max_logprobs": -1,  # for the probe of sight
        "generation_config": "vllm",  # sampling rules are the protocol's
        "skip_mm_profiling": on_cpu,
        "enforce_eager": on_cpu,
        **memory,
    }


def start(version: str, device: torch.device, arguments: dict[str, Any]) -> Any:
    """The engine of `vllm.LLM`. Raises InputError with vLLM's own reason where it does not start."""
    vllm_checks.quiet()
    if device.type == "cpu":
        # In this process there is nothing to copy, and nothing to start.
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        # Processes that decode would inherit the one core that it binds this one to.
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
    expected = f"a checkpoint that vLLM {version} can serve"
    try:
        from vllm import LLM
        from vllm.platforms import current_platform

        if current_platform.device_type != device.type:
            found = f"vLLM {version}, built for {current_platform.device_type or 'no device that is here'}"
            raise InputError(
                f"a vLLM for --device {device.type}",
                found,
                f"--device {current_platform.device_type or 'auto'}, or the other build of vLLM",
            )
        return LLM(**arguments).llm_engine
    except InputError:
        raise
    except Exception as error:  # vLLM raises what its models, kernels and workers raise
        found = textwrap.shorten(f"{type(error).__name__}: {error}", SHOWN)
        step = "--max-model-len N, --gpu-memory F or --tensor-parallel N" if "memory" in str(error).lower() else "--backend hf"
        raise InputError(expected, found, step) from error
