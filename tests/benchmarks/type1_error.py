"""How often `harness compare` finds a difference where there is none, and how often one of the size it calls detectable; how
often the interval of a single score misses the true one.

OMP_NUM_THREADS=1 python tests/benchmarks/type1_error.py [SIMULATIONS]    # prints the tables of docs/compare.md

Each simulation draws two systems of equal quality, query by query; a finding is p <= 0.05. Beside it, the plain percentile
bootstrap over videos, which finds a difference where its interval leaves out 0.
"""

import sys
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from tabulate import tabulate

from leaderboards.compare.paired import over_seeds
from tasks.metrics import Floats
from tasks.statistics import interval

BATCH, RESAMPLES, ALPHA = 200, 2_000, 0.05
Draw = Callable[[np.random.Generator, np.ndarray], tuple[Floats, Floats]]


class Case(NamedTuple):
    """A kind of benchmark and of answers.

    Attributes:
        name: For the table.
        queries: Queries of each video.
        draw: `(n, BATCH)` values of both systems from the video of each query.
    """

    name: str
    queries: tuple[int, ...]
    draw: Draw


def iou(rng: np.random.Generator, video: np.ndarray) -> tuple[Floats, Floats]:
    """Values in [0, 1] with a share for the video, the query, the system on this video, and the answer."""
    videos = video.max() + 1
    common = 0.45 + 0.2 * rng.normal(size=(videos, BATCH))[video] + 0.2 * rng.normal(size=(len(video), BATCH))

    def system() -> Floats:
        own = 0.12 * rng.normal(size=(videos, BATCH))[video] + 0.2 * rng.normal(size=(len(video), BATCH))
        return np.clip(common + own, 0, 1)

    return system(), system()


def hits(rng: np.random.Generator, video: np.ndarray) -> tuple[Floats, Floats]:
    """R1@0.7 of `iou`."""
    a, b = iou(rng, video)
    return (a >= 0.7).astype(np.float64), (b >= 0.7).astype(np.float64)


def rare(rng: np.random.Generator, video: np.ndarray) -> tuple[Floats, Floats]:
    """Two systems that differ on one query in a hundred."""
    a, b = (rng.random((2, len(video), BATCH)) < 0.005).astype(np.float64)
    return a, b


def skewed(rng: np.random.Generator, video: np.ndarray) -> tuple[Floats, Floats]:
    """The second is a little worse on most videos and much better on some, with the same mean."""
    gain = rng.exponential(size=(video.max() + 1, BATCH))[video] - 1 + 0.5 * rng.normal(size=(len(video), BATCH))
    return np.zeros_like(gain), gain


TACOS, SMALL = (160,) * 25, (2,) * 50
SYNTHETIC, CHARADES = (3,) * 300, (2, 3, 3, 3) * 333 + (4, 4)
CASES = (
    Case("IoU, 25 videos x 160 queries", TACOS, iou),
    Case("R1@0.7, 25 videos x 160 queries", TACOS, hits),
    Case("IoU, 50 videos x 2 queries", SMALL, iou),
    Case("R1@0.7, 50 videos x 2 queries", SMALL, hits),
    Case("skewed differences, 50 videos x 2 queries", SMALL, skewed),
    Case("IoU, 300 videos x 3 queries", SYNTHETIC, iou),
    Case("R1@0.7, 300 videos x 3 queries", SYNTHETIC, hits),
    Case("1 % of queries differ, 300 videos x 3 queries", SYNTHETIC, rare),
    Case("skewed differences, 300 videos x 3 queries", SYNTHETIC, skewed),
    Case("IoU, 1,334 videos x 2 to 4 queries", CHARADES, iou),
    Case("R1@0.7, 1,334 videos x 2 to 4 queries", CHARADES, hits),
)


SHAPES = ((10, 3), (15, 3), (25, 40), (50, 2), (300, 3), (1_334, 3))
"""Videos and queries of each, for the intervals of single scores; hits of one video go together."""


