"""The clustered bootstrap against the closed form of the variance of a mean of clusters."""

import numpy as np

from tasks.statistics import cluster_bootstrap


def test_interval_has_the_width_of_the_cluster_variance() -> None:
    rng = np.random.default_rng(1)
    cluster_means = rng.normal(0.5, 0.1, size=400)
    values = np.repeat(cluster_means, 5)[:, None]
    clusters = [f"v{i // 5}" for i in range(2000)]
    low, high = cluster_bootstrap(values, clusters, resamples=4000)[0]
    half_width = 1.96 * cluster_means.std(ddof=1) / np.sqrt(400)
    assert abs((high - low) / 2 / half_width - 1) < 0.08
    naive = 1.96 * values.std(ddof=1) / np.sqrt(2000)
    assert (high - low) / 2 > 1.8 * naive


def test_order_does_not_matter_and_seed_decides() -> None:
    values = np.arange(60, dtype=float).reshape(30, 2)
    clusters = [f"v{i % 7}" for i in range(30)]
    order = np.random.default_rng(0).permutation(30)
    first = cluster_bootstrap(values, clusters)
    assert np.allclose(first, cluster_bootstrap(values[order], [clusters[i] for i in order]), atol=1e-9)
    assert not np.array_equal(first, cluster_bootstrap(values, clusters, seed=1))


def test_one_video_has_no_interval() -> None:
    assert np.isnan(cluster_bootstrap(np.ones((3, 1)), ["v", "v", "v"])).all()
