"""An experiment at tiny size, interrupted, continued, refused before it trains."""

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pytest
import yaml

from harness import api
from harness.arguments import parser
from harness.cli import main
from harness.commands import experiment as command
from harness.stopping import Children
from harness.synthetic.make import make
from leaderboards.experiment import choices, choose
from tasks.errors import InputError
from trainers import cells, experiment, labels, preflight


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 4, "dev": 1, "test": 2})
    return root


def write(folder: Path, model: Path, /, **changes: Any) -> Path:
    short = {"recipe": "grpo", "set": ["max_completion_length=4"]}
    values = {
        "model": str(model),
        "train": "synthetic@train",
        "evaluate": ["synthetic@test"],
        "recipes": {"sft": "sft", "grpo": short},
        "baseline": "sft",
        "set": ["max_steps=2", "prompts_per_step=2", "learning_rate=1e-3"],
    }
    values = {key: value for key, value in {**values, **changes}.items() if value is not None}
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


class Here(Children):
    """Evaluations, and trainings once `trains` says so, happen in this process: each of its own takes seconds to import torch."""

    trains = False

    def run(self, command: Sequence[str], output: IO[bytes], environment: Mapping[str, str]) -> int:
        if command[3] == "train" and not self.trains:
            return super().run(command, output, environment)
        with contextlib.redirect_stdout(io.StringIO()):
            return main(command[3:])


