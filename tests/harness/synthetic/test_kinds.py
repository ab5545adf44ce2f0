"""The embedded benchmark of every kind: the same bytes each time, true answers, and little to gain without a look."""

import json
from pathlib import Path

import numpy as np
import pytest

from harness.cli import main
from harness.plan import make_plan
from harness.report import floors
from harness.synthetic import kinds
from harness.synthetic.make import sha256
from tasks import task
from tasks.formats.own import read_own

SIZES = {"train": 4, "dev": 2, "test": 4}
KNOWN = "b0c12796d5c38cfc31d90f63"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Annotations of the whole benchmark, without videos."""
    root = tmp_path_factory.mktemp("kinds")
    (root / kinds.FOLDER).mkdir()
    kinds.annotate(root / kinds.FOLDER)
    return root


def test_the_annotations_are_the_same_bytes_everywhere(root: Path, tmp_path: Path) -> None:
    kinds.annotate(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [sha256(tmp_path / name) for name in names] == [sha256(root / kinds.FOLDER / name) for name in names]
    assert sha256(root / kinds.FOLDER / "manifest.json").startswith(KNOWN)


@pytest.mark.parametrize("seed", range(3))
def test_questions_tell_the_truth_about_the_scene(seed: int) -> None:
    for index in range(40):
        rng = np.random.default_rng([seed, index])
        duration_s, stretches = kinds.plan(rng, index % 2 == 1)
        asked = kinds.ask("v", duration_s, stretches, rng)
        seen = {stretch.look: [[s.start_s, s.end_s] for s in stretches if s.look == stretch.look] for stretch in stretches}
        assert asked["moment"]["spans"] == seen[asked["moment"]["query"]]
        assert [seen[look] for look in asked["pairs"]["queries"]] == [[span] for span in asked["pairs"]["spans"]]
        assert asked["instances"]["spans"] == seen[asked["instances"]["query"]]
        assert len(asked["instances"]["spans"]) == 1 + index % 2
        (span,), choice = asked["choice"]["spans"], asked["choice"]
        (shown,) = [s for s in stretches if [s.start_s, s.end_s] == span]
        assert choice["options"]["ABCD".index(choice["answer"])] == shown.colour
        assert [s.shape for s in stretches].count(shown.shape) == 1 and shown.shape in choice["query"]
        assert len(set(choice["options"])) == 4
        assert asked["union"]["spans"] == [[s.start_s, s.end_s] for s in stretches if s.radius == kinds.LARGE]
        assert 0 < len(asked["union"]["spans"]) < len(stretches)
        for row in asked.values():
            (sample,) = read_own(json.dumps(row), "v.jsonl")
            assert all(0 <= start < end <= duration_s for start, end in sample.truth.spans)


@pytest.mark.parametrize(
    ("name", "most"), [("moment", 25.0), ("pairs", 18.0), ("choice", 5.0), ("instances", 40.0), ("union", 36.0)]
)
def test_little_is_gained_without_a_look(root: Path, name: str, most: float) -> None:
    plan = make_plan(f"synthetic-{name}", "test", None, None, root)
    blind = [entry["aggregate"][entry["main"]] for _, kind, entry in floors(plan) if kind == "trivial"]
    assert plan.protocol.kind == name and 0 <= max(blind) < most
    letters = [sample.truth.option for sample in plan.samples]
    assert max(letters.count(letter) for letter in "ABCD") < 35 if name == "choice" else set(letters) == {None}


def test_five_tasks_share_the_videos(root: Path) -> None:
    found = [task.load(task.find(f"synthetic-{name}"), "test", root) for name in kinds.KINDS]
    assert len({tuple(sample.video for sample in samples) for samples in found}) == 1


def test_the_videos_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("av", reason="PyAV is not installed")
    monkeypatch.setattr(kinds, "SIZES", SIZES)
    kinds.make(tmp_path, sizes=SIZES)
    videos = {path: path.stat().st_mtime_ns for path in (tmp_path / kinds.FOLDER / "videos").iterdir()}
    assert len(videos) == sum(SIZES.values())
    kinds.make(tmp_path, sizes=SIZES)
    assert {path: path.stat().st_mtime_ns for path in videos} == videos
    next(iter(videos)).unlink()
    kinds.make(tmp_path, sizes=SIZES)
    assert all(path.is_file() for path in videos)
    assert main(["data", "check", "--task", "synthetic-pairs", "--data-root", str(tmp_path)]) == 0
    assert "synthetic-pairs" in capsys.readouterr().out
