"""A board over 200 runs with the published rows, on generated data as large as Charades-STA test and ActivityNet Captions val_2.

Run: make bench
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness import store
from harness.cli import main
from leaderboards.board.formats import FORMATS
from leaderboards.board.request import Request, make

RUNS, LIMIT_S = 200, 3.0
SIZES = {"charades": (1_334, 3_720), "anet": (4_885, 17_031)}
"""Videos and queries."""
MOMENTS = ([1, 9], [5, 12.5], [20, 29], [2, 8])


@pytest.fixture(scope="module", params=SIZES)
def data_root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    videos, queries = SIZES[request.param]
    each, more = divmod(queries, videos)
    (root / "synthetic").mkdir()
    content = {f"v{i:05d}": video(each + (i < more)) for i in range(videos)}
    (root / "synthetic" / "test.json").write_text(json.dumps(content))
    split = {"file": "test.json", "sha256": None, "videos": videos, "queries": queries}
    (root / "synthetic" / "manifest.json").write_text(json.dumps({"splits": {"test": split}}))
    return root


def video(queries: int) -> dict[str, Any]:
    return {"duration": 30, "timestamps": MOMENTS[:queries], "sentences": list("abcd")[:queries]}


@pytest.fixture(scope="module")
def runs(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One real run, and 199 that differ in the name of the model; all share the files of its replies and scores."""
    folder = tmp_path_factory.mktemp("runs")
    first = folder / "run000"
    typed = ["run", "--model", "random", "--tasks", "synthetic", "--data-root", str(data_root), "--output", str(first)]
    assert main(typed) == 0
    for i in range(RUNS):
        here = folder / f"run{i:03d}"
        here.mkdir(exist_ok=True)
        run = json.loads((first / store.RUN).read_text())
        run["spec"]["model"] |= {"name": f"model{i:03d}", "backend": "hf"}
        for file in (store.SAMPLES, store.SCORES) if i else ():
            os.link(first / file, here / file)
        store.write_json(here / store.RUN, run)
    return folder


# It is one thread: processor time is what it takes on an idle machine, and what a busy one cannot change much.
@pytest.mark.benchmark(timer=time.process_time)
def test_board_over_200_runs(benchmark: BenchmarkFixture, runs: Path, data_root: Path) -> None:
    request = Request((runs,), published="all")
    text = benchmark.pedantic(lambda: FORMATS["md"](make(request, data_root)), rounds=5)
    assert sum(f"| model{i:03d} |" in text for i in range(RUNS)) == RUNS
    assert "whole-video" in text
    if benchmark.stats:
        assert benchmark.stats.stats.median < LIMIT_S
