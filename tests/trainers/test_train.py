"""`harness train` from the command line's side: continued, refused, stopped."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from harness import api
from harness.arguments import parser
from harness.cli import main
from harness.commands.train import main as command
from harness.synthetic.kinds import make as make_kinds
from harness.synthetic.make import make
from tasks.errors import InputError
from trainers import train as training_module
from trainers.methods.safe_checkpoints import last_checkpoint


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 6, "dev": 2, "test": 2})
    make_kinds(root, 0, {"train": 4, "dev": 1, "test": 1})
    return root


def typed(
    model: Path, data: Path, output: Path, recipe: str = "tempsamp", task: str = "synthetic@train", **changes: Any
) -> list[str]:
    values = {"max_steps": 4, "learning_rate": 1e-3, "save_steps": 2, "prompts_per_step": 2, **changes}
    if recipe != "sft":
        values.setdefault("max_completion_length", 6)
    sets = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    folder = ["--data-root", str(data), "--output", str(output)]
    return ["train", "--recipe", recipe, "--model", str(model), "--task", task, *folder, *sets]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


class Interrupt(TrainerCallback):  # type: ignore[misc]
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            raise KeyboardInterrupt


@pytest.mark.parametrize("recipe", ["sft", "tempsamp"])
def test_twelve_steps_are_six_and_six(
    recipe: str,
    checkpoints: dict[str, Path],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    arguments = {"max_steps": 12, "save_steps": 3}
    assert main(typed(checkpoints["qwen3_vl"], data, tmp_path / "whole", recipe, **arguments)) == 0
    made = training_module.callbacks
    with monkeypatch.context() as patch:
        patch.setattr(training_module, "callbacks", lambda folder: [*made(folder), Interrupt(8)])
        assert main(typed(checkpoints["qwen3_vl"], data, tmp_path / "halves", recipe, **arguments)) == 130
    assert "stopped after step 8 of 12; the same command continues after step 6" in caplog.text
    assert last_checkpoint(tmp_path / "halves" / "checkpoints").name == "checkpoint-6"
    assert main(typed(checkpoints["qwen3_vl"], data, tmp_path / "halves", recipe, **arguments)) == 0
    whole, halves = weights(tmp_path / "whole"), weights(tmp_path / "halves")
    base = weights(checkpoints["qwen3_vl"])
    assert whole.keys() == halves.keys() == base.keys()
    assert all(torch.equal(whole[name], halves[name]) for name in whole)
    assert not any(torch.equal(whole[name], base[name]) for name in whole)
    logs = [[json.loads(line) for line in (tmp_path / name / "log.jsonl").open()] for name in ("whole", "halves")]
    losses = [[(entry["step"], entry["loss"]) for entry in log if "loss" in entry] for log in logs]
    assert losses[0] == losses[1] and [step for step, _ in losses[0]] == list(range(1, 13))
    steps = [entry for log in logs for entry in log if "loss" in entry]
    assert all(0 <= entry["decode_share"] < 1 for entry in steps) and len(steps) == 24
    assert steps[0]["decode_share"] > 0
    record = json.loads((tmp_path / "halves" / "train.json").read_text())
    assert record["status"] == "finished" and [s["from_step"] for s in record["sessions"] if "from_step" in s] == [6]
    # a third call has nothing to do
    assert main(typed(checkpoints["qwen3_vl"], data, tmp_path / "halves", recipe, **arguments)) == 0
    assert json.loads((tmp_path / "halves" / "train.json").read_text()) == record


def test_a_killed_training_loses_the_steps_since_its_checkpoint(checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    given = ("sft", "synthetic-pairs@train:0.5,synthetic-union@train,synthetic-choice@train:2")
    arguments = typed(
        checkpoints["qwen3_vl"], data, tmp_path / "killed", *given, max_steps=15, save_steps=3, epochs=["direct"] * 5
    )
    # One thread, as in this process: another number of them adds up in another order.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-m", "harness", *arguments], start_new_session=True, env=environment)
    deadline = time.monotonic() + 120
    while last_checkpoint(tmp_path / "killed" / "checkpoints") is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    kept = int(last_checkpoint(tmp_path / "killed" / "checkpoints").name.rpartition("-")[2])
    (tmp_path / "killed" / "checkpoints" / "checkpoint-14").mkdir()  # as if the kill had come while saving
    assert main(arguments) == 0
    record = json.loads((tmp_path / "killed" / "train.json").read_text())
    assert record["sessions"][-1]["from_step"] >= kept and record["steps"] == 15
    uncut = typed(checkpoints["qwen3_vl"], data, tmp_path / "whole", *given, max_steps=15, save_steps=3, epochs=["direct"] * 5)
    assert main(uncut) == 0
    whole, killed = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert all(torch.equal(whole[name], killed[name]) for name in whole)


@pytest.fixture(scope="module")
def base_runs(checkpoints: dict[str, Path], data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The run of a checkpoint before it is trained, made once."""
    folder = tmp_path_factory.mktemp("base")

    def base_run(family: str) -> Path:
        if not (folder / family).exists():
            typed = ["run", "--model", str(checkpoints[family]), "--tasks", "synthetic", "--data-root", str(data)]
            assert main([*typed, "--output", str(folder / family)]) == 0
        return folder / family

    return base_run


# Families differ in what a model is shown, and recipes of one method in its loss alone.
@pytest.mark.parametrize(
    ("recipe", "family"),
    [
        *itertools.product(["sft", "grpo", "tempsamp-hybrid"], ["qwen2_5_vl", "qwen3_vl"]),
        *itertools.product(["dapo", "gspo", "dr-grpo"], ["qwen3_vl"]),
    ],
)
def test_a_trained_model_is_an_ordinary_checkpoint(
    recipe: str, family: str, checkpoints: dict[str, Path], data: Path, tmp_path: Path, base_runs: Callable[[str], Path]
) -> None:
    assert main(typed(checkpoints[family], data, tmp_path / "out", recipe, max_steps=2)) == 0
    run = ["run", "--model", str(tmp_path / "out"), "--tasks", "synthetic", "--data-root", str(data)]
    assert main([*run, "--output", str(tmp_path / "run")]) == 0
    folders = (tmp_path / "run", base_runs(family))
    read = [[json.loads(line) for line in (folder / "samples.jsonl").open()] for folder in folders]
    assert [record["error"] for record in read[0]] == [None] * 6
    # the same prompts, to the token
    prompts = [[record["prompt_sha256"] for record in records] for records in read]
    assert prompts[0] == prompts[1]
    spec = json.loads((tmp_path / "run" / "run.json").read_text())["spec"]
    said = spec["model"]["trained_on"]
    assert (said["split"], said["recipe"], said["seed"]) == ("synthetic@train", recipe, 0) and said["seconds"] > 0


def test_adapters_are_merged_and_the_vision_tower_can_stay(checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    targets = "{r: 4, target_modules: [q_proj, v_proj]}"
    assert main(typed(checkpoints["qwen3_vl"], data, tmp_path / "lora", "grpo", lora=targets, max_steps=2, beta=0.1)) == 0
    assert main(typed(checkpoints["qwen3_vl"], data, tmp_path / "frozen", "sft", freeze_vision="true", max_steps=2)) == 0
    base, lora, frozen = (weights(folder) for folder in (checkpoints["qwen3_vl"], tmp_path / "lora", tmp_path / "frozen"))
    assert lora.keys() == base.keys()
    changed = {name for name in base if not torch.equal(base[name], lora[name])}
    assert changed <= {name for name in base if "q_proj" in name or "v_proj" in name}
    still = {name for name in base if torch.equal(base[name], frozen[name])}
    assert still == {name for name in base if name.startswith("model.visual")}


def run_command(arguments: list[str]) -> Any:
    return command(parser().parse_args(arguments))


def test_bad_input(checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    model = checkpoints["qwen3_vl"]
    for change, message in (
        ({"learning_rat": 1}, "nearest: learning_rate"),
        ({"per_device_train_batch_size": 1}, "the recipe does not decide itself"),
        ({"group_size": 1}, "group_size=1"),
        ({"lora": "{rank: 4}"}, "settings of peft.LoraConfig"),
    ):
        with pytest.raises(InputError, match=message):
            run_command(typed(model, data, tmp_path / "bad", **change))
    with pytest.raises(InputError, match="a split to train on"):
        run_command(typed(model, data, tmp_path / "bad", task="synthetic@test"))


def test_the_notebook_trains_as_the_command(checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    settings = ["max_steps=1", "learning_rate=0.001", "save_steps=2", "prompts_per_step=2"]
    asked = {"output": tmp_path / "api", "set": settings, "data_root": data}
    trained = api.train("sft", checkpoints["qwen3_vl"], "synthetic@train", **asked)
    assert main(typed(checkpoints["qwen3_vl"], data, tmp_path / "typed", "sft", max_steps=1)) == 0
    ours, theirs = weights(trained.path), weights(tmp_path / "typed")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert repr(trained).startswith("sft on synthetic@train: 1 step, 18 samples\n")
    assert api.train("sft", checkpoints["qwen3_vl"], "synthetic@train", **asked).record == trained.record
    run = api.run(trained, "synthetic", limit=1, output=tmp_path / "run", data_root=data)
    assert run.document is not None and run.document["spec"]["model"]["trained_on"]["recipe"] == "sft"
    with pytest.raises(InputError, match="nearest: learning_rate"):
        api.train(
            "sft", checkpoints["qwen3_vl"], "synthetic@train", output=tmp_path / "bad", set=["learning_rat=1"], data_root=data
        )


def test_a_tracker_that_fails_is_given_up(
    checkpoints: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from trainers.methods import callbacks

    heard = []

    class Unreachable(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            heard.append(state.global_step)
            raise ConnectionError("no route to host")

    monkeypatch.setattr(callbacks, "get_reporting_integration_callbacks", lambda names: [Unreachable])
    assert main(typed(checkpoints["qwen3_vl"], data, tmp_path / "out", "sft", max_steps=3, report_to="wandb")) == 0
    assert heard == [1] and "wandb failed, and training continues: ConnectionError: no route to host" in caplog.text
    monkeypatch.undo()
    with pytest.raises(InputError, match="a tracker that is installed"):
        run_command(typed(checkpoints["qwen3_vl"], data, tmp_path / "bad", "sft", report_to="wandbb"))


def test_missing_videos_stop_unless_told_otherwise(checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "synthetic" / "videos" / "train-0003.mp4").unlink()
    (tmp_path / "data" / "synthetic" / "videos" / "train-0004.mp4").write_bytes(b"no video")
    arguments = typed(checkpoints["qwen3_vl"], tmp_path / "data", tmp_path / "out", "sft", max_steps=15)
    with pytest.raises(InputError, match="1 video of 3 samples is missing"):
        run_command(arguments)
    assert main([*arguments, "--skip-missing"]) == 0
    record = json.loads((tmp_path / "out" / "train.json").read_text())
    assert len(record["trained_on"]["dropped"]["missing video"]) == 3
    assert record["trained_on"]["samples"] == 15 and len(record["replaced"]) == 3
    assert all("train-0004" in key and "train-0004" not in other for key, (other, _) in record["replaced"].items())


def test_a_continued_training_remembers_what_was_replaced(
    checkpoints: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(data, tmp_path / "data")
    for key in ("train-0000", "train-0003", "train-0004"):
        (tmp_path / "data" / "synthetic" / "videos" / f"{key}.mp4").write_bytes(b"no video")
    arguments = {"max_steps": 18, "save_steps": 9}
    whole = typed(checkpoints["qwen3_vl"], tmp_path / "data", tmp_path / "whole", "sft", **arguments)
    halves = typed(checkpoints["qwen3_vl"], tmp_path / "data", tmp_path / "halves", "sft", **arguments)
    assert main(whole) == 0
    made = training_module.callbacks
    with monkeypatch.context() as patch:
        patch.setattr(training_module, "callbacks", lambda folder: [*made(folder), Interrupt(10)])
        assert main(halves) == 130
    assert main(halves) == 0
    records = [json.loads((tmp_path / name / "train.json").read_text()) for name in ("whole", "halves")]
    assert records[1]["sessions"][-1]["from_step"] == 9
    assert records[0]["replaced"] == records[1]["replaced"] and len(records[0]["replaced"]) == 9


def test_moments_without_length_are_left_out(checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    lines = [
        {"video": "train-0000", "duration": 16.0, "query": "a", "spans": [[1.0, 3.0]]},
        {"video": "train-0001", "duration": 16.0, "query": "b", "spans": [[2.0, 2.0]]},
        {"video": "train-0002", "duration": 16.0, "query": "c", "spans": [[5.0, 5.0]]},
    ]
    own = tmp_path / "own.jsonl"
    own.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    videos = ["--videos", str(data / "synthetic" / "videos")]
    assert main([*typed(checkpoints["qwen3_vl"], data, tmp_path / "out", "sft", str(own), max_steps=1), *videos]) == 0
    record = json.loads((tmp_path / "out" / "train.json").read_text())
    assert record["trained_on"]["samples"] == 1 and len(record["trained_on"]["dropped"]["moment without length"]) == 2


def test_a_loss_that_is_no_number_stops_before_it_spoils(
    checkpoints: dict[str, Path], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed(checkpoints["qwen3_vl"], data, tmp_path / "out", "sft", max_steps=30, learning_rate=1e30)) == 2
    error = capsys.readouterr().err
    assert "a finite loss and finite weights" in error and "--set learning_rate=1e+29" in error
    for checkpoint in (tmp_path / "out" / "checkpoints").glob("checkpoint-*"):
        assert all(bool(torch.isfinite(weight).all()) for weight in weights(checkpoint).values())


def test_a_full_disk_while_saving_loses_nothing(
    checkpoints: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Trainer

    arguments = typed(checkpoints["qwen3_vl"], data, tmp_path / "out", "sft", max_steps=6)
    saved = Trainer._save_optimizer_and_scheduler

    def full(self: Any, folder: str) -> None:
        if folder.endswith("-4"):
            raise OSError(28, "No space left on device")
        saved(self, folder)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_save_optimizer_and_scheduler", full)
        assert main(arguments) == 2
    assert [path.name for path in (tmp_path / "out" / "checkpoints").iterdir() if path.is_dir()] == ["checkpoint-2"]
    assert main(arguments) == 0
    assert json.loads((tmp_path / "out" / "train.json").read_text())["sessions"][-1]["from_step"] == 2


def test_dev_is_evaluated_while_training(checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    assert (
        main([*typed(checkpoints["qwen3_vl"], data, tmp_path / "out", max_steps=4), "--dev-every", "2", "--dev-limit", "3"]) == 0
    )
    log = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").open()]
    dev = {entry["step"]: entry for entry in log if "dev/mIoU" in entry}
    assert dev.keys() == {2, 4}
    run = ["run", "--model", str(tmp_path / "out"), "--tasks", "synthetic@dev", "--data-root", str(data), "--limit", "3"]
    assert main([*run, "--output", str(tmp_path / "run")]) == 0
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert dev[4]["dev/mIoU"] == pytest.approx(scores["modes"]["direct"]["aggregate"]["mIoU"], abs=1e-3)
    assert dev[4]["dev/n"] == 3
