"""The base that is shipped: it grounds a little, every reply is read, and its record belongs to its weights."""

import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.models.checkpoint import fingerprint
from harness.synthetic.make import make
from trainers.base import WEAK
from trainers.base.train import RECORD


def test_it_scores_as_its_figures_say_on_encoded_videos(tmp_path: Path) -> None:
    """The first 30 videos of `synthetic@test`; the interval is that of another machine's arithmetic, not of other videos."""
    make(tmp_path, 0, {"train": 1, "dev": 1, "test": 30})
    typed = ["run", "--model", str(WEAK), "--tasks", "synthetic@test", "--data-root", str(tmp_path)]
    assert main([*typed, "--output", str(tmp_path / "run")]) == 0
    found = json.loads((tmp_path / "run" / "scores.json").read_text())["modes"]["direct"]
    assert found["counts"]["parsed"] == found["counts"]["answered"] == found["aggregate"]["n"] == 90
    assert found["aggregate"]["mIoU"] == pytest.approx(46.7, abs=2.0)
    assert found["query_gap"] == pytest.approx(20.7, abs=2.0)


def test_its_record_is_of_these_weights_and_it_is_small() -> None:
    record = json.loads((WEAK / RECORD).read_text())
    assert record["fingerprint"] == fingerprint(WEAK)
    assert record["exams"][-1]["parsed"] == 100 and 10 <= record["exams"][-1]["query_gap"] <= 20
    assert sum(path.stat().st_size for path in WEAK.iterdir()) < 3e6
