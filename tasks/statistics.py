"""Uncertainty of a mean when queries share videos."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def cluster_bootstrap(
    values: NDArray[np.float64], clusters: Sequence[str], resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> NDArray[np.float64]:
    """Percentile interval of column means, resampling whole clusters (videos) with replacement.

    Args:
        values: `(n, m)`, one row a query and one column a metric.
        clusters: `(n,)` video of each query.
        resamples: Number of bootstrap samples.
        level: Coverage of the interval.
        seed: Seed of the resampling.

    Returns:
        `(m, 2)` lower and upper bound of each column's mean; a single cluster gives NaN.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3; clusters as in section 8.
    """
    names = sorted(set(clusters))
    if len(names) < 2:
        return np.full((values.shape[1], 2), np.nan)
    position = {name: i for i, name in enumerate(names)}
    index = np.array([position[c] for c in clusters])
    sizes = np.bincount(index, minlength=len(names)).astype(np.float64)
    sums = np.stack([np.bincount(index, weights=column, minlength=len(names)) for column in values.T], axis=1)
    rng = np.random.default_rng(seed)
    means = np.empty((resamples, values.shape[1]))
    for i in range(resamples):
        draws = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names)).astype(np.float64)
        means[i] = draws @ sums / (draws @ sizes)
    tail = (1 - level) / 2
    return np.quantile(means, [tail, 1 - tail], axis=0).T
