"""What a page shows: its data against the files of the run, by plain loops."""

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import store
from harness.cli import main as harness
from harness.plan import make_plan
from harness.records import Record
from leaderboards.view import runs
from leaderboards.view.data import BINS, SCHEMA, Shown, page_data
from leaderboards.view.training import FIRST, MOST, Curve, curves, read_log, thinned
from tasks import protocol as protocols
from tasks.errors import InputError
from tasks.question import Question
from tasks.sample import Sample, make_samples, one_query
from tasks.span import Span, exact_iou


def data_of(data_root: Path, *folders: Path, protocol: str | None = None, force: bool = False) -> dict[str, Any]:
    chosen = runs.choose(folders, protocol=protocol, data_root=data_root, force=force)
    return runs.data_of(chosen, folders[0] / "view.html")


def middle(question: Question) -> str:
    return f"{question.sample.duration_s / 4} to {question.sample.duration_s / 2}"


def thinking(question: Question) -> str | None:
    replies = {"red circle": middle(question), "blue square": None, "white cross": "I cannot tell."}
    return replies[question.sample.query]


def test_every_answer_stands_in_the_data(benchmark_root: Path, said_run: Callable[..., Path]) -> None:
    folder = said_run(benchmark_root, thinking, modes=("direct", "cot"))
    data = data_of(benchmark_root, folder)
    samples = make_plan("synthetic", None, None, (), benchmark_root).samples
    records = store.read_records(folder)
    assert data["schema"] == SCHEMA
    assert data["samples"]["id"] == [sample.id for sample in samples]
    assert json.loads(json.dumps(data, allow_nan=False))["title"] == "synthetic@test: sayer"
    assert str(folder.parent) not in json.dumps(data)
    for mode in ("direct", "cot"):
        answers = data["answers"][0][mode]
        for i, sample in enumerate(samples):
            record = records[(sample.id, mode)]
            assert answers["text"][i] == record["text"]
            assert data["samples"]["targets"][i] == [time for target in sample.truth.spans for time in target]
            assert data["videos"]["name"][data["samples"]["video"][i]] == sample.video
            if sample.query == "red circle":
                start, end = sample.duration_s / 4, sample.duration_s / 2
                assert answers["spans"][i] == [start, end]
                best = max(exact_iou(Span(start, end), target) for target in sample.truth.spans)
                assert answers["value"][i] == pytest.approx(float(best), abs=1e-4)
                assert answers["failure"][i] is None
            else:
                assert (answers["spans"][i], answers["value"][i]) == ([], 0.0)
                assert answers["failure"][i] == ("model-error" if sample.query == "blue square" else "no-span")
                assert list(data["types"])[answers["type"][i]] == "no answer"
            assert (answers["error"][i] is None) == (sample.query != "blue square")


def test_summaries_count_what_the_answers_say(benchmark_root: Path, said_run: Callable[..., Path]) -> None:
    data = data_of(benchmark_root, said_run(benchmark_root, thinking))
    answers, (system,) = data["answers"][0]["direct"], data["modes"]["direct"]["systems"]
    ious = answers["value"]
    assert system["n"] == len(ious) == 36
    assert system["histogram"][0] == sum(iou == 0 for iou in ious)
    for i in range(BINS):
        low, high = i / BINS, (i + 1) / BINS
        assert system["histogram"][i + 1] == sum((low <= iou < high and iou > 0) or (i == BINS - 1 and iou == 1) for iou in ious)
    for threshold, share in zip(data["thresholds"], system["curve"], strict=True):
        assert share == pytest.approx(100 * sum(iou >= threshold for iou in ious) / 36, abs=1e-3)
    types = Counter(list(data["types"])[kind] for kind in answers["type"])
    assert {row["type"]: row["n"] for row in system["errors"]} == types
    assert sum(row["mIoU"] for row in system["errors"]) == pytest.approx(100 * (1 - sum(ious) / 36), abs=0.01)
    parts = data["modes"]["direct"]["breakdown"]
    for feature in {part["feature"] for part in parts}:
        own = [part for part in parts if part["feature"] == feature]
        assert sum(part["n"] for part in own) == 36
        assert sum(part["n"] * part["a"] for part in own) == pytest.approx(100 * sum(ious), abs=0.1)
    assert all(part["interval_95"][0] <= part["a"] <= part["interval_95"][1] for part in parts)


