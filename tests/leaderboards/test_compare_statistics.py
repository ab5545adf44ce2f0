"""Paired comparison against closed forms, brute force, frozen results of scipy's bootstrap, and its own error rate."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboards.compare.paired import Comparison, holm, over_seeds
from tasks.statistics import RESAMPLES_OF_MEANS, interval

VIDEO = np.repeat(np.arange(200), np.tile([1, 3], 100))
NAMES = [f"v{i:03d}" for i in VIDEO]


def paired(a: np.ndarray, b: np.ndarray, videos: list[str], **options: int) -> Comparison:
    return over_seeds([a], [b], videos, **options)


def laws() -> dict[str, np.ndarray]:
    """400 quantiles of a known law each, in a fixed mixed order."""
    q = (np.arange(400) + 0.5) / 400
    order = np.argsort(np.sin(np.arange(400) * 12.9898) * 43758.5453 % 1)
    normal = np.array([NormalDist().inv_cdf(x) for x in q])
    found = {
        "normal": 0.02 + 0.1 * normal,
        "exponential": -0.1 * np.log(1 - q) - 0.09,
        "rare": np.where(q < 0.03, -1.0, np.where(q > 0.91, 1.0, 0.0)),
    }
    return {name: values[order, None] for name, values in found.items()}


def compared(difference: np.ndarray, videos: list[str], **options: int) -> Comparison:
    return paired(np.zeros_like(difference), difference, videos, **options)


# scipy 1.17.1 on the sums and counts of the 200 videos: stats.bootstrap((sums, counts), ratio of sums, paired=True,
# n_resamples=100000, rng=default_rng(0)) with method "percentile" and "BCa", its standard_error, and the p of
# stats.permutation_test((sums,), sum, permutation_type="samples", n_resamples=200000, rng=default_rng(0)), which turns signs and
# divides by no error: of skewed values its p is a little another one.
SCIPY = {
    "normal": ((0.01055, 0.02949), (0.0106, 0.02956), 0.004822, 0.00007),
    "exponential": ((0.00062, 0.01961), (0.00109, 0.02016), 0.004845, 0.04196),
    "rare": ((0.02762, 0.09268), (0.02835, 0.09358), 0.016593, 0.0006),
}


@pytest.mark.parametrize("law", SCIPY)
def test_known_laws_agree_with_scipy(law: str) -> None:
    percentile, bca, error, p = SCIPY[law]
    found = compared(laws()[law], NAMES)
    width = percentile[1] - percentile[0]
    assert found.error[0] == pytest.approx(error, rel=0.005)
    for bounds in (percentile, bca):
        assert np.abs(found.interval[0] - bounds).max() < 0.05 * width
    assert found.p[0] == pytest.approx(p, abs=0.005)


def test_the_interval_of_a_mean_is_that_of_its_difference_from_0() -> None:
    values = laws()["exponential"]
    assert np.array_equal(interval(values, NAMES), compared(values, NAMES, resamples=RESAMPLES_OF_MEANS).interval)


def test_interval_of_many_equal_clusters_is_the_closed_form() -> None:
    means = np.random.default_rng(1).normal(0.1, 1, size=1500)
    names = [f"v{i // 4}" for i in range(6000)]
    found = compared(np.repeat(means, 4)[:, None], names)
    half = 1.96 * means.std(ddof=1) / math.sqrt(1500)
    assert np.allclose(found.interval[0], [means.mean() - half, means.mean() + half], atol=0.03 * half)
    assert found.detectable[0] == pytest.approx((1.96 + 0.8416) * half / 1.96, rel=0.03)


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 30), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 10_000), st.booleans())
def test_p_and_interval_never_disagree(videos: int, shift: float, seed: int, hits: bool) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(shift, 1, size=(videos * 2, 4))
    found = compared(np.sign(np.round(values)) if hits else values, [f"v{i // 2}" for i in range(videos * 2)], resamples=499)
    outside = (found.interval[:, 0] > 0) | (found.interval[:, 1] < 0)
    assert np.array_equal(found.p <= 0.05, outside)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_systems_and_queries_may_change_places(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, 40, 3))
    names = [f"v{i % 9}" for i in range(40)]
    found, turned = paired(a, b, names, resamples=299), paired(b, a, names, resamples=299)
    assert np.allclose(found.difference, -turned.difference)
    assert np.array_equal(found.p, turned.p)
    assert np.array_equal(found.better, turned.worse)
    order = rng.permutation(40)
    mixed = paired(a[order], b[order], [names[i] for i in order], resamples=299)
    assert np.allclose(found.interval, mixed.interval)


def test_seed_decides() -> None:
    values = laws()["normal"]
    assert np.array_equal(compared(values, NAMES, resamples=99).p, compared(values, NAMES, resamples=99).p)
    first, second = compared(values, NAMES, resamples=99), compared(values, NAMES, resamples=99, seed=1)
    assert not np.array_equal(first.interval, second.interval)


def test_equal_runs_differ_in_nothing() -> None:
    values = np.random.default_rng(0).random((30, 2))
    found = paired(values, values, [f"v{i % 5}" for i in range(30)])
    assert found.p.tolist() == [1, 1]
    assert found.interval.tolist() == [[0, 0], [0, 0]]
    assert found.same.tolist() == [30, 30]
    assert np.isnan(found.detectable).all()


@pytest.mark.filterwarnings("error")
@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(0, 10_000), st.sampled_from([10, 19, 60]))
def test_few_videos_and_equal_values_break_no_arithmetic(videos: int, seed: int, resamples: int) -> None:
    """Columns of hits, of a constant difference, of none, and of queries that do not count."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(2, size=(2, 2 * videos, 4)).astype(np.float64)
    b[:, 1:3] = a[:, 1:3] + [1, 0]
    b[rng.random(2 * videos) < 0.5, 3] = np.nan
    names = [f"v{i // 2}" for i in range(2 * videos)]
    found = paired(a, b, names, resamples=resamples)
    if videos > 1:
        assert found.interval[1:3].tolist() == [[1, 1], [0, 0]]
    assert np.isnan(found.detectable[1:3]).all()
    seeds = over_seeds([a] * 3, [b] * 3, names, resamples=resamples)
    assert np.allclose(seeds.difference, found.difference, equal_nan=True)


def test_one_video_allows_no_judgement() -> None:
    found = compared(np.arange(5.0)[:, None], ["v"] * 5)
    assert found.difference[0] == 2
    assert np.isnan([found.p[0], found.error[0], found.detectable[0], *found.interval[0]]).all()


@pytest.mark.parametrize(("wins", "significant"), [(1, False), (2, False), (3, False), (4, False), (10, True)])
def test_a_few_wins_prove_nothing(wins: int, significant: bool) -> None:
    values = np.zeros((500, 1))
    values[:wins] = 1
    found = compared(values, [f"v{i}" for i in range(500)])
    assert (found.p[0] <= 0.05) == significant
    assert np.isinf(found.interval).any() == (wins <= 3)


@pytest.mark.parametrize(("videos", "bounded"), [(2, False), (5, False), (6, True)])
def test_five_videos_bound_nothing(videos: int, bounded: bool) -> None:
    values = np.random.default_rng(0).normal(5, 1, size=(videos, 1))
    found = compared(values, [f"v{i}" for i in range(videos)])
    assert np.isfinite(found.interval).all() == bounded
    assert bounded or found.p[0] > 0.05


def test_what_counts_in_one_only_counts_in_none() -> None:
    a = np.array([[1.0], [2.0], [np.nan], [4.0]])
    b = np.array([[2.0], [np.nan], [9.0], [4.0]])
    found = paired(a, b, ["u", "v", "w", "x"])
    assert (found.n[0], found.videos[0], found.a[0], found.b[0], found.difference[0]) == (2, 2, 2.5, 3.0, 0.5)
    assert (found.better[0], found.same[0], found.worse[0]) == (1, 1, 0)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="expected"):
        paired(np.zeros((3, 1)), np.zeros((4, 1)), ["v"] * 3)
    with pytest.raises(ValueError, match="expected"):
        paired(np.zeros((0, 1)), np.zeros((0, 1)), [])


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_is_the_step_down_rule(p: list[float]) -> None:
    """Sorted, the i-th smallest of k is multiplied by k - i and may not fall below the one before it."""
    before, expected = 0.0, {}
    for i, index in enumerate(sorted(range(len(p)), key=lambda j: p[j])):
        before = max(before, min(1.0, p[index] * (len(p) - i)))
        expected[index] = before
    assert np.allclose(holm(np.array(p)), [expected[i] for i in range(len(p))])


def test_holm_passes_over_what_is_no_test() -> None:
    assert np.allclose(holm(np.array([np.nan, 0.02, 0.03])), [np.nan, 0.04, 0.04], equal_nan=True)


def test_two_runs_each_are_compared_as_they_are() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 2, 60, 1))
    names = [f"v{i % 20}" for i in range(60)]
    found = over_seeds(a, b, names)
    assert np.allclose(found.interval, paired(a.mean(axis=0), b.mean(axis=0), names).interval)
    assert np.allclose(found.a_sd, a.mean(axis=1).std(axis=0, ddof=1))
    assert np.isnan(paired(a[0], b[0], names).a_sd).all()


def test_seeds_alone_give_welch_s_test() -> None:
    """Queries that all agree leave the seeds only: t, its degrees of freedom and its quantile are those of Welch's test."""
    a, b = [np.full((8, 1), v) for v in (1.0, 2.0, 3.0)], [np.full((8, 1), v) for v in (5.0, 6.0, 7.0)]
    found = over_seeds(a, b, [f"v{i}" for i in range(8)], resamples=200_000)
    assert found.error[0] == pytest.approx(math.sqrt(2 / 3))
    assert found.interval[0, 1] - found.difference[0] == pytest.approx(2.7764 * math.sqrt(2 / 3), rel=0.02)
    assert found.p[0] == pytest.approx(0.00805, abs=0.001)


def test_error_rate_with_few_videos() -> None:
    """2,000 pairs of equal systems on 25 videos: where percentiles find a difference in 7 to 8 %."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(25, 2000))[np.repeat(np.arange(25), 4)] + rng.normal(size=(100, 2000))
    found = compared(values, [f"v{i // 4}" for i in range(100)], resamples=2000)
    assert (found.p <= 0.05).mean() <= 0.055
    size = found.detectable.mean()
    assert (compared(values + size, [f"v{i // 4}" for i in range(100)], resamples=2000).p <= 0.05).mean() == pytest.approx(
        0.8, abs=0.04
    )


def test_error_rate_over_seeds() -> None:
    rng = np.random.default_rng(1)
    names = [f"v{i // 2}" for i in range(100)]
    a, b = ([rng.normal(size=(1, 2000)) * 0.1 + rng.normal(size=(100, 2000)) * 0.3 for _ in range(3)] for _ in range(2))
    assert (over_seeds(a, b, names, resamples=2000).p <= 0.05).mean() <= 0.055
    assert (over_seeds(a[:2], b[:2], names, resamples=2000).p <= 0.05).mean() > 0.1
