"""The studentised bootstrap over videos against closed forms, brute force, and how often its interval misses a known mean."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.statistics import draws, estimate, interval, studentised


def test_interval_has_the_width_of_the_cluster_variance() -> None:
    rng = np.random.default_rng(1)
    cluster_means = rng.normal(0.5, 0.1, size=400)
    values = np.repeat(cluster_means, 5)[:, None]
    clusters = [f"v{i // 5}" for i in range(2000)]
    low, high = interval(values, clusters, resamples=4000)[0]
    half_width = 1.96 * cluster_means.std(ddof=1) / np.sqrt(400)
    assert abs((high - low) / 2 / half_width - 1) < 0.08
    naive = 1.96 * values.std(ddof=1) / np.sqrt(2000)
    assert (high - low) / 2 > 1.8 * naive


def test_an_interval_does_not_depend_on_the_order_of_queries() -> None:
    values = np.arange(60, dtype=float).reshape(30, 2)
    clusters = [f"v{i % 7}" for i in range(30)]
    order = np.random.default_rng(0).permutation(30)
    assert np.allclose(interval(values, clusters), interval(values[order], [clusters[i] for i in order]), atol=1e-9)


def test_a_query_that_does_not_count_is_as_good_as_none() -> None:
    rng = np.random.default_rng(0)
    values, clusters = rng.random((60, 1)), [f"v{i % 12:02d}" for i in range(60)]
    left_out = np.arange(60) % 7 == 3
    without = interval(values[~left_out], [c for c, out in zip(clusters, left_out, strict=True) if not out])
    assert np.allclose(interval(np.where(left_out[:, None], np.nan, values), clusters), without)


@pytest.mark.parametrize("videos", [1, 2, 5])
def test_few_videos_bound_no_mean(videos: int) -> None:
    values = np.random.default_rng(0).random((videos, 1))
    assert np.isnan(interval(values, [f"v{i}" for i in range(videos)])).all()


def test_no_query_has_no_interval_and_equal_values_have_one_without_width() -> None:
    assert np.isnan(interval(np.empty((0, 2)), [])).all()
    assert interval(np.full((20, 1), 30.0), [f"v{i}" for i in range(20)]).tolist() == [[30.0, 30.0]]


@pytest.mark.parametrize(("rate", "wrong"), [(0.45, 0.065), (0.1, 0.065)])
def test_an_interval_misses_the_true_rate_in_one_case_of_twenty(rate: float, wrong: float) -> None:
    """2,000 runs whose hits cluster by video, on 25 videos of 40 queries: percentiles miss in 6 to 11 %."""
    rng = np.random.default_rng(0)
    chance = rng.beta(rate * 7 / 3, (1 - rate) * 7 / 3, size=(25, 2000))[np.repeat(np.arange(25), 40)]
    low, high = interval((rng.random(chance.shape) < chance).astype(float), [f"v{i // 40}" for i in range(1000)]).T
    assert 0.03 < ((low > rate) | (high < rate)).mean() < wrong


@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 10_000))
def test_error_is_that_of_the_mean_of_equal_clusters(videos: int, size: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(videos * size, 2))
    names = [f"v{i // size}" for i in range(videos * size)]
    means = values.reshape(videos, size, 2).mean(axis=1)
    found = estimate(values, names)
    assert np.allclose(found.mean, values.mean(axis=0))
    assert np.allclose(found.error, means.std(axis=0, ddof=1) / math.sqrt(videos))


def test_every_resample_equals_one_made_by_hand() -> None:
    rng = np.random.default_rng(3)
    names = [f"v{i}" for i in rng.integers(7, size=23)]
    values = rng.normal(size=(23, 3))
    values[rng.random((23, 3)) < 0.2] = np.nan
    found = studentised(values, names, 60, seed=5)
    clusters = sorted(set(names))
    counts = np.concatenate(list(draws(len(clusters), 60, 5)))
    for column in range(3):
        of = {
            c: [v for v, name in zip(values[:, column], names, strict=True) if name == c and not math.isnan(v)] for c in clusters
        }
        overall = np.concatenate([of[c] for c in clusters]).mean()
        for resample in range(60):
            drawn = [of[c] for c, times in zip(clusters, counts[resample], strict=True) for _ in range(int(times)) if of[c]]
            if all(c == drawn[0] for c in drawn):
                assert np.isinf(found[resample, column])
                continue
            sums, sizes = [sum(c) for c in drawn], [len(c) for c in drawn]
            mean = sum(sums) / sum(sizes)
            squares = sum((total - mean * size) ** 2 for total, size in zip(sums, sizes, strict=True))
            error = math.sqrt(len(drawn) / (len(drawn) - 1) * squares) / sum(sizes)
            assert found[resample, column] == pytest.approx(abs(mean - overall) / error, rel=1e-6)


@pytest.mark.parametrize(("clusters", "drawn"), [(1, 2), (2, 2), (5, 2), (6, 3), (50, 47)])
def test_draws_hold_three_clusters_less_than_there_are(clusters: int, drawn: int) -> None:
    whole = np.concatenate(list(draws(clusters, 100, 0)))
    assert whole.shape == (100, clusters)
    assert (whole.sum(axis=1) == drawn).all()


def test_a_resample_s_mean_is_as_skewed_as_the_unbiased_moments_say() -> None:
    """The third moment of 20 values, by their variance, is too small; Fisher and Pearson's G1 mends that."""
    values = np.random.default_rng(2).exponential(size=20)
    means = np.concatenate(list(draws(20, 400_000, 0))) @ values / 17
    residuals = values - values.mean()
    g1 = math.sqrt(20 * 19) / 18 * (residuals**3).mean() / (residuals**2).mean() ** 1.5
    found = ((means - means.mean()) ** 3).mean() / means.std() ** 3
    assert found == pytest.approx(g1 / math.sqrt(20), rel=0.03)


def test_blocks_of_draws_do_not_change_them(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(draws(50, 100, 0)))
    monkeypatch.setattr("tasks.statistics.BLOCK", 200)
    assert np.array_equal(np.concatenate(list(draws(50, 100, 0))), whole)
