"""Training at a micro size: the loss falls, an interruption changes nothing, and nothing is overwritten."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tasks.errors import InputError
from trainers.base import curriculum
from trainers.base import train as module
from trainers.base.curriculum import COLOURS_FIRST, STAGES, Lesson, Level
from trainers.base.model import FAMILIES
from trainers.base.train import Settings, Trainer, build, schedule

MICRO = Settings(steps=10, videos=2, warmup=2, gate=100.0, later_gate=100.0, window=3)


class CutError(Exception):
    """Stands for a kill."""


@pytest.fixture(autouse=True)
def reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPORT_EVERY", 5)


def cut(line: str) -> None:
    """Interrupts at the first report; the state on disk is that of the step before."""
    raise CutError(line)


def silent(line: str) -> None:
    """Takes a line and does nothing with it."""


@pytest.mark.parametrize("family", FAMILIES)
def test_loss_falls_and_every_weight_moves(family: str) -> None:
    trainer = Trainer(replace(MICRO, family=family))
    before = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
    seen = []
    while not trainer.finished:
        trainer.advance()
        seen.append(trainer.losses[-1])
    assert np.mean(seen[-3:]) < 0.8 * np.mean(seen[:3])
    still = [name for name, value in trainer.model.named_parameters() if torch.equal(value, before[name])]
    assert still == []


@pytest.mark.parametrize("kinds", STAGES)
def test_an_interrupted_training_ends_in_the_same_weights(kinds: str, tmp_path: Path) -> None:
    settings = replace(MICRO, kinds=kinds)
    build(tmp_path / "whole", settings, silent)
    with pytest.raises(CutError):
        build(tmp_path / "cut", settings, cut, save_every_s=0.0)
    assert (tmp_path / "cut" / "state.pt").is_file() and not (tmp_path / "cut" / "training.json").exists()
    build(tmp_path / "cut", settings, silent)
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut"))
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
    records = [json.loads((tmp_path / name / "training.json").read_text()) for name in ("whole", "cut")]
    assert records[0]["fingerprint"] == records[1]["fingerprint"]
    assert all(record.pop("cpu_s") > 0 for record in records), "what the trainings took differs"
    assert records[0] == records[1] and records[1]["steps"] == 10
    assert not (tmp_path / "cut" / "state.pt").exists()


def test_what_is_finished_stays_and_other_settings_are_refused(tmp_path: Path) -> None:
    settings = replace(MICRO, steps=9)
    build(tmp_path, settings, silent)
    files = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    build(tmp_path, settings, silent)
    with pytest.raises(InputError, match="seed was 0, now 1"):
        build(tmp_path, replace(settings, seed=1), silent)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files


def test_a_gate_that_stays_shut_ends_in_a_message(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"below 0\.26"):
        build(tmp_path, replace(MICRO, gate=0.26), silent)
    assert not (tmp_path / "model.safetensors").exists()


def test_a_loss_that_is_no_number_moves_no_weight() -> None:
    trainer = Trainer(MICRO)
    with torch.no_grad():
        trainer.model.lm_head.weight[5] = float("nan")
    before = trainer.model.model.language_model.layers[0].mlp.up_proj.weight.clone()
    with pytest.raises(InputError, match="finite loss"):
        trainer.advance()
    assert torch.equal(trainer.model.model.language_model.layers[0].mlp.up_proj.weight, before)


def test_weak_training_cools_down_from_the_gate_to_nothing() -> None:
    weak = Settings(cooldown=50)
    strong = Settings()
    assert schedule(299, None, weak) == schedule(299, None, strong) == schedule(299, 200, strong)
    assert schedule(300, 300, weak) == pytest.approx(schedule(300, 300, strong))
    assert schedule(325, 300, weak) == pytest.approx(schedule(300, 300, strong) / 2)
    assert schedule(349, 300, weak) == pytest.approx(schedule(300, 300, strong) / 50)
    trainer = Trainer(replace(MICRO, cooldown=2))
    while not trainer.finished:
        trainer.advance()
    assert (trainer.learned, trainer.step) == ([3], 5)


def test_a_stage_begins_when_the_one_before_is_learned() -> None:
    trainer = Trainer(MICRO)
    while not trainer.finished:
        trainer.advance()
    assert (trainer.learned, trainer.passed, trainer.step) == ([3, 6, 9], 9, 10)


def test_stages_after_the_opening_have_a_gate_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"below 0\.1\n.* after 10 steps"):
        build(tmp_path, replace(MICRO, later_gate=0.1), silent, save_every_s=0.0)
    assert torch.load(tmp_path / "state.pt", weights_only=True)["progress"][1] == [3]


def test_a_weak_base_starts_with_whole_questions_about_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    draw, drawn = curriculum.lessons, []

    def recorded(rng: np.random.Generator, count: int, shares: Mapping[Level, float], factor: int) -> list[Lesson]:
        drawn.append(shares)
        return draw(rng, count, shares, factor)

    monkeypatch.setattr(curriculum, "lessons", recorded)
    trainer = Trainer(replace(MICRO, cooldown=2))
    while not trainer.finished:
        trainer.advance()
    assert drawn == [COLOURS_FIRST] * 3 + [STAGES["moment"][-1]] * 2
