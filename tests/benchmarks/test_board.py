"""A board over 200 runs of 3,720 samples with the published rows, on generated data of the real size.

Run: make bench
"""

import json
import os
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness import store
from harness.cli import main
from leaderboards.request import Request, make
from leaderboards.tables import FORMATS

RUNS, VIDEOS, QUERIES = 200, 1_240, 3
LIMIT_S = 3.0


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    video = {"duration": 30, "timestamps": [[1, 9], [5, 12.5], [20, 29]], "sentences": ["a", "b", "c"]}
    (root / "synthetic").mkdir()
    (root / "synthetic" / "test.json").write_text(json.dumps({f"v{i:05d}": video for i in range(VIDEOS)}))
    split = {"file": "test.json", "sha256": None, "videos": VIDEOS, "queries": VIDEOS * QUERIES}
    (root / "synthetic" / "manifest.json").write_text(json.dumps({"splits": {"test": split}}))
    return root


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


def test_board_over_200_runs(benchmark: BenchmarkFixture, runs: Path, data_root: Path) -> None:
    request = Request((runs,), published="all")
    text = benchmark.pedantic(lambda: FORMATS["md"](make(request, data_root)), rounds=5)
    assert sum(f"| model{i:03d} |" in text for i in range(RUNS)) == RUNS
    assert "whole-video" in text
    if benchmark.stats:
        assert benchmark.stats.stats.median < LIMIT_S
