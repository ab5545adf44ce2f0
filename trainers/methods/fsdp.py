"""A model that FSDP2 shares: whole while it generates, and with one gradient of its head."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partialmethod
from typing import Any
from unittest.mock import patch

from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor, Partial


@contextmanager
def averaged_head() -> Iterator[None]:
    """Within, gathering a shared weight averages its gradient over processes, as FSDP2 does with all other gradients.

    TRL 1.16 multiplies by the head's weight itself, outside of the module that FSDP2 watches, and gathers it by `full_tensor()`.
    That takes its gradient for the same everywhere: each process would keep its own, in its own part of the rows.
    """
    whole = partialmethod(DTensor.full_tensor, grad_placements=[Partial("avg")])
    with patch.object(DTensor, "full_tensor", whole):
        yield


def share(model: Any) -> None:
    """Share what a forward pass left whole, as TRL 1.16 wants weights that it hands to vLLM."""
    for part in model.modules():
        if isinstance(part, FSDPModule):
            part.reshard()


@contextmanager
def gathered(model: Any, state: Any) -> Iterator[None]:
    """Within, every process holds the whole model, so that one may stop earlier than another: no pass waits for the others.

    `state` is accelerate's, which knows whether weights are shared again after a forward pass of training. Does nothing to a
    model that is not shared.
    """
    parts = [module for module in model.modules() if isinstance(module, FSDPModule)]
    for part in parts:
        part.set_reshard_after_forward(False, recurse=False)
        part.unshard()
    try:
        yield
    finally:
        reshard = bool(parts and state.fsdp_plugin.reshard_after_forward)
        share(model)
        for part in parts:
            # The outermost part is needed again at once.
            part.set_reshard_after_forward(reshard and part is not model, recurse=False)
