"""Uncertainty of a mean over queries when queries share videos: standard error, and a bootstrap that draws whole videos."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tasks.metrics import Floats

LEVEL = 0.95
RESAMPLES = 10_000
"""For a p-value, which wants a fine grain."""
RESAMPLES_OF_MEANS = 2_000
"""For the interval of a mean: its width is then known to about 2 %, and scoring 17,031 replies stays fast."""
FEWER, FEWEST = 3, 2
"""A resample has three clusters less than the sample, but no fewer than two."""
BLOCK = 1 << 20
"""Draws held in memory at once."""
ROUNDING = 1e-12
"""A variance this small beside its own terms is what cancelling them leaves of 0."""


class Estimate(NamedTuple):
    """Means of m columns over the queries that count in them.

    Attributes:
        n: `(m,)` queries that count.
        clusters: `(m,)` clusters that hold one of them.
        mean: `(m,)`, NaN over no query.
        error: `(m,)` standard error of the mean over clusters, NaN where fewer than two hold a query.
    """

    n: Floats
    clusters: Floats
    mean: Floats
    error: Floats


def estimate(values: Floats, clusters: Sequence[str], weights: Floats | None = None) -> Estimate:
    """Mean and standard error of each column.

    With clusters of equal size the error is `std(cluster means, ddof=1) / sqrt(clusters)`, otherwise that of a ratio of sums.

    Args:
        values: `(n, m)`, NaN where a query does not count.
        clusters: `(n,)` video of each query.
        weights: `(n, m)` weights of the values in the means; None for equal ones. `n` is then the sum of those that count.

    Source: Cochran, Sampling Techniques (1977), section 2.11 (ratio of two sums), with clusters as units.
    """
    return _estimate(*_totals(values, clusters, weights))


def interval(
    values: Floats, clusters: Sequence[str], resamples: int = RESAMPLES_OF_MEANS, weights: Floats | None = None
) -> Floats:
    """The 95 % interval of the mean of each column: the means that a test with the law of `studentised` would not refuse.

    Arguments as for `estimate`. Returns `(m, 2)` bounds, NaN where too few clusters differ to bound the mean.
    """
    if not len(values):
        return np.full((values.shape[1], 2), np.nan)
    found = estimate(values, clusters, weights)
    margin = critical(found.error, studentised(values, clusters, resamples, weights=weights)) * found.error
    bounds = np.stack([found.mean - margin, found.mean + margin], axis=1)
    return np.where(np.isfinite(bounds), bounds, np.nan)


def critical(error: Floats, distances: Floats) -> Floats:
    """`(m,)` value that |t| exceeds by chance in 5 % of cases; 0 where nothing varies, NaN without an error.

    Args:
        error: `(m,)` standard errors.
        distances: `(resamples, m)` |t| without a true effect.
    """
    rank = math.ceil(LEVEL * (len(distances) + 1))
    found = np.sort(distances, axis=0)[rank - 1] if rank <= len(distances) else np.full(len(error), np.inf)
    return np.where(error > 0, found, np.where(np.isnan(error), np.nan, 0.0))


def studentised(
    values: Floats, clusters: Sequence[str], resamples: int = RESAMPLES, seed: int = 0, weights: Floats | None = None
) -> Floats:
    """How many standard errors the mean of a resample lies from the mean of the sample: the law of |t| without a true effect.

    Each resample draws whole clusters with replacement and is divided by its own standard error; this is what keeps the error
    rate with few videos or few differing queries, where plain percentiles reject too often. The values of a sample are less
    skewed than what they were drawn from. Three clusters less in a resample make up for it: its mean is then as skewed as the
    unbiased third moment says.

    Arguments as for `estimate`. Returns `(resamples, m)`, infinite where a resample varies in no way or holds no query.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 12.5; clusters as in section 8. Rao and Wu,
    Journal of the American Statistical Association 83 (1988), for the number drawn, (n - 2)^2 / (n - 1), which is about n - 3.
    """
    counts, sums = _totals(values, clusters, weights)
    sample = _estimate(counts, sums)
    residuals = sums - np.nan_to_num(sample.mean) * counts
    moments = np.concatenate([residuals, counts, residuals**2, residuals * counts, counts**2, counts > 0], axis=1)
    return np.concatenate([_distances(weights @ moments) for weights in draws(len(counts), resamples, seed)])


def draws(clusters: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Blocks of `(resamples in the block, clusters)`: how often each cluster is drawn."""
    rng = np.random.default_rng(seed)
    size = max(clusters - FEWER, FEWEST)
    block = max(1, BLOCK // clusters)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(clusters, size=(rows, size))
        drawn += clusters * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * clusters).reshape(rows, clusters).astype(np.float64)


def _totals(values: Floats, clusters: Sequence[str], weights: Floats | None) -> tuple[Floats, Floats]:
    """`(clusters, m)` weight and weighted sum of the values that count, clusters in the order of their names."""
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    order = np.argsort(index, kind="stable")
    starts = np.flatnonzero(np.diff(index[order], prepend=-1))
    counted = ~np.isnan(values[order])
    weight = counted * (1.0 if weights is None else weights[order])
    return np.add.reduceat(weight, starts), np.add.reduceat(np.where(counted, values[order], 0.0) * weight, starts)


def _estimate(counts: Floats, sums: Floats) -> Estimate:
    n, clusters = counts.sum(axis=0), (counts > 0).sum(axis=0).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums.sum(axis=0) / n
        spread = ((sums - mean * counts) ** 2).sum(axis=0)
        error = np.where(clusters > 1, np.sqrt(spread * clusters / (clusters - 1)) / n, np.nan)
    return Estimate(n, clusters, mean, error)


def _distances(drawn: Floats) -> Floats:
    """|t| of resamples from their sums of residual, count, the three products of these, and clusters that hold a query."""
    residual, n, squares, products, counts, clusters = np.split(drawn, 6, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = residual / n
        spread = squares - 2 * shift * products + shift**2 * counts
        spread[spread <= ROUNDING * (squares + shift**2 * counts)] = 0.0
        distance = np.abs(residual) / np.sqrt(spread * clusters / (clusters - 1))
    distance[(residual == 0) & (n > 0)] = 0.0
    distance[np.isnan(distance)] = np.inf
    return distance
