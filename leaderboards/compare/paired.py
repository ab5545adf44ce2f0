"""Paired comparison of two systems on the same queries: pure functions of per-query values.

The difference is always `b - a`. It is judged by |t|, its distance from 0 in standard errors, against the law that |t| has when
nothing differs; the interval holds the differences that this test would not refuse, so p and interval never disagree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.metrics import Floats
from tasks.statistics import RESAMPLES, Estimate, critical, estimate, studentised

POWER_Z = 0.8416
"""Quantile of the normal law at a power of 80 %."""
SEEDS = 3
"""From so many runs on, the spread over seeds counts as uncertainty of a system."""
SAME = 1e-9

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Comparison:
    """One system against another; every attribute is an array over m metrics, in the unit of the values.

    Attributes:
        n: Queries that count in both.
        videos: Videos that hold one of them.
        a: Mean of the first system, over its runs.
        b: Mean of the second.
        a_sd: Standard deviation of the mean over runs of the first, NaN for one run.
        b_sd: The same of the second.
        difference: `b - a`.
        error: Standard error of the difference.
        interval: `(m, 2)` bounds; infinite where too few videos differ to tell, NaN for a single video.
        p: Two-sided p-value.
        detectable: Smallest true difference that a comparison of this size finds in 80 % of cases; NaN where nothing varies.
        better: Queries on which the second is better; over several runs, their means are compared.
        same: Queries without a difference.
        worse: Queries on which the second is worse.
    """

    n: Ints
    videos: Ints
    a: Floats
    b: Floats
    a_sd: Floats
    b_sd: Floats
    difference: Floats
    error: Floats
    interval: Floats
    p: Floats
    detectable: Floats
    better: Ints
    same: Ints
    worse: Ints


def over_seeds(
    a: Sequence[Floats],
    b: Sequence[Floats],
    videos: Sequence[str],
    resamples: int = RESAMPLES,
    seed: int = 0,
    weights: Floats | None = None,
) -> Comparison:
    """Compare two systems query by query, each of one run or of several (seeds of one recipe), whose values are averaged.

    With three runs or more, the seeds of a system are a random effect: the variance of its mean over seeds is added to that over
    videos, and |t| follows Student's law with Satterthwaite's degrees of freedom, of which the draws are taken. With fewer,
    the comparison is of these very runs and says nothing of other seeds: a studentised bootstrap that draws whole videos.

    Args:
        a: Runs of the first, each `(n, m)`: one row a query, one column a metric; NaN where a query does not count.
        b: Runs of the second. A query that does not count in one run is left out of all.
        videos: `(n,)` video of each query.
        resamples: Number of draws.
        seed: Seed of the draws.
        weights: `(n, m)` weights of the queries in the means; None for equal ones.

    Raises:
        ValueError: The shapes differ, or there is no query.

    Source: Welch, Biometrika 34 (1947), for the sum of variances and its degrees of freedom.
    """
    left, right = np.stack(a), np.stack(b)
    if left.shape[1:] != right.shape[1:] or left.ndim != 3 or left.shape[1] != len(videos) or not len(videos):
        raise ValueError(f"expected (n, m) values of {len(videos)} queries, found {left.shape[1:]} and {right.shape[1:]}")
    lost = np.isnan(np.concatenate([left, right])).any(axis=0)
    difference = np.where(lost, np.nan, right.mean(axis=0) - left.mean(axis=0))
    found = estimate(difference, videos, weights)
    means = [means_of(np.where(lost, np.nan, runs), weights) for runs in (left, right)]
    several = [runs for runs in means if len(runs) >= SEEDS]
    if several:
        error, freedom = _with_seeds(found, several)
        distances = np.abs(np.random.default_rng(seed).standard_t(freedom, size=(resamples, len(freedom))))
    else:
        error, distances = found.error, studentised(difference, videos, resamples, seed, weights)
    beyond = critical(error, distances)
    margin = beyond * error
    return Comparison(
        n=(~lost).sum(axis=0),
        videos=found.clusters.astype(np.int64),
        a=means[0].mean(axis=0),
        b=means[1].mean(axis=0),
        a_sd=spread(means[0]),
        b_sd=spread(means[1]),
        difference=found.mean,
        error=error,
        interval=np.stack([found.mean - margin, found.mean + margin], axis=1),
        p=_p(found.mean, error, distances),
        detectable=np.where(error > 0, (beyond + POWER_Z) * error, np.nan),
        better=(difference > SAME).sum(axis=0),
        same=(np.abs(difference) <= SAME).sum(axis=0),
        worse=(difference < -SAME).sum(axis=0),
    )


def holm(p: Floats) -> Floats:
    """p-values of k tests, corrected so that the chance of any false finding keeps its level; NaN stays and is no test.

    Args:
        p: `(k,)`.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979).

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    tests = int((~np.isnan(p)).sum())
    order, corrected = np.argsort(p)[:tests], np.full(len(p), np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(tests, 0, -1)), 1.0)
    return corrected


def means_of(values: Floats, weights: Floats | None = None) -> Floats:
    """`(…, m)` means of `(…, n, m)` values over the queries that count, NaN where none does; `weights` are `(n, m)`."""
    counted = ~np.isnan(values)
    weight = counted * (1.0 if weights is None else weights)
    with np.errstate(invalid="ignore"):
        return np.asarray((np.where(counted, values, 0.0) * weight).sum(axis=-2) / weight.sum(axis=-2))


def spread(means: Floats) -> Floats:
    """`(m,)` standard deviations of `(runs, m)` means, NaN for one run."""
    return means.std(axis=0, ddof=1) if len(means) > 1 else np.full(means.shape[1], np.nan)


def _with_seeds(videos: Estimate, several: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Standard error over videos and seeds, with its degrees of freedom, from `(runs, m)` means of systems of several runs."""
    variances = np.stack([videos.error**2, *(runs.var(axis=0, ddof=1) / len(runs) for runs in several)])
    freedom = np.stack([videos.clusters - 1, *(np.full(videos.n.shape, len(runs) - 1.0) for runs in several)])
    total = variances.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        together = total**2 / (variances**2 / freedom).sum(axis=0)
    return np.sqrt(total), np.where(together > 0, together, 1.0)


def _p(difference: Floats, error: Floats, distances: Floats) -> Floats:
    """Two-sided p of each column, NaN without an error."""
    distance = np.divide(np.abs(difference), error, out=np.where(difference == 0, 0.0, np.inf), where=error > 0)
    p = (1 + (distances >= distance * (1 - SAME)).sum(axis=0)) / (len(distances) + 1)
    return np.where(np.isnan(error), np.nan, p)
