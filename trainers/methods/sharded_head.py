"""The head of a model that FSDP2 shares, gathered so that its gradient is that of all processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partialmethod
from unittest.mock import patch

from torch.distributed.tensor import DTensor, Partial


@contextmanager
def averaged() -> Iterator[None]:
    """Within, gathering a shared weight averages its gradient over processes, as FSDP2 does with all other gradients.

    TRL 1.16 multiplies by the head's weight itself, outside of the module that FSDP2 watches, and gathers it by `full_tensor()`.
    That takes its gradient for the same everywhere: each process would keep its own, in its own part of the rows.
    """
    whole = partialmethod(DTensor.full_tensor, grad_placements=[Partial("avg")])
    with patch.object(DTensor, "full_tensor", whole):
        yield
