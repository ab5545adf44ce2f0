"""Comparison and diagnosis at the size of ActivityNet Captions val_2: 17,031 queries of 4,885 videos.

Run: make bench
"""

import random

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.scoring import Scored, judge_answers
from leaderboards.compare.errors import diagnose
from leaderboards.compare.paired import over_seeds
from leaderboards.compare.result import System, compare
from tasks import protocol
from tasks.answer import Answer
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


def answered(samples: list[Sample], seed: int) -> Scored:
    """Answers that miss their moment by some seconds."""
    targets = np.array([sample.truth.spans[0] for sample in samples], dtype=np.float64)
    spans = targets + np.random.default_rng(seed).normal(0, 6, size=targets.shape)
    return judge_answers(samples, [Answer((Span(*span),)) for span in spans.tolist()], protocol.load("default"))


def test_paired_bootstrap_of_17031_queries(benchmark: BenchmarkFixture, samples: list[Sample]) -> None:
    a, b = (100 * np.stack(list(answered(samples, seed).columns.values()), axis=1) for seed in (0, 1))
    found = benchmark.pedantic(lambda: over_seeds([a], [b], [s.video for s in samples]), rounds=3)
    assert found.videos.tolist() == [VIDEOS] * 4


def test_compare_two_runs_of_17031_queries(benchmark: BenchmarkFixture, samples: list[Sample]) -> None:
    systems = [System(name, (answered(samples, seed),)) for seed, name in enumerate("ab")]
    found = benchmark.pedantic(lambda: compare(samples, systems), rounds=3)
    assert found["comparisons"][0]["metrics"]["mIoU"]["n"] == QUERIES


def test_diagnose_17031_answers(benchmark: BenchmarkFixture, samples: list[Sample]) -> None:
    run = answered(samples, 0)
    found = benchmark.pedantic(lambda: diagnose(run), rounds=3)
    assert sum(found.count.values()) == QUERIES
