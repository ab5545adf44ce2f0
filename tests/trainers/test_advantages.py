"""Equations 1 to 4 of TempSamp-R1 against worked numbers and plain float64 Python."""

import math
import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainers.methods import advantages
from trainers.rewards.shape import shape_nonlinear

GROUPS = st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=3)


def reference(rewards: list[float], scale: bool = True) -> list[float]:
    mean = statistics.fmean(rewards)
    divisor = statistics.stdev(rewards) + 1e-4 if scale else 1.0
    return [(reward - mean) / divisor for reward in rewards]


def zero(rewards: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(rewards)


def test_group_relative_worked() -> None:
    """Section 3.1, rewards 0, 0.5, 1: mean 0.5, standard deviation 0.5."""
    found = advantages.group_relative(torch.tensor([[0.0, 0.5, 1.0]], dtype=torch.float64))
    assert found.tolist()[0] == pytest.approx([-0.5 / 0.5001, 0.0, 0.5 / 0.5001])


def test_mixed_policy_worked() -> None:
    """Eq. 2, rewards 0.2, 0.4, 0.6 and 1 for the ground truth: every reply of the policy but the best is below the mean 0.55."""
    rewards = torch.tensor([[0.2, 0.4, 0.6, 1.0]], dtype=torch.float64)
    deviation = math.sqrt((0.35**2 + 0.15**2 + 0.05**2 + 0.45**2) / 3) + 1e-4
    found = advantages.mixed(rewards, zero(rewards), "none")
    assert found.tolist()[0] == pytest.approx([-0.35 / deviation, -0.15 / deviation, 0.05 / deviation, 0.45 / deviation])


def test_anchor_worked() -> None:
    """Eq. 3, the same rewards: 0.2, 0.4, 0.6 among themselves (mean 0.4, deviation 0.2), then 1.2 times the largest."""
    rewards = torch.tensor([[0.2, 0.4, 0.6, 1.0]], dtype=torch.float64)
    found = advantages.mixed(rewards, zero(rewards), "anchor")
    best = 0.2 / 0.2001
    assert found.tolist()[0] == pytest.approx([-best, 0.0, best, 1.2 * best])


def test_downscale_worked() -> None:
    """Section 3.2: the ground truth counts 0.8."""
    rewards = torch.tensor([[0.2, 0.4, 0.6, 1.0]], dtype=torch.float64)
    found = advantages.mixed(rewards, zero(rewards), "downscale")
    assert found.tolist()[0] == pytest.approx(reference([0.2, 0.4, 0.6, 0.8]))


def test_nonlinear_worked() -> None:
    """Eq. 4 on 0, 0.3, 0.5 and 1 gives .0868, .4225, .5964 and .8018; then eq. 2."""
    rewards = torch.tensor([[0.0, 0.3, 0.5, 1.0]], dtype=torch.float64)
    shaped = [0.0868, 0.4225, 0.5964, 0.8018]
    found = advantages.mixed(rewards, zero(rewards), "nonlinear")
    assert found.tolist()[0] == pytest.approx(reference(shaped), abs=1e-3)


def test_format_is_added_after_shaping() -> None:
    accuracy = torch.tensor([[0.0, 0.5, 1.0]], dtype=torch.float64)
    rest = torch.tensor([[1.0, 0.0, 1.0]], dtype=torch.float64)
    found = advantages.mixed(accuracy, rest, "nonlinear")
    total = [shape_nonlinear(0.0) + 1, shape_nonlinear(0.5), shape_nonlinear(1.0) + 1]
    assert found.tolist()[0] == pytest.approx(reference(total))


@given(GROUPS)
def test_against_plain_python(groups: list[list[float]]) -> None:
    rewards = torch.tensor(groups, dtype=torch.float64)
    for scale in (True, False):
        found = advantages.mixed(rewards, zero(rewards), "none", scale)
        for row, values in zip(found.tolist(), groups, strict=True):
            assert row == pytest.approx(reference(values, scale), abs=1e-9)
    shaped = advantages.mixed(rewards, zero(rewards), "nonlinear")
    for row, values in zip(shaped.tolist(), groups, strict=True):
        assert row == pytest.approx(reference([shape_nonlinear(value) for value in values]), abs=1e-9)
    anchored = advantages.mixed(rewards, zero(rewards), "anchor")
    for row, values in zip(anchored.tolist(), groups, strict=True):
        own = reference(values[:-1])
        assert row == pytest.approx([*own, 1.2 * max(own)], abs=1e-9)


@given(GROUPS, st.randoms())
def test_replies_of_the_policy_can_change_places(groups: list[list[float]], random: object) -> None:
    rewards = torch.tensor(groups, dtype=torch.float64)
    order = [2, 0, 1, 3]
    for shaping in ("none", "downscale", "anchor", "nonlinear"):
        found = advantages.mixed(rewards, zero(rewards), shaping)
        moved = advantages.mixed(rewards[:, order], zero(rewards), shaping)
        assert torch.allclose(found[:, order], moved, atol=1e-9)


def test_a_reward_that_is_not_a_number_stays_out() -> None:
    rewards = torch.tensor([[0.0, float("nan"), 1.0]], dtype=torch.float64)
    found = advantages.group_relative(rewards)
    assert found.tolist()[0] == pytest.approx([*reference([0.0, 1.0])[:1], 0.0, *reference([0.0, 1.0])[1:]])


def test_skewness() -> None:
    values = torch.tensor([[-1.0, 0.0, 1.0, 0.0], [-1.0, -1.0, -1.0, 3.0], [2.0, 2.0, 2.0, 2.0]])
    # One of four far above: sum of cubes 24 / 4 over (12 / 4) ** 1.5.
    assert advantages.skewness(values).tolist() == pytest.approx([0.0, 6 / 3**1.5, 0.0])