def test_an_experiment_goes_on_where_it_stopped(
    checkpoints: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second training cannot begin at first; the first is not trained twice. `evaluate` names no split."""
    monkeypatch.setattr(cells, "Children", Here)
    file = write(tmp_path, checkpoints["qwen3_vl"], evaluate=["synthetic"])
    typed = ["experiment", str(file), "--output", str(tmp_path / "out"), "--data-root", str(data), "--jobs", "2"]
    assert main([*typed, "--dry-run"]) == 0
    shown = capsys.readouterr()
    assert [line.split()[1] for line in shown.out.splitlines()] == ["run", "run", "train", "train"]
    assert shown.err.startswith("trainings: 2;") and "stop here" not in shown.err
    folder = tmp_path / "out" / "cells" / "synthetic@train"
    (damaged := folder / "grpo" / "seed-0").mkdir(parents=True)
    (damaged / "train.json").write_text("{", encoding="utf-8")
    assert main(typed) == 1
    error = capsys.readouterr().err
    assert "--recipe grpo" in error and "exit code 2" in error and "expected: a train.json" in error
    first = folder / "sft" / "seed-0" / "train.json"
    before = first.stat().st_mtime_ns
    assert json.loads(first.read_text())["status"] == "finished"
    (damaged / "train.json").unlink()
    monkeypatch.setattr(Here, "trains", True)
    assert main(typed) == 0
    shown = capsys.readouterr()
    assert first.stat().st_mtime_ns == before
    assert "sft seed 0: train done" not in shown.err and "grpo seed 0: train done" in shown.err
    table = shown.out
    assert table == (tmp_path / "out" / "table.txt").read_text()
    for label in ("base", "sft", "grpo", "whole-video"):
        assert any(line.split()[:1] == [label] for line in table.splitlines()), label
    assert "grpo - sft (primary)" in table and "too few seeds" in table
    scores = json.loads((first.parent / "runs" / "synthetic@test" / "scores.json").read_text())
    row = next(line.split() for line in table.splitlines() if line.split()[:1] == ["sft"])
    assert f"{100 * scores['modes']['direct']['parse_rate']:.1f}%" in row
    assert f"{scores['modes']['direct']['aggregate']['mIoU']:.2f}" in row
    kept = json.loads((tmp_path / "out" / "experiment.json").read_text())
    assert [(one["label"], one["folder"]) for one in kept["cells"]] == [
        (label, f"cells/synthetic@train/{label}/seed-0") for label in ("sft", "grpo")
    ]
    assert [(one["a"], one["b"], one["primary"], one["split"]) for one in kept["contrasts"]] == [
        ("grpo", "sft", True, "synthetic@test")
    ]
    assert main([*typed, "--dry-run"]) == 0 and capsys.readouterr().out == ""
    found = api.experiment(file, output=tmp_path / "out", data_root=data)
    assert (repr(found), found.result["contrasts"]) == (table, kept["contrasts"])
    assert found.to_pandas()["a"].tolist() == ["grpo"]


def test_the_best_mean_over_seeds_is_chosen() -> None:
    values = {"a": ([10.0, 50.0], [30.0, 32.0], [31.0, 31.0]), "b": ([5.0], [4.0], [3.0])}
    scores = {("s", label, f"lr={i}"): value for label, tried in values.items() for i, value in enumerate(tried)}
    chosen = choose(scores)
    assert chosen == {("s", "a"): "lr=1", ("s", "b"): "lr=0"}
    assert choices(scores, chosen, "dev").splitlines() == [
        "a on s: lr=1, chosen on dev (0: 30.0, 1: 31.0, 2: 31.0)",
        "b on s: lr=0, chosen on dev (0: 5.0, 1: 4.0, 2: 3.0); at the edge of the grid",
    ]


def test_cells_of_a_grid(tmp_path: Path, checkpoints: dict[str, Path]) -> None:
    grid = {"learning_rate": [1e-4, 1e-3]}
    changes = {"grid": grid, "dev": "synthetic@dev", "seeds": [3, 4], "set": ["max_steps=2", "prompts_per_step=2"]}
    loaded = experiment.load(str(write(tmp_path, checkpoints["qwen3_vl"], **changes)))
    tried = cells.grid_cells(loaded, tmp_path)
    assert [(cell.label, cell.change, cell.seed) for cell in tried] == [
        (label, change, 3) for label in ("sft", "grpo") for change in ("learning_rate=0.0001", "learning_rate=0.001")
    ]
    chosen = {("synthetic@train", "sft"): "learning_rate=0.001", ("synthetic@train", "grpo"): "learning_rate=0.0001"}
    final = cells.final_cells(loaded, tmp_path, chosen)
    assert len(final) == 4 and final[0] == tried[1] and final[2] == tried[2]  # the choice is not trained again
    assert len(cells.planned_cells(loaded, tmp_path)) == 6
    typed = cells.commands(loaded, final[1], ["synthetic@test"], [])
    assert len(typed) == 1 and "learning_rate=0.001" in typed[0] and typed[0][typed[0].index("--seed") + 1] == "4"
    several = experiment.load(str(write(tmp_path, checkpoints["qwen3_vl"], **changes, grid_seeds=[3, 4, 5])))
    assert len(cells.grid_cells(several, tmp_path)) == 12 == len(cells.planned_cells(several, tmp_path))


def test_few_shot_draws_change_with_the_seed(tmp_path: Path, checkpoints: dict[str, Path]) -> None:
    rows = {"few": "synthetic@fewshot-50-seed{seed}"}
    loaded = experiment.load(str(write(tmp_path, checkpoints["qwen3_vl"], train=rows, seeds=[0, 7], videos="clips")))
    final = cells.final_cells(loaded, tmp_path, {})
    assert {one.folder.relative_to(tmp_path / "cells").parts[0] for one in final} == {"few"}
    typed = cells.train_command(loaded, final[1], [])
    assert typed[typed.index("--tasks") + 1] == "synthetic@fewshot-50-seed7" and typed[typed.index("--videos") + 1] == "clips"
    assert labels.short("synthetic@fewshot-50-seed{seed}") == "synthetic@fewshot-50-seedN"


def test_a_recipe_with_its_own_data(tmp_path: Path, checkpoints: dict[str, Path]) -> None:
    two = {"TG": {"recipe": "grpo", "train": "charades@train"}, "both": {"recipe": "grpo", "train": MIX}}
    file = write(tmp_path, checkpoints["qwen3_vl"], recipes=two, baseline="both", train=None)
    loaded = experiment.load(str(file))
    folders = [one.folder.relative_to(tmp_path) for one in cells.final_cells(loaded, tmp_path, {})]
    assert [str(folder) for folder in folders] == ["cells/own/TG/seed-0", "cells/own/both/seed-0"]
    assert [loaded.mix("own", label, 0) for label in two] == ["charades@train", MIX]
    less = experiment.load(str(file), without=["hacs"])
    assert [less.mix("own", label, 0) for label in two] == ["charades@train", "charades@train,didemo@train:0.25"]
    with pytest.raises(InputError, match="something to train on in every mix"):
        experiment.load(str(file), without=["charades"])
    with pytest.raises(InputError, match="tasks of its mixes"):
        experiment.load(str(file), without=["tacos"])


MIX = "charades@train,didemo@train:0.25,hacs-tal@train"
SHORT = {"recipe": "grpo", "set": ["max_completion_length=4"]}
GRID: dict[str, Any] = {"grid": {"temperature": [0.5, 1]}, "dev": "synthetic@dev"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": {}}, "nearest: recipes"),
        ({"baseline": "stf"}, "nearest: sft"),
        ({"recipes": {"a": "stf"}, "baseline": "a"}, "nearest: sft"),
        ({"recipes": {"a": {"set": []}}, "baseline": "a"}, "recipes: "),
        ({"recipes": {"base": "sft"}, "baseline": "base"}, "labels other than base"),
        ({"recipes": {"oracle": "sft"}, "baseline": "oracle"}, "labels other than base"),
        ({"recipes": {"a/b": "sft", "A_b": "sft"}, "baseline": "a/b"}, "different folders"),
        ({"recipes": {"..": "sft"}, "baseline": ".."}, "names of folders"),
        ({"recipes": {}, "baseline": None, "contrasts": []}, "at least one of recipes"),
        ({"baseline": None}, "either a baseline or contrasts"),
        ({"baseline": ["sft"]}, "text as baseline"),
        ({"contrasts": [["grpo", "sft"]]}, "either a baseline or contrasts"),
        ({"grid": {"learning_rate": [1, 2]}}, "a dev split that is not reported"),
        ({"grid": {"learning_rate": [1]}, "dev": "synthetic@test"}, "a dev split that is not reported"),
        ({"grid": {"a": [1], "b": [2]}, "dev": "synthetic@dev"}, "a grid over one argument"),
        ({"grid": {"learning_rate": [1]}, "dev": "synthetic@dev"}, "either in the grid or in set"),
        ({"grid": {"temperature": ["1e-3", 0.001]}, "dev": "synthetic@dev"}, "each once"),
        ({"grid_seeds": [1]}, "grid_seeds with a grid"),
        ({**GRID, "grid_seeds": [1, 1]}, "each of grid_seeds once"),
        ({"set": ["group_size=1"]}, "group_size=1"),
        ({"seeds": [0, 0]}, "each of seeds once"),
        ({"seeds": [-1]}, "seeds of at least 0"),
        ({"seeds": []}, "at least one of seeds"),
        ({"evaluate": []}, "at least one of evaluate"),
        ({"train": ["synthetic@train", "synthetic@train"]}, "each of train once"),
        ({"train": {"a": ["x"]}}, "a mix behind each label"),
        ({"train": "synthetic@train,synthetic@train:2"}, "every split once"),
        ({"train": "synthetic@train:0"}, "a weight above 0"),
        ({"train": ["a@train", "b@train"], "recipes": {"sft": {"recipe": "sft", "train": "c@train"}}}, "one entry of train"),
    ],
)
def test_bad_experiments(changes: dict[str, Any], message: str, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        experiment.load(str(write(tmp_path, checkpoints["qwen3_vl"], **changes)))


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([["grpo", "stf"]], "nearest: sft"),
        ([["grpo"]], "contrasts of two labels"),
        ([["grpo", "grpo"]], "once"),
        ([["grpo", "sft"], ["sft", "grpo"]], "each contrast once"),
    ],
)
def test_bad_contrasts(pairs: Any, message: str, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        experiment.load(str(write(tmp_path, checkpoints["qwen3_vl"], contrasts=pairs, baseline=None)))


def run_command(file: Path, data: Path) -> int:
    typed = ["experiment", str(file), "--data-root", str(data), "--dry-run", "--output", str(file.parent / "out")]
    return command.main(parser().parse_args(typed))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": "synthetic@test"}, "other splits than are trained on"),
        ({"evaluate": ["synthetic", "synthetic@test"]}, "each split of evaluate once"),
        ({**GRID, "dev": "synthetic"}, "a dev split that is not reported"),
        ({"evaluate": ["synthetic@tset"]}, "nearest: test"),
        ({"train": "synthetic@trian"}, "nearest: train"),
        ({"modes": ["loud"]}, "loud"),
        ({"protocol": "lmms-charades", "set": ["epochs=[cot]"]}, "cot"),
        ({"protocol": "tvsum"}, "which protocol tvsum"),
        ({"protocol": "nope"}, "protocol"),
        ({"recipes": {"sft": {"recipe": "grpo", "set": ["rewards=[{name: iuo}]"]}}}, "nearest: iou"),
        ({"recipes": {"sft": {"recipe": "grpo", "set": ["rewards=[{name: iou, settings: {sgned: true}}]"]}}}, "nearest: signed"),
        ({"options": ["--skip-mising"]}, "options of harness train"),
        ({"options": ["--dtype", "int8"]}, "options of harness train"),
        ({"options": ["--seed", "3"]}, "seeds in its own place"),
        ({"options": ["--help"]}, "options of harness train"),
        ({"options": ["--evaluate", "synthetic@dev"]}, "evaluate in its own place"),
    ],
)
def test_what_does_not_fit_stops_before_anything_is_trained(
    changes: dict[str, Any], message: str, checkpoints: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        run_command(write(tmp_path, checkpoints["qwen3_vl"], **changes), data)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "nowhere/to/be/found"}, "a checkpoint folder or a hub id"),
        ({"model": "whole-video"}, "a checkpoint to train"),
        ({"recipes": {"sft": {"recipe": "tempsamp", "set": ["answers=nowhere.jsonl"]}}}, "synthetic@train sft seed 0"),
        ({"set": ["max_stpes=2"]}, "nearest: max_steps"),
        ({"train": "synthetic@dev", "evaluate": "synthetic@test"}, "a split to train on"),
        ({"grid": {"optim": ["adamw_torch", "adamw_nope"]}, "dev": "synthetic@dev"}, "optim=adamw_nope seed 0"),
    ],
)
def test_what_this_machine_lacks_stops_before_the_first_training(
    changes: dict[str, Any], message: str, checkpoints: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    file = write(tmp_path, checkpoints["qwen3_vl"], **{"recipes": {"sft": "sft"}, **changes})
    with pytest.raises(InputError, match=message):
        command.main(parser().parse_args(["experiment", str(file), "--data-root", str(data), "--output", str(tmp_path / "out")]))
    assert not list(tmp_path.rglob("train.json"))


def test_a_dev_split_without_videos_stops(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path, 0, {"train": 2, "dev": 1, "test": 1})
    for path in (tmp_path / "synthetic" / "videos").glob("dev-*"):
        path.unlink()
    file = write(tmp_path, checkpoints["qwen3_vl"], **GRID)
    typed = ["experiment", str(file), "--data-root", str(tmp_path), "--output", str(tmp_path / "out")]
    with pytest.raises(InputError, match="the videos of synthetic@dev"):
        command.main(parser().parse_args(typed))
    assert run_command(file, tmp_path) == 0
    assert "on this machine the experiment would stop:\nexpected: the videos of synthetic@dev" in capsys.readouterr().err
    loaded = experiment.load(str(write(tmp_path, checkpoints["qwen3_vl"], **GRID, options=["--skip-missing"])))
    with pytest.raises(InputError, match="the videos of synthetic@dev"):  # none is left
        preflight.check_here(preflight.planned(loaded, tmp_path, file))


def test_overlap_between_families_stops_with_the_videos(checkpoints: dict[str, Path], shared_data: Path, tmp_path: Path) -> None:
    """Charades-CD's train split holds 907 of the 1,334 test videos of Charades-STA."""
    file = write(tmp_path, checkpoints["qwen3_vl"], train="charades-cd@train", evaluate=["charades@test"])
    with pytest.raises(InputError, match="charades-cd@train holds 907 of the 1,334 videos of charades@test"):
        run_command(file, shared_data)
    few = write(tmp_path, checkpoints["qwen3_vl"], train="charades@fewshot-50-seed0", evaluate=["charades"])
    assert run_command(few, shared_data) == 0
