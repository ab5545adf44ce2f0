"""An experiment at tiny size, interrupted, continued, refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.arguments import parser
from harness.cli import main
from harness.commands import experiment as command
from harness.synthetic.make import make
from leaderboards.experiment import choose
from tasks.errors import InputError
from trainers import experiment


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 4, "dev": 1, "test": 2})
    return root


def write(folder: Path, model: Path, **changes: Any) -> Path:
    short = {"recipe": "grpo", "set": ["max_completion_length=4"]}
    values = {
        "model": str(model),
        "train": "synthetic@train",
        "evaluate": ["synthetic@test"],
        "recipes": {"sft": "sft", "grpo": short},
        "baseline": "sft",
        "set": ["max_steps=2", "learning_rate=1e-3"],
    }
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({**values, **changes}, sort_keys=False), encoding="utf-8")
    return path


def test_an_experiment_goes_on_where_it_stopped(
    checkpoints: dict[str, Path], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second recipe lacks its file of answers at first; the first recipe is not trained twice."""
    teacher = tmp_path / "teacher.jsonl"
    second = {"recipe": "tempsamp", "set": [f"answers={teacher}", "max_completion_length=4"]}
    file = write(tmp_path, checkpoints["qwen3_vl"], recipes={"sft": "sft", "taught": second})
    typed = ["experiment", str(file), "--output", str(tmp_path / "out"), "--data-root", str(data)]
    assert main([*typed, "--dry-run"]) == 0
    planned = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in planned] == ["run", "train", "train"]
    assert main(typed) == 1
    error = capsys.readouterr().err
    assert "--recipe tempsamp" in error and "exit code 2" in error and f"no file {teacher}" in error
    first = tmp_path / "out" / "cells" / "synthetic@train" / "sft" / "seed-0" / "train.json"
    before = first.stat().st_mtime_ns
    assert json.loads(first.read_text())["status"] == "finished"
    annotations = json.loads((data / "synthetic" / "train.json").read_text())
    lines = [
        {"video": video, "query": query, "text": "1.00 to 2.00"} for video, v in annotations.items() for query in v["sentences"]
    ]
    teacher.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert main(typed) == 0
    shown = capsys.readouterr()
    assert first.stat().st_mtime_ns == before
    assert "sft seed 0: train done" not in shown.err and "taught seed 0: train done" in shown.err
    table = shown.out
    assert table == (tmp_path / "out" / "table.txt").read_text()
    for label in ("base", "sft", "taught", "whole-video"):
        assert any(line.split()[:1] == [label] for line in table.splitlines()), label
    assert "synthetic@test (taught): " in table and "too few seeds" in table
    assert "(base): cannot" not in table and "(base): differs" not in table
    scores = json.loads((first.parent / "runs" / "synthetic@test" / "scores.json").read_text())
    row = next(line.split() for line in table.splitlines() if line.split()[:1] == ["sft"])
    assert f"{100 * scores['modes']['direct']['parse_rate']:.1f}%" in row
    assert f"{scores['modes']['direct']['aggregate']['mIoU']:.2f}" in row
    assert main([*typed, "--dry-run"]) == 0 and capsys.readouterr().out == ""


def test_the_best_of_the_grid_is_chosen() -> None:
    values = {"a": (10.0, 30.0, 30.0), "b": (5.0, 4.0, 3.0)}
    scores = {("s", label, f"lr={i}"): value for label, tried in values.items() for i, value in enumerate(tried)}
    assert choose(scores) == {("s", "a"): "lr=1", ("s", "b"): "lr=0"}


def test_cells_of_a_grid(tmp_path: Path, checkpoints: dict[str, Path]) -> None:
    grid = {"learning_rate": [1e-4, 1e-3]}
    file = write(tmp_path, checkpoints["qwen3_vl"], grid=grid, dev="synthetic@dev", seeds=[3, 4])
    loaded = experiment.load(str(file))
    tried = experiment.grid_cells(loaded, tmp_path)
    assert [(cell.label, cell.change, cell.seed) for cell in tried] == [
        (label, change, 3) for label in ("sft", "grpo") for change in ("learning_rate=0.0001", "learning_rate=0.001")
    ]
    chosen = {("synthetic@train", "sft"): "learning_rate=0.001", ("synthetic@train", "grpo"): "learning_rate=0.0001"}
    final = experiment.final_cells(loaded, tmp_path, chosen)
    assert len(final) == 4 and final[0] == tried[1] and final[2] == tried[2]  # the choice is not trained again
    typed = experiment.commands(loaded, final[1], ["synthetic@test"], [])
    assert len(typed) == 1 and "learning_rate=0.001" in typed[0] and typed[0][typed[0].index("--seed") + 1] == "4"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": {}}, "nearest: recipes"),
        ({"baseline": "stf"}, "nearest: sft"),
        ({"recipes": {"a": "stf"}, "baseline": "a"}, "nearest: sft"),
        ({"recipes": {"a": {"set": []}}, "baseline": "a"}, "recipes: "),
        ({"recipes": {"base": "sft"}, "baseline": "base"}, "labels other than base"),
        ({"grid": {"learning_rate": [1, 2]}}, "a dev split that is not reported"),
        ({"grid": {"learning_rate": [1]}, "dev": "synthetic@test"}, "a dev split that is not reported"),
        ({"grid": {"a": [1], "b": [2]}, "dev": "synthetic@dev"}, "a grid over one argument"),
        ({"set": ["group_size=1"]}, "group_size=1"),
    ],
)
def test_bad_experiments(changes: dict[str, Any], message: str, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        experiment.load(str(write(tmp_path, checkpoints["qwen3_vl"], **changes)))


def run_command(file: Path, data: Path) -> int:
    typed = ["experiment", str(file), "--data-root", str(data), "--dry-run", "--output", str(file.parent / "out")]
    return command.main(parser().parse_args(typed))


def test_training_on_what_is_evaluated_stops(checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="other splits than are trained on"):
        run_command(write(tmp_path, checkpoints["qwen3_vl"], train="synthetic@test"), data)


def test_overlap_between_families_stops_with_the_videos(checkpoints: dict[str, Path], shared_data: Path, tmp_path: Path) -> None:
    """Charades-CD's train split holds 907 of the 1,334 test videos of Charades-STA."""
    file = write(tmp_path, checkpoints["qwen3_vl"], train="charades-cd@train", evaluate=["charades@test"])
    with pytest.raises(InputError, match="charades-cd@train holds 907 of the 1,334 videos of charades@test"):
        run_command(file, shared_data)
    assert (
        run_command(
            write(tmp_path, checkpoints["qwen3_vl"], train="charades@fewshot-50-seed0", evaluate=["charades@test"]), shared_data
        )
        == 0
    )
