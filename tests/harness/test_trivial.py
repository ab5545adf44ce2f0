"""Trivial rows: published and hand-checked numbers on the real annotations, brute force for the prior."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from harness.cli import main
from harness.models.priors import GRID_POINTS, PRIORS, best_constant_span
from harness.models.trivial import NAMES, trivial
from harness.plan import make_plan
from harness.report import floor_rows
from tasks import protocol, task
from tasks.parsers import parser, reader
from tasks.question import Question
from tasks.sample import Sample, make_samples, one_query
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
        rows.append(one_query(f"v{i}", duration, f"q{i}", (Span(start, end + 0.1),)))
    return make_samples("t", rows)


@pytest.mark.parametrize("relative", [True, False])
def test_the_prior_is_the_best_on_its_grid(relative: bool) -> None:
    samples = some_samples()
    low, high = best_constant_span(samples, relative)

    def mean(span: tuple[float, float]) -> float:
        scale = [s.duration_s if relative else 1.0 for s in samples]
        ious = (exact_iou(Span(span[0] * k, span[1] * k), s.truth.spans[0]) for k, s in zip(scale, samples, strict=True))
        return float(sum(ious) / len(samples))

    top = 1.0 if relative else float(np.quantile([s.truth.spans[0].end_s for s in samples], 0.99))
    grid = [round(top * i / (GRID_POINTS - 1), 2) for i in range(GRID_POINTS)]
    assert mean((low, high)) == pytest.approx(max(mean(pair) for pair in itertools.combinations(grid[::5], 2)), abs=0.02)
    assert mean((low, high)) >= max(mean(pair) for pair in itertools.combinations(grid[::5], 2)) - 1e-12


def test_every_trivial_model_answers_in_the_protocols_words() -> None:
    samples = some_samples(count=3)
    for name, rules in itertools.product(NAMES, (protocol.load("default"), protocol.load("synthetic"))):
        model = trivial(name, rules, lambda: some_samples(1), seed=4)
        assert model is not None
        questions = [Question(s, "direct", rules) for s in samples]
        replies = model.answer(None, questions)
        assert [r.text for r in replies] == [r.text for r in model.answer(None, questions[::-1])[::-1]]
        assert all(parser(rules.answer)(reply.text).failure is None for reply in replies), name
    assert trivial("no-such", protocol.load("default"), list, 0) is None


def test_random_depends_on_seed_and_sample_only() -> None:
    samples, rules = some_samples(count=5), protocol.load("default")
    by_seed = []
    for seed in (0, 0, 1):
        model = trivial("random", rules, list, seed)
        assert model is not None
        by_seed.append([r.text for r in model.answer(None, [Question(s, "direct", protocol.load("default")) for s in samples])])
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
        (span,) = model.answer_of(sample).spans
        assert (
            abs(float(span.start_s) - float(sample.truth.spans[0].start_s)) <= interval_s / 2 + 1e-9
            or span.end_s == sample.duration_s
        )
        assert float(span.end_s) - float(span.start_s) >= interval_s - 1e-9


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "kind"), [key for key in PRIORS if key[1] not in ("windows", "highlights")])
def test_known_priors_are_those_of_the_published_train_splits(shared_data: Path, name: str, kind: str) -> None:
    found, rules = task.find(name), next(rules for rules in map(protocol.load, protocol.names()) if rules.kind == kind)
    assert best_constant_span(task.load(found, "train", shared_data), True, rules) == PRIORS[name, kind]


@pytest.mark.parametrize("name", [n for n in protocol.names() if protocol.load(n).kind == "moment"])
def test_the_rounding_ceiling_is_what_a_reply_says(name: str) -> None:
    """Written in the protocol's words and read by its parser, the rounded span is still the same span."""
    ours = protocol.load(name)
    model = trivial("oracle-rounded", ours, list, 0)
    assert model is not None
    for sample in some_samples():
        (span,) = model.answer_of(sample).spans
        (reply,) = model.answer(None, [Question(sample, next(iter(ours.prompt.modes)), ours)])
        (read,) = reader(ours)(reply.text, sample.duration_s).spans
        assert [float(time) for time in read] == pytest.approx([float(time) for time in span], abs=1e-9)
        percent = ours.answer.unit == "percent"
        step = (
            sample.duration_s / 100 if percent else 1 if ours.score.round_prediction == "integer" else 10.0**-ours.answer.decimals
        )
        # Percent ends at 99, so that the last hundredth cannot be said.
        pairs = zip(map(float, span), sample.truth.spans[0], strict=True)
        assert percent or all(abs(a - b) <= step / 2 + 1e-9 for a, b in pairs)


def floors(root: Path, name: str, ours: str | None = None) -> dict[str, dict[str, str]]:
    return {row["model"]: row for row in floor_rows(make_plan(name, None, ours, (), root))}


@pytest.mark.shared_data
def test_floors_of_qvhighlights(shared_data: Path) -> None:
    found = floors(shared_data, "qvhighlights@val")
    assert [found["zero-saliency"][column] for column in ("HL-mAP", "HIT@1", "mode")] == ["11.04", "14.97", "baseline"]
    assert [found["oracle"][column] for column in ("MR-mAP", "mIoU", "HL-mAP")] == ["99.76", "100.00", "37.66"]
    assert found["oracle"]["mode"] == "upper bound"
    known = ["whole-video", "middle-half", "train-prior", "zero-saliency", "oracle", "oracle-grid", "longest-window", "hull"]
    assert list(found) == known
    aligned = floors(shared_data, "qvhighlights@val", "qvh-hl-aligned")
    assert [aligned["oracle"][column] for column in ("HL-mAP", "HIT@1")] == ["60.81", "95.68"]
    assert max(float(row["HL-mAP"]) for row in aligned.values()) == 60.81 and "mIoU" not in aligned["oracle"]


@pytest.mark.shared_data
def test_ceilings_stand_where_they_are_below_100(shared_data: Path) -> None:
    charades = floors(shared_data, "charades@test")
    assert list(charades) == ["whole-video", "middle-half", "train-prior", "oracle-grid", "oracle-clamped"]
    # A prior that knows only the train split beats both spans that know nothing.
    assert float(charades["train-prior"]["mIoU"]) > float(charades["whole-video"]["mIoU"])
    rounded = floors(shared_data, "charades@test", "timelens")
    assert rounded["oracle"]["mIoU"] == "94.39" and "oracle-rounded" not in rounded
    assert float(floors(shared_data, "charades@test", "vtimellm-percent")["oracle"]["mIoU"]) < 99
    # Frame numbers are no round seconds; 11 of 800 answers have no length.
    assert 99.9 < float(floors(shared_data, "tacos@test")["oracle-rounded"]["mIoU"]) < 100
    assert floors(shared_data, "tvgbench@test")["oracle"]["R1@0.7"] == "98.62"


def test_a_prior_is_read_where_none_is_known(benchmark_root: Path) -> None:
    assert "train-prior" in floors(benchmark_root, "synthetic")
    (benchmark_root / "synthetic" / "train.json").unlink()
    assert "train-prior" not in floors(benchmark_root, "synthetic")


def test_the_card_of_a_task_has_them(benchmark_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "synthetic", "--data-root", str(benchmark_root)]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("whole-video", "train-prior", "oracle-grid", "R1@0.7"))
