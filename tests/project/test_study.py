"""The page of the study says how it fell, whichever way: no result is worded as another."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def study() -> ModuleType:
    spec = importlib.util.spec_from_file_location("study", ROOT / "docs" / "study.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def contrast(a: str, b: str, difference: float, p: float | None, split: str = "s@test", row: str = "few") -> dict[str, Any]:
    shared = {"a": a, "b": b, "split": split, "trained_on": row, "mode": "direct", "n": 9, "difference": difference}
    bounds = [None, None] if p is None else [difference - 1, difference + 1]
    return shared | {"p_holm": p, "differs": p is not None and p < 0.05, "verdict": f"VERDICT {a} {b}", "interval_95": bounds}


def page(study: ModuleType, contrasts: list[dict[str, Any]]) -> str:
    cells = [{"folder": "c/0", "row": "few", "label": "a"}]
    spec = {"name": "study", "grid": {"learning_rate": [0.1, 0.2]}, "grid_seeds": [0], "seeds": [0, 1], "dev": "s@dev"}
    environment = {"machine": "m", "cpus": 2, "python": "3", "packages": {"torch": "2"}, "commit": "abcdefghi", "dirty": False}
    record = {"sessions": [{"seconds": 1800.0, "environment": environment}]}
    document = {"spec": spec, "grid": cells, "cells": cells, "contrasts": contrasts}
    text: str = study.page(document, [record, record], "TABLE\n")
    return text


@pytest.mark.parametrize(
    ("difference", "p", "said"),
    [
        (4.0, 0.01, "As in the paper"),
        (-4.0, 0.01, "The opposite of the paper"),
        (4.0, 0.2, "Not decided"),
        (-4.0, 0.05, "Not decided"),
        (4.0, None, "Not decided: too few videos"),
    ],
)
def test_every_way_it_can_fall(study: ModuleType, difference: float, p: float | None, said: str) -> None:
    text = page(study, [contrast("a", "b", difference, p)])
    assert re.search(rf"few +\| s@test +\| \*\*{said}\.\*\* +\| VERDICT a b +\|", text)
    words = ("As in the paper", "The opposite of the paper", "Not decided")
    assert [text.count(f"**{word}") > 0 for word in words] == [said.startswith(word) for word in words]


def test_counts_and_cells(study: ModuleType) -> None:
    contrasts = [
        contrast("a", "b", 4.0, 0.01),
        contrast("a", "c", -3.0, 0.02),
        contrast("b", "c", 0.5, 0.6),
        contrast("a", "b", 1.0, 0.9, row="more"),
    ]
    text = page(study, contrasts)
    head = (
        "s@test, trained on few, mode direct: of 3 contrasts 1 fell as in the paper, 1 the opposite way, 1 could not be decided."
    )
    assert head in text
    assert "trained on more, mode direct: of 1 contrasts 0 fell as in the paper, 0 the opposite way, 1 could not" in text
    assert text.count("VERDICT a b") == 2 and "VERDICT a c" not in text  # the primary one, for each training set
    row = next(line for line in text.splitlines() if line.startswith("| a - b"))
    assert "+4.00 (+3.00 to +5.00) **As in the paper.**" in row and "+1.00 (+0.00 to +2.00) **Not decided.**" in row
    assert "2 trainings, 1.0 hours" in text and "commit abcdefgh." in text and "TABLE" in text


def test_it_wants_a_finished_experiment(study: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no folder of a finished experiment"):
        study.main(tmp_path)
