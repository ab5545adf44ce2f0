import re
from pathlib import Path

import pytest
import yaml

from harness import yaml_file
from harness.cli import main as harness
from tasks.errors import InputError
from trainers import recipe


@pytest.mark.parametrize("name", recipe.names())
def test_recipes_of_the_project_hold(name: str) -> None:
    loaded = recipe.load(name)
    assert loaded.summary and loaded.name == name
    assert all(isinstance(value, int | float | str | bool) for value in loaded.trainer.values())


def test_tempsamp_is_grpo_and_the_paper() -> None:
    """Table 7, section 3.2, and the group of section 4: 3 replies and 1 given answer."""
    grpo, tempsamp = recipe.load("grpo"), recipe.load("tempsamp")
    assert tempsamp.trainer == grpo.trainer and tempsamp.rewards == grpo.rewards
    assert (grpo.answers, grpo.shaping) == (None, "none")
    assert (tempsamp.answers, tempsamp.shaping, tempsamp.group_size) == ("ground-truth", "nonlinear", 4)
    assert tempsamp.trainer["learning_rate"] == 1e-6 and tempsamp.prompts_per_step == 8  # four GPUs, accumulation 2
    assert (len(tempsamp.epochs), tempsamp.prompts_per_device, tempsamp.trainer["max_completion_length"]) == (2, 1, 2048)


def test_changes_reach_recipe_and_trainer() -> None:
    changed = recipe.load("tempsamp", ["learning_rate=2e-4", "group_size=8", "epochs=[direct, cot]", "shaping=anchor"])
    assert (changed.trainer["learning_rate"], changed.group_size, changed.shaping) == (2e-4, 8, "anchor")
    assert changed.epochs == ("direct", "cot")
    assert changed.rewards == recipe.load("tempsamp").rewards


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("tempsam", [], "nearest: tempsamp"),
        ("grpo", ["group_size=1"], "group_size=1: its only reply would always have the advantage 0"),
        ("grpo", ["shaping=anchor"], "shaping=anchor without an off-policy answer"),
        ("grpo", ["shaping=ankor"], "nearest: anchor"),
        ("tempsamp", ["shaping=anchor", "group_size=2"], "two replies of the policy"),
        ("sft", ["answers=null"], "answers to learn"),
        ("sft", ["epochs=[thinking]"], "direct or cot"),
        ("sft", ["prompts_per_device=0"], "at least 1"),
        ("sft", ["learning_rate"], "KEY=VALUE"),
        ("no/such.yaml", [], "a YAML file with a recipe"),
    ],
)
def test_bad_recipes(name: str, changes: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        recipe.load(name, changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method: grpo\nreward: [iou]", "nearest: rewards"),
        ("method: grpo\nrewards: [{nam: iou}]", "nearest: name"),
        ("- 1", "a mapping with the keys"),
        ("base: nothing", "a recipe: dapo"),
        ("a: b: c", "a YAML file"),
        ("base: grpo\n\ngroup_siez: 8", r"mine\.yaml line 3: 'group_siez' \(nearest: group_size\)"),
        ("base: grpo\ngroup_size: many", r"mine\.yaml line 2: 'many'"),
        ("base: grpo\nrewards:\n  - name: iou\n    wieght: 1", r"mine\.yaml line 4: 'wieght' \(nearest: weight\)"),
        ("base: grpo\nrewards:\n  - name: iuo", r"mine\.yaml line 3: 'iuo' \(nearest: iou\)"),
        ("base: grpo\nepochs: [direkt]", r"mine\.yaml line 2: 'direkt' \(nearest: direct\)"),
        ("summary: x\nbase: gropo", r"mine\.yaml line 2: 'gropo' \(nearest: grpo\)"),
        ("base: grpo\nprotocol: defualt", r"mine\.yaml line 2: 'defualt' \(nearest: default\)"),
        ("base: grpo\nbeta: 1\nbeta: 2", r"mine\.yaml line 3: .* 'beta' again"),
    ],
)
def test_bad_files(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        recipe.load(str(path))


def test_a_key_of_the_trainer_keeps_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("base: grpo\ntrainer:\n  learnin_rate: 1\n", encoding="utf-8")
    trainer = recipe.load(str(tmp_path / "mine.yaml")).trainer
    assert isinstance(trainer, yaml_file.Lined) and trainer.lines == {"learnin_rate": 3}


@pytest.mark.parametrize("change", ["group_size=many", "rewards=iou", "rewards=[iuo]", "method=gpro"])
def test_a_wrong_value_of_set_is_named_by_what_was_typed(change: str) -> None:
    with pytest.raises(InputError, match=rf"found:    --set {re.escape(change)}: "):
        recipe.load("grpo", [change])


def test_show_prints_what_a_recipe_can_be_changed_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert harness(["show", "tempsamp"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown.keys() == {"name", *recipe.KEYS} and shown["trainer"] == recipe.load("tempsamp").trainer


def test_a_file_can_build_on_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("base: tempsamp\ntrainer: {beta: 0.0}\n", encoding="utf-8")
    mine = recipe.load(str(path))
    assert mine.name == "mine" and mine.shaping == "nonlinear"
    assert mine.trainer == {**recipe.load("tempsamp").trainer, "beta": 0.0}


def test_the_size_of_a_step_has_one_word() -> None:
    """Whichever a recipe uses, a change in the other takes its place; both at once would contradict each other."""
    accumulated = recipe.load("grpo", ["gradient_accumulation_steps=4"])
    assert (accumulated.prompts_per_step, accumulated.trainer["gradient_accumulation_steps"]) == (None, 4)
    whole = recipe.load("grpo", ["prompts_per_step=8", "beta=0.1"])
    assert whole.prompts_per_step == 8 and "gradient_accumulation_steps" not in whole.trainer and whole.trainer["beta"] == 0.1
    with pytest.raises(InputError, match="prompts_per_step or"):
        recipe.load("grpo", ["prompts_per_step=8", "gradient_accumulation_steps=4"])
