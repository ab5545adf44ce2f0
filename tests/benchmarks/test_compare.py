"""Comparison and diagnosis at the size of ActivityNet Captions val_2: 17,031 queries of 4,885 videos.

Run: make bench
"""

import random

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from leaderboards.compare.errors import diagnose
from leaderboards.compare.paired import paired
from leaderboards.compare.result import System, compare
from leaderboards.compare.values import CURVE, Values
from tasks.metrics import iou
from tasks.sample import Sample, make_samples, one_query
from tasks.span import Span

VIDEOS, QUERIES = 4_885, 17_031


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    draw = random.Random(0)
    starts = [draw.randrange(0, 10_000) / 100 for _ in range(QUERIES)]
    return make_samples(
        "anet", [one_query(f"v{i % VIDEOS}", 120.5, f"thing {i}", (Span(s, s + 20.25),)) for i, s in enumerate(starts)]
    )


def answered(samples: list[Sample], seed: int) -> Values:
    """Answers that miss their moment by some seconds."""
    targets = np.array([sample.truth.spans[0] for sample in samples], dtype=np.float64)
    spans = targets + np.random.default_rng(seed).normal(0, 6, size=targets.shape)
    ious = iou(spans, targets)
    hits = [100.0 * (ious >= threshold) for threshold in (0.3, 0.5, 0.7)]
    curve = np.stack([100.0 * (ious >= threshold) for threshold in CURVE], axis=1)
    table = np.stack([100 * ious, *hits], axis=1)
    return Values(("mIoU", "R1@0.3", "R1@0.5", "R1@0.7"), table, curve, spans, (None,) * len(samples))


def test_paired_bootstrap_of_17031_queries(benchmark: BenchmarkFixture, samples: list[Sample]) -> None:
    a, b = answered(samples, 0), answered(samples, 1)
    found = benchmark.pedantic(lambda: paired(a.table, b.table, [s.video for s in samples]), rounds=3)
    assert found.videos.tolist() == [VIDEOS] * 4


def test_compare_two_runs_of_17031_queries(benchmark: BenchmarkFixture, samples: list[Sample]) -> None:
    systems = [System(name, (answered(samples, seed),)) for seed, name in enumerate("ab")]
    found = benchmark.pedantic(lambda: compare(samples, systems), rounds=3)
    assert found["comparisons"][0]["metrics"]["mIoU"]["n"] == QUERIES


def test_diagnose_17031_answers(benchmark: BenchmarkFixture, samples: list[Sample]) -> None:
    run = answered(samples, 0)
    ious, right = run.table[:, 0] / 100, run.table[:, 2] > 0
    found = benchmark.pedantic(lambda: diagnose(samples, ious, right, run.spans, run.failures), rounds=3)
    assert sum(found.count.values()) == QUERIES