def test_scores_are_those_of_harness_score(
    benchmark_root: Path, said_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = said_run(benchmark_root, middle)
    harness(["score", str(folder), "--data-root", str(benchmark_root), "--json"])
    expected = json.loads(capsys.readouterr().out)["modes"]["direct"]["aggregate"]
    first, *others = data_of(benchmark_root, folder)["scores"]
    assert {name: first[name] for name in expected if name != "n"} == {k: f"{v:.2f}" for k, v in expected.items() if k != "n"}
    assert "whole-video" in {row["model"] for row in others}


def test_a_run_without_scores_is_scored_on_the_spot(benchmark_root: Path, said_run: Callable[..., Path]) -> None:
    folder = said_run(benchmark_root, middle)
    whole = data_of(benchmark_root, folder)
    (folder / "scores.json").unlink()
    assert data_of(benchmark_root, folder) == whole
    assert not (folder / "scores.json").exists()


def test_two_runs_are_compared(benchmark_root: Path, said_run: Callable[..., Path]) -> None:
    first, second = said_run(benchmark_root, thinking, "a"), said_run(benchmark_root, middle, "b")
    data = data_of(benchmark_root, first, second)
    a, b = (data["answers"][i]["direct"]["value"] for i in (0, 1))
    metrics = data["modes"]["direct"]["comparison"]["metrics"]["mIoU"]
    assert metrics["difference"] == pytest.approx(100 * (sum(b) - sum(a)) / 36, abs=0.01)
    assert data["title"] == "synthetic@test: A sayer (a) against B sayer (b)"
    assert [(run["name"], run["label"]) for run in data["runs"]] == [("sayer (a)", "A sayer (a)"), ("sayer (b)", "B sayer (b)")]
    assert [row["model"] for row in data["scores"]][:2] == ["A sayer (a)", "B sayer (b)"]
    assert data["modes"]["direct"]["comparison"]["failure_changes"][0]["n"] == 12
    assert all(part["n"] for part in data["modes"]["direct"]["breakdown"])


def test_the_prompt_of_every_sample_can_be_read_off(benchmark_root: Path, said_run: Callable[..., Path]) -> None:
    folder = said_run(benchmark_root, middle, modes=("direct", "cot"))
    data = data_of(benchmark_root, folder)
    plan = make_plan("synthetic", None, None, ("direct", "cot"), benchmark_root)
    (question,) = data["questions"]
    for i, sample in enumerate(plan.samples):
        sentence = question["sentences"][i] if question["sentences"] else sample.query
        for mode in plan.modes:
            assert question["modes"][mode].replace("{query}", sentence) == plan.protocol.question(sample, mode)


def shown_of(benchmark_root: Path, samples: list[Sample], protocol: str, text: str) -> Shown:
    plan = replace(make_plan("synthetic", None, None, ("direct",), benchmark_root), protocol=protocols.load(protocol))
    records: dict[tuple[str, str], Record] = {
        (sample.id, "direct"): {"id": sample.id, "mode": "direct", "text": text, "error": None} for sample in samples
    }
    return Shown("made", replace(plan, samples=samples), plan.protocol, records, [])


def test_sentences_are_shown_as_they_were_asked(benchmark_root: Path) -> None:
    samples = make_samples(
        "synthetic", [one_query("a", 10, "  A Red circle. ", (Span(1, 2),)), one_query("a", 10, "b", (Span(3, 4),))]
    )
    shown = shown_of(benchmark_root, samples, "synthetic", "1 to 2")
    data = page_data(samples, [shown], ["direct"], {})
    assert data["questions"][0]["sentences"] == [protocols.CLEAN[shown.asked.prompt.clean](sample.query) for sample in samples]
    assert data["samples"]["query"] == ["  A Red circle. ", "b"]


def test_saliency_of_highlights_and_cuts_of_videos(benchmark_root: Path) -> None:
    saliency = ((4.0, 2.0, 3.0), (0.0, 0.0, 1.0))
    rows = [
        one_query("a", 4, "x", (Span(0, 2),), clips=saliency),
        one_query("b", 4, "y", (Span(0, 2),), Span(30, 34), clips=saliency),
    ]
    samples = make_samples("synthetic", rows)
    data = page_data(
        samples, [shown_of(benchmark_root, samples, "qvh-hl-flat", "<answer>2 to 4</answer>")], ["direct"], {"a": "a.mp4"}
    )
    assert data["samples"]["saliency"] == [[3.0, 0.33]] * 2
    assert data["answers"][0]["direct"]["clips"] == [[0.0, 1.0]] * 2
    assert data["samples"]["from_s"] == [0, 30.0]
    assert data["videos"] == {"name": ["a", "b"], "url": ["a.mp4", None]}
    assert (
        page_data(samples, [shown_of(benchmark_root, samples, "default", "")], ["direct"], {})["answers"][0]["direct"]["clips"]
        is None
    )


def test_numbers_that_json_cannot_hold_are_null(benchmark_root: Path) -> None:
    samples = make_samples("synthetic", [one_query("a", 10, "x", (Span(1, 2),)), one_query("b", 10, "y", (Span(1, 2),))])
    data = page_data(
        samples, [shown_of(benchmark_root, samples, "default", f"<answer>0 to 1{400 * '0'}</answer>")], ["direct"], {}
    )
    json.dumps(data, allow_nan=False)
    assert data["answers"][0]["direct"]["value"] == [0.0, 0.0]


@pytest.mark.shared_data
def test_saliency_of_qvhighlights(shared_data: Path) -> None:
    plan = make_plan("qvhighlights", None, None, (), shared_data)
    shown = Shown("nothing", plan, plan.protocol, {}, [])
    data = page_data(plan.samples, [shown], plan.modes, {})
    assert len(data["samples"]["saliency"]) == len(plan.samples)
    for sample, strip in zip(plan.samples, data["samples"]["saliency"], strict=True):
        assert strip == pytest.approx([float(np.mean(scores)) for scores in sample.truth.clips or ()], abs=0.005)


def test_curves_come_in_the_order_of_the_paper_without_what_does_not_change() -> None:
    entries = [
        {"step": step, "seconds": step * 2.0, "zeta": step, "alpha": 1.0, "reward": 0.5, "loss": None, "top1_iou/q50": step / 9}
        for step in range(1, 10)
    ]
    entries.append({"step": 9, "train_runtime": 3.0, "loss": math.nan})
    found = curves(entries)
    assert [curve.name for curve in found] == ["reward", "top1_iou/q50", "zeta"]
    assert found[0] == Curve("reward", [(step, 0.5) for step in range(1, 10)])
    assert FIRST[:3] == ("reward", "advantage_skewness", "top1_iou/q50")


def test_long_curves_keep_their_ends() -> None:
    points = [(step, step / 7) for step in range(10_000)]
    kept = thinned(points)
    assert len(kept) == MOST
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    gaps = np.diff([step for step, _ in kept])
    assert gaps.max() - gaps.min() <= 1


def test_a_log_that_is_being_written_is_read_and_a_broken_one_refused(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert read_log(tmp_path) == []
    log.write_text('{"step": 1, "loss": 2}\n{"step": 2, "lo')
    assert read_log(tmp_path) == [{"step": 1, "loss": 2}]
    log.write_text('{"step": 1, "loss": 2}\n{"loss": 1}\n{"step": 3}\n')
    with pytest.raises(InputError, match="line 2"):
        read_log(tmp_path)


def test_training_is_found_beside_the_run(benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path) -> None:
    folder = said_run(benchmark_root, middle, "model/runs/synthetic@test")
    assert data_of(benchmark_root, folder)["runs"][0]["training"] == []
    (tmp_path / "model" / "log.jsonl").write_text('{"step": 1, "reward": 0.25}\n{"step": 2, "reward": 0.5}\n')
    training = data_of(benchmark_root, folder)["runs"][0]["training"]
    assert training == [{"name": "reward", "points": [(1, 0.25), (2, 0.5)]}]
