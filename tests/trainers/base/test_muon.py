"""Muon against torch's own, which computes in bfloat16."""

import pytest
import torch

from trainers.base.muon import Muon, orthogonal

SHAPES = [(24, 24), (40, 16), (16, 40)]


@pytest.mark.parametrize("shape", SHAPES)
def test_singular_values_end_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    spread = left @ torch.diag(torch.linspace(0.1, 1.0, len(values))) @ right
    found = torch.linalg.svd(orthogonal(spread), full_matrices=False)
    assert float(found.S.min()) > 0.65 and float(found.S.max()) < 1.25
    assert torch.allclose(found.U @ found.Vh, left @ right, atol=1e-4), "another direction"


def test_steps_are_those_of_torch_up_to_its_rounding() -> None:
    generator = torch.Generator().manual_seed(1)
    starts = [torch.randn(shape, generator=generator) for shape in SHAPES]
    own, other = ([torch.nn.Parameter(start.clone()) for start in starts] for _ in range(2))
    optimizers = [Muon(own, lr=0.05, weight_decay=0.1), torch.optim.Muon(other, lr=0.05, weight_decay=0.1)]
    for _ in range(4):
        for first, second in zip(own, other, strict=True):
            first.grad = second.grad = torch.randn(first.shape, generator=generator)
        for optimizer in optimizers:
            optimizer.step()
    for first, second, start in zip(own, other, starts, strict=True):
        assert float((first - second).detach().norm()) < 0.02 * float((second - start).detach().norm())


def test_a_matrix_without_gradient_values_stays_where_it_was() -> None:
    matrix = torch.nn.Parameter(torch.eye(3))
    matrix.grad = torch.zeros(3, 3)
    Muon([matrix], lr=0.1, weight_decay=0.0).step()
    assert torch.equal(matrix, torch.eye(3))