def main(simulations: int) -> None:
    """Print one row a case."""
    rows = []
    for number, case in enumerate(CASES):
        video = np.repeat(np.arange(len(case.queries)), case.queries)
        names = [f"{v:04d}" for v in video]
        found = np.array([one(case, np.random.default_rng([number, k]), video, names, k) for k in range(simulations // BATCH)])
        rows.append([case.name, *(f"{100 * share:.2f}" for share in found.mean(axis=0))])
        sys.stderr.write(f"{rows[-1]}\n")
    headers = ["two systems of equal quality", "found, %", "by percentiles, %", "found at the detectable size, %"]
    sys.stdout.write(f"{tabulate(rows, headers, tablefmt='github', disable_numparse=True)}\n\n")
    rows = []
    for seeds in (3, 5):
        found = np.array([several(seeds, np.random.default_rng([seeds, k]), k) for k in range(simulations // BATCH)])
        rows.append([f"{seeds} seeds each, 300 videos x 3 queries", *(f"{100 * share:.2f}" for share in found.mean(axis=0))])
    headers = ["two recipes of equal quality", "found, %", "if seeds were not random, %"]
    sys.stdout.write(f"{tabulate(rows, headers, tablefmt='github', disable_numparse=True)}\n\n")
    rows = []
    for (videos, queries), rate in product(SHAPES, (0.45, 0.1)):
        found = np.array([missed(videos, queries, rate, k) for k in range(simulations // BATCH)])
        name = f"R1 of {100 * rate:.0f} %, {videos:,} videos x {queries} queries"
        rows.append([name, *(f"{100 * share:.2f}" for share in found.mean(axis=0))])
        sys.stderr.write(f"{rows[-1]}\n")
    headers = ["one system", "misses the true score, %", "open, %", "by percentiles, %"]
    sys.stdout.write(f"{tabulate(rows, headers, tablefmt='github', disable_numparse=True)}\n")


def one(case: Case, rng: np.random.Generator, video: np.ndarray, names: list[str], seed: int) -> tuple[float, float, float]:
    """Shares of findings of BATCH pairs of systems: ours, by percentiles, and ours after a shift of the detectable size."""
    a, b = case.draw(rng, video)
    found = over_seeds([a], [b], names, RESAMPLES, seed=seed)
    low, high = percentiles(b - a, video, np.random.default_rng(seed))
    size = np.where(np.isfinite(found.detectable), found.detectable, np.nan)
    shifted = over_seeds([a], [b + np.nanmean(size)], names, RESAMPLES, seed=seed)
    return (found.p <= ALPHA).mean(), ((low > 0) | (high < 0)).mean(), (shifted.p <= ALPHA).mean()


def percentiles(values: Floats, video: np.ndarray, rng: np.random.Generator) -> Floats:
    """Bounds of column means, drawing as many whole videos as there are. Efron and Tibshirani (1993), section 13.3."""
    sizes = np.bincount(video).astype(np.float64)
    sums = np.stack([np.bincount(video, weights=column) for column in values.T], axis=1)
    drawn = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=RESAMPLES).astype(np.float64)
    return np.quantile(drawn @ sums / (drawn @ sizes)[:, None], [0.025, 0.975], axis=0)


def several(seeds: int, rng: np.random.Generator, seed: int) -> tuple[float, float]:
    """Shares of findings between two recipes whose runs differ as much as their seeds make them."""
    video = np.repeat(np.arange(300), 3)
    names = [f"{v:04d}" for v in video]
    common, _ = iou(rng, video)

    def run() -> Floats:
        own = 0.01 * rng.normal(size=(1, BATCH)) + 0.05 * rng.normal(size=(300, BATCH))[video]
        return np.asarray(common + own + 0.1 * rng.normal(size=(900, BATCH)))

    a, b = [[run() for _ in range(seeds)] for _ in range(2)]
    random = over_seeds(a, b, names, RESAMPLES, seed=seed)
    fixed = over_seeds([np.mean(a, axis=0)], [np.mean(b, axis=0)], names, RESAMPLES, seed=seed)
    return (random.p <= ALPHA).mean(), (fixed.p <= ALPHA).mean()


def missed(videos: int, queries: int, rate: float, seed: int) -> tuple[float, float, float]:
    """Shares of BATCH systems whose true score lies outside the interval, that have none, and that lie outside percentiles."""
    rng = np.random.default_rng([videos, queries, seed])
    video = np.repeat(np.arange(videos), queries)
    chance = rng.beta(rate * 7 / 3, (1 - rate) * 7 / 3, size=(videos, BATCH))[video]
    values = (rng.random(chance.shape) < chance).astype(np.float64)
    low, high = interval(values, [f"{v:04d}" for v in video]).T
    lower, upper = percentiles(values, video, rng)
    return ((low > rate) | (high < rate)).mean(), np.isnan(low).mean(), ((lower > rate) | (upper < rate)).mean()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
