"""The non-linear shaping of a reward in TempSamp-R1."""

import math


def shape_nonlinear(reward: float, tau: float = 0.8, alpha1: float = 0.01, alpha2: float = 1.0) -> float:
    """Compress rewards from tau on, spread those below it.

        tau + alpha1 * ln((r - tau) + 1)                         for r >= tau
        tau - (exp(alpha2 * (tau - r)) - 1) / (exp(alpha2) - 1)  for r <  tau

    Source: TempSamp-R1, eq. 4, with its values of tau, alpha1 and alpha2. Strictly increasing; the two branches meet at tau. From
    [0, 1] to [0.0868, 0.8018], from [-1, 0] to [-2.1387, 0.0868]: a reply that cannot be read still earns 0.0868. NaN stays NaN.
    tau is the reward from which on it is compressed, by alpha1; alpha2, not 0, is the expansion below.

    Raises:
        OverflowError: The reward is more than about 700 / alpha2 below tau.

    >>> [round(shape_nonlinear(r), 4) for r in (0, 0.3, 0.5, 0.7, 0.8, 1)]
    [0.0868, 0.4225, 0.5964, 0.7388, 0.8, 0.8018]
    """
    if reward >= tau:
        return tau + alpha1 * math.log1p(reward - tau)
    return tau - math.expm1(alpha2 * (tau - reward)) / math.expm1(alpha2)
