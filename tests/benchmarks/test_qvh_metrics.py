"""Moment retrieval and highlight detection on generated data of the size of QVHighlights val, beside loops over the same rules.

Run: make bench
"""

import random
import runpy
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tasks.highlights import highlight_detection
from tasks.moments import Window, moment_retrieval
from tasks.span import Span

QUERIES, WINDOWS, CLIPS = 1_550, 10, 75
# The loops are slow: they score every so many of the queries, and their time is scaled up.
SHARE = 25


def loops(name: str) -> Any:
    return runpy.run_path(str(Path(__file__).parents[1] / "tasks" / name))["loop_reference"]


@pytest.fixture(scope="module")
def moments() -> tuple[list[list[Window]], list[list[Span]]]:
    draw = random.Random(0)

    def span() -> tuple[float, float]:
        start = draw.randrange(0, 1300) / 10
        return start, start + draw.randrange(1, 200) / 10

    targets = [[Span(*span()) for _ in range(draw.choice([1, 1, 1, 2, 3, 5]))] for _ in range(QUERIES)]
    near = [
        [(float(t[0]) + draw.randrange(-30, 30) / 10, float(t[1]) + 3.0, draw.random()) for t in draw.choices(row, k=WINDOWS)]
        for row in targets
    ]
    return near, targets


@pytest.fixture(scope="module")
def clips() -> tuple[list[list[float]], list[list[tuple[int, ...]]]]:
    draw = random.Random(1)
    labels = [[tuple(draw.choice([0, 0, 1, 2, 3, 4]) for _ in range(3)) for _ in range(CLIPS)] for _ in range(QUERIES)]
    return [[round(draw.random(), 2) for _ in range(CLIPS)] for _ in range(QUERIES)], labels


@pytest.mark.parametrize("comparison", ["exact", "float"])
def test_moment_retrieval(benchmark: BenchmarkFixture, moments: Any, comparison: str) -> None:
    scores = benchmark.pedantic(lambda: moment_retrieval(*moments, comparison), rounds=5)
    assert 0 < scores["full"].ap.mean() < 1


def test_highlight_detection(benchmark: BenchmarkFixture, clips: Any) -> None:
    scores = benchmark.pedantic(lambda: highlight_detection(*clips), rounds=5)
    assert 0 < scores.ap.mean() < 1


def test_times_as_fast_as_loops(benchmark: BenchmarkFixture, moments: Any, clips: Any) -> None:
    """Both metrics in one process, against the loops of the tests, which work in fractions."""
    references = [(loops("test_moments.py"), moments), (loops("test_highlights.py"), clips)]
    start = time.perf_counter()
    expected = [[reference(*row) for row in list(zip(*data, strict=True))[::SHARE]] for reference, data in references]
    slow_s = (time.perf_counter() - start) * SHARE
    found, ranked = benchmark.pedantic(lambda: (moment_retrieval(*moments), highlight_detection(*clips)), rounds=3)
    assert found["full"].ap[::SHARE] == pytest.approx(np.array([row["full"][0] for row in expected[0]], dtype=float))
    assert ranked.ap[::SHARE] == pytest.approx(np.array(expected[1], dtype=float)[..., 0])
    if benchmark.stats:
        benchmark.extra_info["times_as_fast_as_loops"] = slow_s / benchmark.stats.stats.median
        assert slow_s / benchmark.stats.stats.median > 10
