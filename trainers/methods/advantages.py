"""From rewards to advantages: pure functions on `(groups, G)` tensors, the off-policy answer in the last column.

Equations are those of TempSamp-R1 (arXiv 2509.18056). As in TRL, the standard deviation is the unbiased one and `EPSILON`
is added to it; a reward that is not a number is left out of its group and gets the advantage 0.
"""

import torch

from trainers.rewards.shape import shape_nonlinear

EPSILON = 1e-4
FLAT = 1e-8  # Rewards of a group are equal if they lie no further apart
DOWNSCALE = 0.8  # Section 3.2: the off-policy reward as a fraction of itself ("e.g., 80 %" of the largest possible, which it has)
ANCHOR = 1.2  # lambda_off of eq. 3


def totals(rewards: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """`(rows,)` weighted sums of `(rows, rewards)`, NaN where no reward scores a row."""
    total = (rewards * weights.to(rewards.device)).nansum(dim=1)
    return torch.where(rewards.isnan().all(dim=1), torch.nan, total)


def flat(groups: torch.Tensor) -> set[int]:
    """Which of `(groups, G)` rewards are all equal, so that nothing is learnt by them."""
    known = [group[~group.isnan()] for group in groups]
    return {index for index, group in enumerate(known) if not len(group) or (group.max() - group.min()).item() < FLAT}


def group_relative(rewards: torch.Tensor, scale: bool = True) -> torch.Tensor:
    """Section 3.1: `A_i = (r_i - mean) / std` in each group; without `scale` (Dr. GRPO, arXiv 2503.20783) only `r_i - mean`.

    With an off-policy answer in the group this is eq. 2.
    """
    centred = rewards - rewards.nanmean(dim=1, keepdim=True)
    if scale:
        count = (~rewards.isnan()).sum(dim=1, keepdim=True)
        variance = (centred**2).nansum(dim=1, keepdim=True) / (count - 1)
        centred = centred / (variance.sqrt() + EPSILON)
    return centred.nan_to_num(0.0)


def anchored(rewards: torch.Tensor, scale: bool = True, factor: float = ANCHOR) -> torch.Tensor:
    """Eq. 3: the last answer stays out of the statistics; its advantage is `factor` times the largest of the others.

    Where all others are equal their advantages are 0, and so is its own.
    """
    others = group_relative(rewards[:, :-1], scale)
    given = torch.where(rewards[:, -1:].isnan(), 0.0, factor * others.max(dim=1, keepdim=True).values)
    return torch.cat([others, given], dim=1)


def mixed(
    accuracy: torch.Tensor, rest: torch.Tensor, shaping: str, scale: bool = True, top: torch.Tensor | float = 1.0
) -> torch.Tensor:
    """Advantages of groups whose last answer is off-policy; a reply that neither part scores is left out of its group.

    Args:
        accuracy: `(groups, G)` weighted sum of the rewards that are shaped (IoU), NaN where none scores the reply.
        rest: `(groups, G)` weighted sum of the others (format), added after shaping, NaN where none scores the reply.
        shaping: `none` (eq. 2), `downscale` (section 3.2), `anchor` (eq. 3) or `nonlinear` (eq. 4, then eq. 2).
        scale: As in `group_relative`.
        top: `(groups, 1)` largest accuracy there is: eq. 4 is stated of rewards up to 1, so it shapes the share of that.
    """
    if shaping == "downscale":
        accuracy = torch.cat([accuracy[:, :-1], DOWNSCALE * accuracy[:, -1:]], dim=1)
    elif shaping == "nonlinear":
        accuracy = top * (accuracy / top).to("cpu", torch.float64, copy=True).apply_(shape_nonlinear).to(rest)
    both = torch.stack([accuracy, rest])
    total = torch.where(both.isnan().all(dim=0), torch.nan, both.nansum(dim=0))
    return anchored(total, scale) if shaping == "anchor" else group_relative(total, scale)


def skewness(advantages: torch.Tensor) -> torch.Tensor:
    """Third standardized moment of each group (the quantity of Fig. 3), 0 where all are equal. `(groups,)`."""
    centred = advantages - advantages.mean(dim=1, keepdim=True)
    spread = (centred**2).mean(dim=1)
    return torch.where(spread > 1e-12, (centred**3).mean(dim=1) / spread.clamp(min=1e-12) ** 1.5, 0.0)
