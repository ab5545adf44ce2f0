"""Logs of an experiment as a figure: mean and spread over seeds by hand, and what cannot be drawn."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from harness.arguments import parser
from harness.commands import plot as command
from leaderboards.plot_trainings import FIGURES, POINTS, band, plot
from leaderboards.trainings import read
from tasks.errors import InputError


def log(values: list[float], figure: str = "iou") -> list[dict[str, float]]:
    return [{"step": step, figure: value} for step, value in enumerate(values, 1)]


def test_mean_and_deviation_over_seeds() -> None:
    found = band([log([0.2, 0.4]), log([0.4, 0.8])], "iou")
    assert found is not None
    assert found.steps.tolist() == [1, 2]
    assert found.mean == pytest.approx([0.3, 0.6])
    assert found.sd == pytest.approx([math.sqrt(2) * 0.1, math.sqrt(2) * 0.2])
    alone = band([log([0.2, 0.4])], "iou")
    assert alone is not None and alone.sd.tolist() == [0, 0]


def test_steps_are_averaged_in_blocks() -> None:
    values = np.random.default_rng(0).random(10 * POINTS)
    found = band([log(values.tolist())], "iou")
    assert found is not None
    assert found.mean == pytest.approx(values.reshape(POINTS, 10).mean(axis=1))
    assert found.steps.tolist() == list(range(10, 10 * POINTS + 1, 10))


def test_only_steps_that_every_seed_logged_count() -> None:
    broken = [*log([0.5, 0.7]), {"step": 3, "iou": math.nan}, {"step": 4, "loss": 1.0}, {"step": 5, "iou": True}]
    found = band([broken, log([0.1, 0.3, 0.5, 0.7, 0.9])], "iou")
    assert found is not None and found.steps.tolist() == [1, 2] and found.mean == pytest.approx([0.3, 0.5])
    assert band([log([0.1]), []], "iou") is None and band([], "iou") is None and band([log([0.1])], "parse_rate") is None


def test_the_figure_names_rows_recipes_and_what_is_drawn() -> None:
    logs = [[{"step": i, "advantage_skewness": 0.1 * i, "top1_iou/q50": 0.5, "loss": 1.0} for i in range(1, 9)]] * 2
    rows = {"few-50": {"grpo": logs, "sft": [log([1.0], "loss")]}, "few-200": {"grpo": logs}}
    svg = plot("study", rows, "svg").decode()
    for text in ("study", "few-50", "few-200", "grpo", FIGURES["advantage_skewness"], FIGURES["top1_iou/q50"]):
        assert f">{text}<" in svg, text
    assert ">sft<" not in svg and FIGURES["iou"] not in svg
    assert svg == plot("study", rows, "svg").decode()
    assert plot("study", rows, "png").startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="no log"):
        plot("study", {"few": {"sft": [log([1.0], "loss")]}}, "svg")


def test_the_command_draws_an_experiment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "cells" / "few" / "grpo" / "seed-0"
    folder.mkdir(parents=True)
    cell = {"row": "few", "label": "grpo", "change": "", "seed": 0, "folder": str(folder.relative_to(tmp_path))}
    document = {"schema": "vtg-harness/experiment/1", "spec": {"name": "study", "seeds": [0]}, "cells": [cell], "contrasts": []}
    (tmp_path / "experiment.json").write_text(json.dumps(document))
    typed = parser().parse_args(["plot", str(tmp_path), "--output", str(tmp_path / "figure.svg")])
    with pytest.raises(InputError, match="logs of trainings"):
        command.main(typed)
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log([0.1, 0.2])))
    assert command.main(typed) == 0 and ">grpo<" in (tmp_path / "figure.svg").read_text()
    assert str(tmp_path / "figure.svg") in capsys.readouterr().out


@pytest.mark.parametrize("content", ["{", '{"schema": "other"}', '{"schema": "vtg-harness/experiment/1"}', "[1]"])
def test_a_damaged_document(content: str, tmp_path: Path) -> None:
    assert read(tmp_path) is None
    (tmp_path / "experiment.json").write_text(content)
    with pytest.raises(InputError, match=r"experiment\.json"):
        read(tmp_path)
