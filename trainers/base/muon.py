"""Muon in float32: `torch.optim.Muon` computes in bfloat16, which takes most of a step where the processor has none."""

import math
from collections.abc import Iterable
from typing import Any

import torch

MOMENTUM = 0.95
ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic Newton-Schulz iteration (K. Jordan, https://github.com/KellerJordan/Muon), as in torch."""
SMALLEST_NORM = 1e-7


class Muon(torch.optim.Optimizer):
    """Steps of matrices along their orthogonalized momentum, with Nesterov's look ahead and decoupled weight decay."""

    def __init__(self, matrices: Iterable[torch.Tensor], lr: float, weight_decay: float) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # noqa: ARG002
        """One step. Every matrix has a gradient."""
        for group in self.param_groups:
            for matrix in group["params"]:
                state = self.state[matrix]
                if not state:
                    state["momentum"] = torch.zeros_like(matrix)
                momentum = state["momentum"].lerp_(matrix.grad, 1 - MOMENTUM)
                direction = orthogonal(matrix.grad.lerp(momentum, MOMENTUM))
                rows, columns = matrix.shape
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.sub_(direction, alpha=group["lr"] * math.sqrt(max(1, rows / columns)))


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """The matrix with all singular values near 1: between 0.68 and 1.14 where they were not very small."""
    first, third, fifth = COEFFICIENTS
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / wide.norm().clamp(min=SMALLEST_NORM)
    for _ in range(ITERATIONS):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=third, alpha=fifth), wide, beta=first)
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide
