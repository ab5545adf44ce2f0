"""What `harness train` says before and after: plans under a launcher, adapters, mixes, the next command."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from harness.cli import main
from harness.evaluate import notes_before
from harness.models import adapters, loading
from harness.models.options import Options
from harness.plan import make_plan
from harness.synthetic.kinds import make

MIX = "synthetic-moment@train,synthetic-choice@train:0.5,synthetic-instances@train:2"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 4, "dev": 1, "test": 2})
    return root


def typed(model: Path, data: Path, *more: str, recipe: str = "grpo", tasks: str = MIX, **changes: Any) -> list[str]:
    values = {"epochs": "[direct]", "rewards": "[score]", **changes} if recipe != "sft" else changes
    values.setdefault("prompts_per_step", 2 * values.get("prompts_per_device", 1))
    sets = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    return ["train", "--recipe", recipe, "--model", str(model), "--tasks", tasks, "--data-root", str(data), *sets, *more]


def test_the_plan_of_a_mix(checkpoints: dict[str, Path], data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed(checkpoints["qwen3_vl"], data, "--dry-run", max_completion_length=20)) == 0
    plan = capsys.readouterr().out
    assert "synthetic-moment@train: 4 samples, 4 videos, kind moment, protocol synthetic\n" in plan
    assert "synthetic-choice@train:0.5: 4 samples, 4 videos, kind choice" in plan and "2 of them drawn in an epoch" in plan
    assert "8 of them drawn in an epoch" in plan and "14 prompts" in plan
    for name in ("synthetic-moment@train", "synthetic-choice@train:0.5", "synthetic-instances@train:2"):
        assert (
            f"prompt tokens of a sample of {name}: smallest" in plan and f"answer tokens of a sample of {name}: smallest" in plan
        )
    assert "WARNING: synthetic-choice@train:0.5: 4 of 4 true answers do not fit the 20 tokens" in plan


def test_a_plan_does_not_wait_for_the_other_processes(checkpoints: dict[str, Path], data: Path) -> None:
    """Under torchrun with two processes, one of which has said all it has to say."""
    launch = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    environment = {**os.environ, **launch, "MASTER_PORT": "29531", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "harness", *typed(checkpoints["qwen3_vl"], data, "--dry-run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "1 a process x 2 processes" in done.stdout


@pytest.mark.parametrize("dry", [["--dry-run"], []])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rewards": "[no_such]"}, "a reward: "),
        ({"rewards": "iou"}, "rewards"),
        ({"epochs": "direct"}, "epochs"),
        ({"scale_rewards": "batch"}, "kinds are mixed"),
        ({"lora": "{r: 0}"}, "settings of peft.LoraConfig"),
        ({"dataloader_num_workers": "2"}, "videos are decoded by processes of our own"),
        ({"top_k": "5"}, "replies are drawn with temperature"),
        ({"epochs": "[thinking]"}, "direct or cot"),
        ({"redraws": "99"}, "redraws from 0 to 31"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_loads(
    changes: dict[str, str],
    message: str,
    dry: list[str],
    checkpoints: dict[str, Path],
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.models.loading.read", lambda *_: pytest.fail("loaded"))
    assert main(typed(checkpoints["qwen3_vl"], data, *dry, "--output", str(tmp_path / "out"), **changes)) == 2
    assert message in capsys.readouterr().err


def test_one_split_and_a_mix(checkpoints: dict[str, Path], data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = checkpoints["qwen3_vl"]
    for tasks, more, message in (
        (MIX, ["--split", "train"], "--split with one task"),
        ("synthetic-moment@train,synthetic-moment@test", [], "a split to train on"),
        ("synthetic-moment@train:0", [], "a weight above 0"),
        ("synthetic-moment@train,nothing@train", [], "nothing"),
    ):
        assert main(typed(model, data, "--dry-run", *more, tasks=tasks)) == 2
        assert message in capsys.readouterr().err


def test_adapters_by_one_word(checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    arguments = typed(checkpoints["qwen3_vl"], data, "--output", str(tmp_path / "out"), "--lora", "4", recipe="sft", max_steps=2)
    assert main([*arguments, "--set", "learning_rate=0.01"]) == 0
    base, trained = load_file(checkpoints["qwen3_vl"] / "model.safetensors"), load_file(tmp_path / "out" / "model.safetensors")
    changed = {name for name in base if not torch.equal(base[name], trained[name])}
    assert changed and all("language_model" in name and "_proj" in name for name in changed)
    assert {name.split(".")[-2] for name in changed} == {
        f"{letter}_proj" for letter in ("q", "k", "v", "o", "gate", "up", "down")
    }
    record = json.loads((tmp_path / "out" / "train.json").read_text())
    assert record["spec"]["recipe"]["lora"] == {"r": 4, "lora_alpha": 8}
    # What it saved on its way is an adapter, which is asked as it lies there, and is the model that the end merged.
    saved = tmp_path / "out" / "checkpoints" / "checkpoint-2"
    options = ["--tasks", "synthetic-moment", "--data-root", str(data), "--output", str(tmp_path / "run"), "--limit", "1"]
    assert main(["run", "--model", str(saved), *options]) == 0
    told = json.loads((tmp_path / "run" / "run.json").read_text())["spec"]["model"]
    assert told["base"]["fingerprint"] == record["base"]["fingerprint"] and told["adapter"]["type"] == "LORA"
    assert (told["trained_on"]["step"], told["trained_on"]["recipe"]) == (2, "sft")
    model, _, _ = loading.read(adapters.find(str(saved)), Options(device="cpu"))
    merged = dict(model.named_parameters())
    assert all(torch.allclose(merged[name], weight, atol=1e-6) for name, weight in trained.items())


def test_a_mix_is_trained_logged_and_asked_again(
    checkpoints: dict[str, Path], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures of each kind, dev of each task; and the command that is suggested runs, with the prompts of the training."""
    out = tmp_path / "out"
    more = [
        "--output",
        str(out),
        "--dev-every",
        "2",
        "--protocol",
        "synthetic",
        "--videos",
        str(data / "synthetic-kinds" / "videos"),
    ]
    changes = {
        "max_steps": 2,
        "max_completion_length": 8,
        "prompts_per_device": 4,
        "answers": "ground-truth",
        "shaping": "nonlinear",
    }
    assert main(typed(checkpoints["qwen3_vl"], data, *more, **changes)) == 0
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    dev = next(entry for entry in log if any(name.startswith("dev/") for name in entry))
    assert {name for name in dev if name.startswith("dev/synthetic")} == {
        "dev/synthetic-moment/mIoU", "dev/synthetic-choice/Acc@GQA", "dev/synthetic-instances/mF1",
    }  # fmt: skip
    steps = [entry for entry in log if "loss" in entry]
    kinds = {name.rpartition("/")[2] for entry in steps for name in entry if name.startswith("n_spans/")}
    assert kinds == {"moment", "choice", "instances"}
    assert all({"own/reward", "own/length", "own/entropy", "own/kl", "parse_rate", "score"} <= entry.keys() for entry in steps)
    # What is given is known to be right; what this model draws is not.
    assert all(entry["reward"] > entry["own/reward"] for entry in steps)
    command = shlex.split(next(line for line in capsys.readouterr().out.splitlines() if line.startswith("next:"))[5:])
    assert command[:2] == ["harness", "run"] and {"--protocol", "--videos", "--data-root"} <= {*command}
    assert main([*command[1:], "--output", str(tmp_path / "runs"), "--limit", "1"]) == 0
    assert "trained under" not in capsys.readouterr().err
    (note,) = notes_before(str(out), [make_plan("synthetic-moment", None, "tempr1", ["direct"], data)])
    assert "trained under protocol synthetic (direct), synthetic-choice (direct)" in note
    assert note.endswith("asked on synthetic-moment@test under tempr1 (direct)")
    (note,) = notes_before(str(out), [make_plan("synthetic-moment", None, None, ["cot"], data)])
    assert note.endswith("under synthetic (cot)")


