"""Trivial rows: published and hand-checked numbers on the real annotations, brute force for the prior."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from harness.cli import main
from harness.models.base import Question
from harness.models.trivial import GRID_POINTS, NAMES, best_constant_span, trivial
from tasks import protocol
from tasks.sample import Row, Sample, make_samples
from tasks.span import Span, exact_iou


def numbers(root: Path, model: str, task: str, output: Path) -> dict[str, str]:
    assert main(["run", "--model", model, "--tasks", task, "--data-root", str(root), "--output", str(output)]) == 0
    aggregate = json.loads((output / "scores.json").read_text())["modes"]["direct"]["aggregate"]
    return {name: f"{value:.2f}" for name, value in aggregate.items() if name != "n"}


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("model", "task", "expected"),
    [
        ("whole-video", "charades@test", {"R1@0.3": "34.30", "R1@0.5": "0.43", "R1@0.7": "0.00", "mIoU": "26.99"}),
        ("whole-video", "anet@val_1", {"R1@0.3": "42.88", "R1@0.5": "22.76", "R1@0.7": "11.39", "mIoU": "32.29"}),
        ("whole-video", "anet@val_2", {"R1@0.3": "48.02", "R1@0.5": "21.21", "R1@0.7": "12.41", "mIoU": "34.57"}),
        ("middle-half", "anet@val_2", {"R1@0.5": "30.04"}),
        ("oracle", "charades@test", {"R1@0.3": "100.00", "R1@0.5": "100.00", "R1@0.7": "100.00", "mIoU": "100.00"}),
        ("oracle", "anet@val_2", {"R1@0.7": "100.00", "mIoU": "100.00"}),
    ],
)
def test_known_numbers(shared_data: Path, tmp_path: Path, model: str, task: str, expected: dict[str, str]) -> None:
    found = numbers(shared_data, model, task, tmp_path / "run")
    assert {name: found[name] for name in expected} == expected


def some_samples(seed: int = 0, count: int = 60) -> list[Sample]:
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        duration = float(rng.integers(200, 600)) / 10
        start, end = sorted(round(float(x) * duration, 1) for x in rng.random(2))
        rows.append(Row(f"v{i}", duration, f"q{i}", (Span(start, end + 0.1),)))
    return make_samples("t", rows)


@pytest.mark.parametrize("relative", [True, False])
def test_the_prior_is_the_best_on_its_grid(relative: bool) -> None:
    samples = some_samples()
    low, high = best_constant_span(samples, relative)

    def mean(span: tuple[float, float]) -> float:
        scale = [s.duration_s if relative else 1.0 for s in samples]
        ious = (exact_iou(Span(span[0] * k, span[1] * k), s.targets[0]) for k, s in zip(scale, samples, strict=True))
        return float(sum(ious) / len(samples))

    top = 1.0 if relative else float(np.quantile([s.targets[0].end_s for s in samples], 0.99))
    grid = [round(top * i / (GRID_POINTS - 1), 2) for i in range(GRID_POINTS)]
    assert mean((low, high)) == pytest.approx(max(mean(pair) for pair in itertools.combinations(grid[::5], 2)), abs=0.02)
    assert mean((low, high)) >= max(mean(pair) for pair in itertools.combinations(grid[::5], 2)) - 1e-12


def test_every_trivial_model_answers_in_the_protocols_words() -> None:
    samples = some_samples(count=3)
    for name, rules in itertools.product(NAMES, (protocol.load("default"), protocol.load("synthetic"))):
        model = trivial(name, rules, lambda: some_samples(1), seed=4)
        assert model is not None
        questions = [Question(s, "direct", rules.question(s.query, "direct")) for s in samples]
        replies = model.answer(None, questions)
        assert [r.text for r in replies] == [r.text for r in model.answer(None, questions[::-1])[::-1]]
        from tasks.parsers import parser

        assert all(parser(rules.answer)(reply.text).failure is None for reply in replies), name
    assert trivial("no-such", protocol.load("default"), list, 0) is None


def test_random_depends_on_seed_and_sample_only() -> None:
    samples, rules = some_samples(count=5), protocol.load("default")
    by_seed = []
    for seed in (0, 0, 1):
        model = trivial("random", rules, list, seed)
        assert model is not None
        by_seed.append([r.text for r in model.answer(None, [Question(s, "direct", "") for s in samples])])
    assert by_seed[0] == by_seed[1] != by_seed[2]


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("task", "model", "low", "high"),
    [
        # Two frames per second leave at most a quarter of a second of error at each end of a moment of about 8 s.
        ("charades@test", "oracle-grid", 92, 99),
        ("anet@val_2", "oracle-grid", 97, 100),
        ("charades@test", "oracle-clamped", 98, 99.9),
        ("anet@val_2", "oracle-clamped", 99.99, 100),
    ],
)
def test_ceilings(shared_data: Path, tmp_path: Path, task: str, model: str, low: float, high: float) -> None:
    assert low < float(numbers(shared_data, model, task, tmp_path / "run")["mIoU"]) <= high


def test_grid_ceiling_is_within_half_an_interval_of_the_target() -> None:
    rules = protocol.load("default")
    model = trivial("oracle-grid", rules, list, 0)
    assert model is not None
    for sample in some_samples():
        count = max(4, int(sample.duration_s * rules.video.fps) // 2 * 2)
        interval_s = sample.duration_s / (count - 1)
        span = model.span_of(sample)
        assert (
            abs(float(span.start_s) - float(sample.targets[0].start_s)) <= interval_s / 2 + 1e-9
            or span.end_s == sample.duration_s
        )
        assert float(span.end_s) - float(span.start_s) >= interval_s - 1e-9
