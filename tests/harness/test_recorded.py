"""Runs recorded before: read through the one door, and worth what they were worth."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness import api
from harness.cli import main as harness

V1 = Path(__file__).parents[1] / "data" / "v1"
"""A run as version 0.1.0 recorded it, schemas `run/1` and `scores/1`, beside the annotations it was made on."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return Path(shutil.copytree(V1 / "run", tmp_path / "old"))


def numbers(scores: dict[str, Any]) -> Any:
    """What each mode is worth and what was read of it, to nine decimals; how an interval is estimated may change."""
    keys = ("aggregate", "counts", "coverage", "parse_rate", "query_gap", "on_answered")
    kept = {mode: {key: entry.get(key) for key in keys} for mode, entry in scores["modes"].items()}
    return json.loads(json.dumps(kept), parse_float=lambda digits: round(float(digits), 9))


def test_an_old_run_scores_what_it_scored(old: Path) -> None:
    recorded = json.loads((old / "scores.json").read_text())
    for run in (api.load_run(old, data_root=V1 / "data"), api.score(old, data_root=V1 / "data")):
        assert numbers(run.scores) == numbers(recorded)
        expected = [line["iou"] for mode in ("direct", "cot") for line in recorded["modes"][mode]["samples"]]
        assert [row["mIoU"] for row in run.samples] == pytest.approx(expected)


def test_the_recorded_rules_count_unless_others_are_named(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same in every verb; here a protocol that is gone, with a threshold of its own."""
    document = json.loads((old / "run.json").read_text())
    document["spec"]["protocol"] |= {"name": "gone", "score": {"thresholds": [0.4], "comparison": "exact"}}
    (old / "run.json").write_text(json.dumps(document))
    (old / "scores.json").unlink()
    for verb, words in {
        "score": "R1@0.4",
        "board": "R1@0.4",
        "compare": "protocol gone",
        "score --all-protocols": "gone",
    }.items():
        name, *more = verb.split()
        assert harness([name, str(old), "--data-root", str(V1 / "data"), *more]) == 0
        assert words in capsys.readouterr().out, verb
    named = api.score(old, data_root=V1 / "data", protocol="synthetic")
    assert numbers(named.scores) == numbers(json.loads((V1 / "run" / "scores.json").read_text()))


@pytest.mark.parametrize("verb", ["board", "compare", "view", "score", "export --format csv"])
def test_an_old_run_opens_in_every_verb(old: Path, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, *more = verb.split()
    assert harness([name, str(old), "--data-root", str(V1 / "data"), *more]) == 0
    assert capsys.readouterr().out


def test_an_old_run_stands_on_a_board_with_its_scores_and_without(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def shown() -> dict[str, list[float]]:
        assert harness(["board", str(old), "--data-root", str(V1 / "data"), "--format", "json"]) == 0
        (section,) = json.loads(capsys.readouterr().out)["sections"]
        rows = [row for row in section["rows"] if row["kind"] == "run"]
        return {row["mode"]: [round(metric["value"], 6) for metric in row["metrics"].values()] for row in rows}

    expected = shown()
    assert {mode: round(values[0], 2) for mode, values in expected.items()} == {"direct": 44.83, "cot": 66.99, "mixed-cot": 71.78}
    (old / "scores.json").unlink()
    assert shown() == expected
