"""Scoring under a protocol's rules: published effects on the real annotations, denominators, and the query gap."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cli import main
from harness.models.trivial import trivial
from harness.records import make_record
from harness.scores import score
from harness.scoring import judge, judge_answers
from tasks import protocol, task
from tasks.answer import Answer
from tasks.question import Question
from tasks.sample import Sample, make_samples, one_query
from tasks.say import say
from tasks.span import Span, exact, exact_iou


def reply(text: str | None) -> dict[str, Any]:
    return {"text": text, "error": None if text is not None else {"type": "missing-video", "message": ""}}


def scored(samples: list[Sample], name: str, answer: Callable[[Sample], str | None]) -> dict[str, Any]:
    records = {(s.id, "direct"): reply(answer(s)) for s in samples}
    return dict(score(samples, records, protocol.load(name), ("direct",))["modes"]["direct"])


def perfect(name: str) -> Callable[[Sample], str]:
    rules = protocol.load(name)
    return lambda sample: say(Answer(sample.truth.spans[:1]), sample, rules)


def whole(name: str) -> Callable[[Sample], str]:
    rules = protocol.load(name)
    return lambda sample: say(Answer((Span(0.0, sample.duration_s),)), sample, rules)


def figures(mode: dict[str, Any]) -> dict[str, str]:
    return {key: f"{value:.2f}" for key, value in mode["aggregate"].items() if key != "n"}


@pytest.fixture(scope="module")
def charades(shared_data: Path) -> list[Sample]:
    return task.load(task.find("charades"), "test", shared_data)


SAMPLES = make_samples(
    "t", [one_query(f"v{i}", 20.0, f"q{k}", (Span(4.0 * k, 4.0 * k + 4),)) for i in range(5) for k in range(4)]
)


@pytest.mark.shared_data
def test_clamping_the_true_ends_of_charades(charades: list[Sample]) -> None:
    assert figures(scored(charades, "default", whole("default")))["R1@0.3"] == "34.30"
    assert figures(scored(charades, "lighthouse-clamped", whole("lighthouse-clamped")))["R1@0.3"] == "35.00"


@pytest.mark.shared_data
def test_perfect_answers_rounded_to_whole_seconds(charades: list[Sample]) -> None:
    found = scored(charades, "timelens", perfect("timelens"))
    assert round(found["aggregate"]["mIoU"], 1) == 94.4
    assert found["aggregate"]["R1@0.7"] == 100.0
    assert figures(scored(charades, "timelens-answers-unrounded", perfect("timelens")))["mIoU"] == "100.00"


@pytest.mark.shared_data
def test_a_clamped_answer_on_the_unclamped_file(charades: list[Sample]) -> None:
    """Section 2 of the protocol reference: the clamped span itself scores 0.9805, and 27 rows miss 0.7."""

    def clamped(sample: Sample) -> str:
        (start, end), duration_s = sample.truth.spans[0], sample.duration_s
        return say(Answer((Span(start, min(end, duration_s)),)), sample, protocol.load("timezero"))

    found = scored(charades, "timezero", clamped)
    assert round(found["aggregate"]["mIoU"] / 100, 4) == 0.9805
    assert sum(line["value"] < 0.7 for line in found["samples"]) == 27


@pytest.mark.shared_data
def test_frames_of_a_hundred_and_noise_move_the_numbers_as_measured(charades: list[Sample]) -> None:
    """Section 7 of the protocol reference, without its seeds: who gains and who loses, and about how much."""
    draw = np.random.default_rng(0)
    noisy = {}
    for sample in charades:
        start, end = np.sort(np.clip(np.array(sample.truth.spans[0], dtype=float) + draw.normal(0, 1, 2), 0, sample.duration_s))
        noisy[sample.id] = Span(round(float(start), 2), round(float(end), 2))

    def numbers(name: str) -> dict[str, Any]:
        rules = protocol.load(name)
        return dict(scored(charades, name, lambda s: say(Answer((noisy[s.id],)), s, rules))["aggregate"])

    raw, strict, rounded = numbers("timezero"), numbers("time-r1"), numbers("timelens")
    clamped, percent = numbers("lighthouse-clamped"), numbers("vtimellm-percent")
    assert raw["mIoU"] == pytest.approx(80.1, abs=1)
    assert 0 <= raw["R1@0.7"] - strict["R1@0.7"] < 0.3
    assert 1.7 < clamped["R1@0.7"] - raw["R1@0.7"] < 3.5
    assert 0.1 < raw["mIoU"] - rounded["mIoU"] < 1
    assert abs(raw["mIoU"] - percent["mIoU"]) < 1


@pytest.mark.parametrize("name", [n for n in protocol.names() if protocol.load(n).kind == "moment"])
def test_perfect_answers_under_every_protocol(name: str) -> None:
    found = scored(SAMPLES, name, perfect(name))
    assert found["aggregate"]["n"] == 20
    assert found["aggregate"]["mIoU"] == pytest.approx(100.0, abs=1.5 if name == "vtimellm-percent" else 1e-9)
    assert found["counts"] == {"answered": 20, "parsed": 20, "dropped": 0, "truncated": 0, "errors": {}, "parse_failures": {}}


@pytest.mark.parametrize(
    ("name", "unread", "missing"),
    [("default", 20, 20), ("timezero", 20, 15), ("trace", 15, 15), ("timelens", 20, 20), ("vtimellm-percent", 20, 15)],
)
def test_who_leaves_the_denominator(name: str, unread: int, missing: int) -> None:
    right = perfect(name)
    failing = scored(SAMPLES, name, lambda s: "I cannot tell." if s.query == "q0" else right(s))
    assert (failing["aggregate"]["n"], failing["counts"]["dropped"]) == (unread, 20 - unread)
    broken = scored(SAMPLES, name, lambda s: None if s.query == "q0" else right(s))
    assert (broken["aggregate"]["n"], broken["counts"]["dropped"]) == (missing, 20 - missing)
    assert sum("dropped" in line for line in broken["samples"]) == 20 - missing
    assert broken["counts"]["errors"] == {"missing-video": 5}


def test_a_failure_can_hit_behind_the_end_of_the_video() -> None:
    """The span from 10 to 20 s behind the end scores where an annotation lies there: Charades-CD has such rows."""
    samples = make_samples("t", [one_query("v", 30.0, "q", (Span(40.0, 50.0),))])
    assert scored(samples, "timelens", lambda _: "I cannot tell.")["aggregate"]["mIoU"] == 100.0
    assert scored(samples, "timelens-answers-unrounded", lambda _: "I cannot tell.")["aggregate"]["mIoU"] == 0.0


def test_equal_rows_are_one_row_for_those_who_key_by_them() -> None:
    samples = make_samples(
        "t", [one_query("v", 30.0, "q", (Span(0.0, 10.0),))] * 2 + [one_query("v", 30.0, "p", (Span(0.0, 10.0),))]
    )
    answers = dict(zip((s.id for s in samples), ("0 - 10", "20 - 30", "0 - 10"), strict=True))
    assert figures(scored(samples, "lmms-timelens", lambda s: answers[s.id]))["mIoU"] == "50.00"
    assert figures(scored(samples, "etbench", lambda s: answers[s.id]))["mIoU"] == "66.67"


def test_spans_are_written_in_seconds_whatever_the_unit() -> None:
    found = scored(SAMPLES, "vtimellm-percent", lambda _: "From 25 to 75.")
    assert found["samples"][0]["spans"] == [[5.0, 15.0]]


def test_spans_read_already_are_seconds_under_any_unit() -> None:
    records = {(s.id, "direct"): {**reply(""), "prediction": Answer((s.truth.spans[0],))} for s in SAMPLES}
    found = score(SAMPLES, records, protocol.load("vtimellm-percent"), ("direct",))["modes"]["direct"]
    assert found["aggregate"]["mIoU"] == 100.0
    assert found["samples"][1]["spans"] == [[4.0, 8.0]]


def test_the_gap_of_a_model_that_ignores_the_sentence_is_nothing() -> None:
    assert scored(SAMPLES, "default", lambda s: f"<answer>1 to {3 + int(s.video[1])}</answer>")["query_gap"] == pytest.approx(
        0, abs=1e-9
    )
    assert scored(SAMPLES, "default", lambda _: "no")["query_gap"] == 0


def test_the_gap_by_hand() -> None:
    samples = make_samples(
        "t", [one_query("v", 20.0, q, (Span(*t),)) for q, t in (("a", (0, 10)), ("b", (0, 5)), ("c", (10, 20)))]
    )
    samples += make_samples("t", [one_query("w", 20.0, "alone", (Span(0, 1),))])
    found = scored(samples, "default", perfect("default"))
    # Others: a fits b 0.5 and c 0, b fits a 0.5 and c 0, c fits neither; the query without neighbours is left out.
    assert found["query_gap"] == pytest.approx(100 * (1 - (0.25 + 0.25 + 0) / 3))


def test_no_gap_without_two_queries_on_a_video() -> None:
    samples = make_samples("t", [one_query(f"v{i}", 20.0, "q", (Span(0, 5),)) for i in range(3)])
    assert scored(samples, "default", perfect("default"))["query_gap"] is None


def test_a_video_with_thousands_of_queries_is_compared_with_some() -> None:
    samples = make_samples("t", [one_query("v", 9e4, f"q{i}", (Span(9.0 * i, 9.0 * i + 9),)) for i in range(5_000)])
    assert scored(samples, "default", perfect("default"))["query_gap"] == 100.0


@pytest.mark.shared_data
def test_gaps_on_charades(charades: list[Sample]) -> None:
    assert scored(charades, "default", whole("default"))["query_gap"] == pytest.approx(0, abs=1e-9)
    assert scored(charades, "default", perfect("default"))["query_gap"] > 50


def test_a_run_reports_the_gap(benchmark_root: Path, tmp_path: Path) -> None:
    for model, low, high in (("whole-video", -1e-9, 1e-9), ("oracle", 90, 100)):
        output = tmp_path / model
        arguments = ["--model", model, "--tasks", "synthetic@test", "--data-root", str(benchmark_root), "--output", str(output)]
        assert main(["run", *arguments]) == 0
        assert low <= json.loads((output / "scores.json").read_text())["modes"]["direct"]["query_gap"] <= high


def test_trivial_models_answer_in_every_protocols_words() -> None:
    for name in set(protocol.names()) - {"vtimellm-percent"}:
        rules = protocol.load(name)
        if rules.kind == "choice":
            continue  # these questions have no options
        mode = next(iter(rules.prompt.modes))
        model = trivial("middle-half", rules, list, 0)
        assert model is not None
        questions = [Question(s, mode, rules) for s in SAMPLES]
        records = {(q.sample.id, mode): make_record(q, r) for q, r in zip(questions, model.answer(None, questions), strict=True)}
        assert score(SAMPLES, records, rules, (mode,))["modes"][mode]["parse_rate"] == 1.0, name


@pytest.mark.shared_data
def test_qvhighlights_runs_carry_the_official_metrics(shared_data: Path) -> None:
    samples = task.load(task.find("qvhighlights"), "val", shared_data)

    def official(name: str, text: Callable[[Sample], str]) -> dict[str, str]:
        records = {(s.id, "direct"): {"error": None, "text": text(s)} for s in samples}
        values = score(samples, records, protocol.load(name), ("direct",))["modes"]["direct"]["aggregate"]
        return {key: f"{value:.2f}" for key, value in values.items() if key != "n"}

    def longest(sample: Sample) -> str:
        span = max(sample.truth.spans, key=lambda t: t.end_s - t.start_s)
        return f"<answer> {span.start_s} to {span.end_s} </answer>"

    def listed(sample: Sample) -> str:
        marked = [(2 * clip, sum(row) / len(row)) for clip, row in enumerate(sample.truth.clips or ()) if any(row)]
        times, scores = (", ".join(f"{value:.1f}" for value in column) for column in zip(*marked, strict=True))
        return f"The highlight timestamps are in the {times} seconds. Their saliency scores are {scores}"

    one = official("qvh-official", longest)
    assert (one["MR-full-mAP"], one["MR-full-mAP@0.75"], one["MR-full-R1@0.7"]) == ("78.86", "78.86", "100.00")
    flat, centred = (official(f"qvh-hl-{rule}", longest) for rule in ("flat", "centre"))
    assert (flat["HL-min-VeryGood-mAP"], flat["HL-min-VeryGood-Hit1"]) == ("34.50", "65.03")
    assert (centred["HL-min-VeryGood-mAP"], centred["HL-min-VeryGood-Hit1"]) == ("43.05", "78.26")
    nothing = official("qvh-hl-aligned", lambda _: "no idea")
    assert (nothing["HL-min-VeryGood-mAP"], nothing["HL-min-VeryGood-Hit1"]) == ("11.04", "14.97")
    for name, expected in (("qvh-hl-timechat", ("38.58", "62.71")), ("qvh-hl-aligned", ("60.81", "95.68"))):
        found = official(name, listed)
        assert (found["HL-min-VeryGood-mAP"], found["HL-min-VeryGood-Hit1"]) == expected
    assert set(official("default", longest)) == {"mIoU", "R1@0.3", "R1@0.5", "R1@0.7"}


@pytest.mark.parametrize("name", protocol.names())
def test_answers_without_a_reply_score_as_predictions_do(name: str) -> None:
    rules, answers = (
        protocol.load(name),
        [Answer((Span(s.truth.spans[0].start_s + 0.5, s.truth.spans[0].end_s),)) for s in SAMPLES],
    )
    records = {(s.id, "m"): {"error": None, "prediction": answer} for s, answer in zip(SAMPLES, answers, strict=True)}
    assert judge_answers(SAMPLES, answers, rules).means() == judge(SAMPLES, records, rules, "m").means()


tenths = st.integers(0, 60).map(lambda n: n / 10)
moments = st.tuples(tenths, tenths).map(lambda pair: Span(*pair))


@given(st.lists(st.tuples(moments, st.lists(moments, min_size=1, max_size=3)), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_hits_are_those_of_exact_fractions(pairs: list[tuple[Span, list[Span]]]) -> None:
    """On a grid of tenths many an IoU is exactly a threshold."""
    samples = make_samples("t", [one_query("v", 6.0, f"q{i}", tuple(targets)) for i, (_, targets) in enumerate(pairs)])
    found = judge_answers(samples, [Answer((span,)) for span, _ in pairs], protocol.load("default")).means()
    best = [max(exact_iou(span, target) for target in targets) for span, targets in pairs]
    for threshold in (0.3, 0.5, 0.7):
        hits = sum(value >= exact(threshold) for value in best)
        assert found[f"R1@{threshold}"] == pytest.approx(100 * hits / len(pairs))
