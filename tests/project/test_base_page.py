"""The table of docs/base.md: one word decides in its controls, and its cells are what was scored."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from tasks.formats.own import read_own
from trainers.base.curriculum import Level


@pytest.fixture(scope="module")
def page(project: Path) -> dict[str, Any]:
    return runpy.run_path(str(project / "docs" / "base.py"))


@pytest.mark.parametrize(("name", "place"), [("one-colour", 1), ("colours-alone", 0)])
def test_one_word_decides_in_a_control(page: dict[str, Any], name: str, place: int, tmp_path: Path) -> None:
    level: Level = page["CONTROLS"][name]
    make = page["make_control"]
    make.__globals__["VIDEOS"] = 4
    make(tmp_path, name, level)
    samples = read_own((tmp_path / f"{name}.jsonl").read_text(encoding="utf-8"), name)
    assert len(samples) == 12 and all((tmp_path / f"{sample.video}.mp4").is_file() for sample in samples)
    for three in zip(*[iter(samples)] * 3, strict=True):
        words = [sample.query.split() for sample in three]
        assert len({each[place] for each in words}) == 3 and len({each[1 - place] for each in words}) == 1


def test_cells_are_what_was_scored(page: dict[str, Any], tmp_path: Path) -> None:
    record = {"settings": {"seed": 3, "cooldown": None}, "stages_learned_at_steps": [1, 2, 3], "cpu_s": 434.7}
    (tmp_path / "training.json").write_text(json.dumps(record), encoding="utf-8")
    split = {"interval_95": {"mIoU": [97.85, 99.4]}, "counts": {"parsed": 7, "answered": 8}}
    scores = [split | {"aggregate": {"mIoU": value}, "query_gap": gap} for value, gap in ((98, 97), (99, -0.01), (1, 2), (3, 4))]
    cells = ["strong, seed 3", "1, 2, 3", "435", "98.00 / 97.0", "97.8-99.4", "99.00 / 0.0", "1.00 / 2.0", "3.00 / 4.0", "28/32"]
    assert page["row"](tmp_path, scores) == cells
