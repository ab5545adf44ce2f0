"""What every process of a launch runs in these tests: several `harness train` one after the other, for one start of torch.

launched.py '[{"arguments": ["train", …], "interrupt": null, "expect": 0}, …]'
"""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any


def vowels(completions: list[Any], **_: Any) -> list[float]:
    """A reward in which the replies of an untrained model differ."""
    return [sum(letter in "aeiou" for letter in reply[0]["content"]) / 10 for reply in completions]


def main(jobs: list[dict[str, Any]]) -> None:
    from harness.cli import main as harness
    from trainers import train
    from trainers.methods.callbacks import TrainerCallback

    class Interrupt(TrainerCallback):  # type: ignore[misc]
        def __init__(self, step: int) -> None:
            self.step = step

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == self.step:
                raise KeyboardInterrupt

    made = train.callbacks
    for job in jobs:
        added = [Interrupt(job["interrupt"])] if job["interrupt"] else []
        train.callbacks = lambda folder, added=added: [*made(folder), *added]
        code = harness(job["arguments"])
        assert code == job["expect"], f"{code}: {job['arguments']}"


def share_on_cpus() -> None:
    """accelerate 1.15 makes DDP of FSDP2 where there is no GPU; torch itself shards over gloo."""
    from accelerate.state import AcceleratorState, PartialState
    from accelerate.utils import DistributedType

    made = AcceleratorState.__init__

    def make(self: Any, *given: Any, fsdp_plugin: Any = None, **more: Any) -> None:
        made(self, *given, fsdp_plugin=fsdp_plugin, **more)
        if fsdp_plugin is not None:
            PartialState._shared_state["distributed_type"] = self.distributed_type = DistributedType.FSDP
            self.fsdp_plugin = fsdp_plugin

    AcceleratorState.__init__ = make


def exact_engines(put: Callable[[Any, str, Any], None]) -> None:
    """Engines in this process, in float32, that other weights can be loaded into; `put` is `setattr`, or one that undoes it."""
    from torch.nn.functional import linear
    from trl.generation import vllm_generation
    from vllm.model_executor.layers import utils

    # On a CPU vLLM packs weights once and throws the originals away; on a GPU it keeps them.
    put(utils, "dispatch_cpu_unquantized_gemm", lambda layer, **_: setattr(layer, "cpu_linear", linear))
    put(vllm_generation, "LLM", partial(vllm_generation.LLM, dtype="float32", enforce_eager=True))


if __name__ == "__main__":
    if os.environ.get("ACCELERATE_USE_FSDP") == "true":
        share_on_cpus()
    if os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE") == "3":
        import deepspeed

        # accelerate starts it before weights are shared, but only on GPUs.
        deepspeed.comm.init_distributed("gloo")
    if "VLLM_ENABLE_V1_MULTIPROCESSING" in os.environ:
        exact_engines(setattr)
    main(json.loads(sys.argv[1]))
