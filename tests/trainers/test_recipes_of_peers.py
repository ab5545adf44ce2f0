"""Recipes of the papers: every value has a source, and each trains on replies as its authors want them."""

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from harness.cli import main
from harness.models.generate import Output
from harness.models.inputs import Inputs
from tasks import protocol
from trainers import experiment, located, recipe, rollout
from trainers.examples import Examples
from trainers.given_answers import ground_truth
from trainers.mix import Share
from trainers.train import build
from trainers.training import Training

ROOT = Path(__file__).parents[2]

PEERS = [
    ("timezero", "timezero", 2.0, 0.0),
    ("time-r1", "time-r1", 2.0, 0.0),
    ("videochat-r1", "videochat-r1", 2.0, 0.0),
    ("museg", "museg", 3.0, 0.0),
    ("museg-stage-2", "museg", 3.0, 0.0),
    ("timelens", "timelens", 1.0, 0.0),
    ("tempsamp-release", "tempsamp-timelens", 0.8 + 0.01 * math.log(1.2) + 0.1, 0.8 - (math.exp(0.8) - 1) / (math.e - 1)),
    ("tempsamp-charades", "default", 1.0, 0.0),
    ("tempr1", "tempr1", 2.0, 0.0),
]
"""Recipe, its protocol, and the sum of its rewards for the true answer and for `nothing`."""


def documented() -> dict[str, dict[str, str]]:
    """The tables of docs/papers.md: values by recipe and key."""
    text = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8").partition("# Experiments")[0]
    tables: dict[str, dict[str, str]] = {}
    for section in text.split("\n## ")[1:]:
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
        assert all(len(row) == 3 and row[2] for row in rows), section
        tables[section.partition("\n")[0].strip("`")] = {key: value for key, value, _ in rows[2:]}
    return tables


def test_every_recipe_has_its_table() -> None:
    assert sorted(documented()) == recipe.names()


@pytest.mark.parametrize("name", recipe.names())
def test_every_value_is_the_documented_one(name: str) -> None:
    written = yaml.safe_load((recipe.FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    rewards = [part if isinstance(part, str) else part["name"] for part in written.pop("rewards", [])]
    values = {**written, **written.get("trainer", {})}
    values = {key: value for key, value in values.items() if key not in ("summary", "base", "trainer")}
    table = documented()[name]
    assert (table.pop("rewards").split(" + ") if rewards else []) == rewards
    assert {key: recipe.number(yaml.safe_load(value)) for key, value in table.items()} == values


def papers() -> list[str]:
    """Experiments that docs/papers.md tells of."""
    section = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8").partition("# Experiments")[2]
    return re.findall(r"^\| `([a-z0-9-]+)`", section, re.MULTILINE)


def test_every_experiment_of_a_paper_is_documented() -> None:
    files = {path.stem for path in located.FOLDER.glob("*.yaml")}
    assert len(papers()) == 11 and files - set(papers()) == {"demo", "five-kinds", "study"}


@pytest.mark.parametrize("name", papers())
def test_experiments_train_on_nothing_they_report(
    name: str, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixes = (located.FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    lacking = ["--without", "didemo,hacs-tal"] if "hacs-tal@train" in mixes else []
    assert main(["experiment", name, "--dry-run", "--data-root", str(shared_data), "--output", str(tmp_path), *lacking]) == 0
    loaded = experiment.load(name)
    tried = sum(map(len, loaded.grid.values()))
    others = len(set(loaded.seeds) - set(loaded.grid_seeds))
    trainings = len(loaded.train) * len(loaded.recipes) * (tried * len(loaded.grid_seeds) + others)
    assert sum(line.startswith("harness train ") for line in capsys.readouterr().out.splitlines()) == trainings


def test_few_shot_is_table_3() -> None:
    loaded = experiment.load("charades-fewshot")
    assert [split.split("-")[1] for split in loaded.train] == ["50", "100", "200", "500"]
    assert loaded.mix("charades@fewshot-50-seedN", "SFT", 2) == "charades@fewshot-50-seed2"
    assert {variant.recipe for variant in loaded.recipes.values()} == {"sft", "grpo", "tempsamp"}
    assert len(loaded.seeds) == 3 and len(recipe.load("sft", loaded.set).epochs) == 3


@pytest.mark.parametrize(("name", "rules", "best", "worst"), PEERS, ids=[peer[0] for peer in PEERS])
def test_each_trains(
    name: str,
    rules: str,
    best: float,
    worst: float,
    load: Callable[..., tuple[Any, Any, Examples]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two steps on groups of which every second reply is the true answer in the words of the protocol, the others nonsense."""
    model, processor, made = load("qwen3_vl")
    known = protocol.load(rules)
    questions = [question._replace(protocol=known) for question in made.questions.values()]
    examples = Examples(questions, Inputs(model, processor, "qwen3_vl"), made._read)
    changed = recipe.load(name, ["max_steps=2", "gradient_accumulation_steps=1", "save_strategy='no'"])
    trainer = build(Training(changed, (), "", tmp_path), model, processor, examples, [Share(questions)])
    tokenizer = processor.tokenizer

    def scripted(model: Any, prompts: Sequence[Any], copies: Sequence[int], *_: Any) -> list[list[Output]]:
        ((row, count),) = [(trainer.turn.rows[0], count) for count in copies]
        gold = ground_truth(examples.questions[row["id"], known.name].sample, known, row["mode"])
        texts = [gold if index % 2 else "nothing" for index in range(count)]
        ids = [tokenizer(text, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id] for text in texts]
        return [[Output(reply, False, (0.0,) * len(reply)) for reply in ids]]

    monkeypatch.setattr(rollout, "draw", scripted)
    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    trainer.train()
    log = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert len(log) == 2 and all(math.isfinite(entry["loss"]) and entry["grad_norm"] > 0 for entry in log)
    # Groups are even, and the given answer takes the place of a true one.
    assert all(entry["reward"] == pytest.approx((best + worst) / 2, abs=1e-3) for entry in log)
    moved = {name for name, weight in trainer.model.named_parameters() if not torch.equal(weight, before[name])}
    still = {name for name in before if changed.freeze_vision and name.startswith("model.visual")}
    assert moved == before.keys() - still