def test_groups_without_variance_are_drawn_again(checkpoints: dict[str, Path], data: Path, tmp_path: Path) -> None:
    """DAPO's dynamic sampling, with a reward that one reply in a few has: fewer groups without variance, by the same seeds."""
    reward = tmp_path / "reward.py"
    reward.write_text("def rare(completions, **_):\n    return [float('a' in reply[0]['content']) for reply in completions]\n")
    flat = {}
    for redraws in (0, 8):
        out = tmp_path / f"redraws-{redraws}"
        changes = {"max_steps": 4, "max_completion_length": 3, "prompts_per_device": 2, "learning_rate": 0}
        changes |= {"rewards": f"[{reward}]", "redraws": redraws, "prompts_per_step": 2, "group_size": 3}
        assert main(typed(checkpoints["qwen3_vl"], data, "--output", str(out), tasks="synthetic-moment@train", **changes)) == 0
        log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
        steps = [entry for entry in log if "loss" in entry]
        flat[redraws] = [entry["frac_reward_zero_std"] for entry in steps]
        assert all(("groups_drawn_again" in entry) is bool(redraws) for entry in steps)
        if redraws:
            again = [entry["groups_drawn_again"] for entry in steps]
    assert sum(flat[8]) < sum(flat[0])
    # The weights stay, so the first draws are the same: exactly the groups without variance are drawn again.
    assert again == pytest.approx(flat[0])
