"""Comparison, page and figure of runs of every kind of question, against plain loops and hand-made answers."""

import json
import math
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.commands import plot
from harness.scoring import Outcome, judge_answers
from leaderboards.compare import set_errors
from leaderboards.compare.paired import over_seeds
from leaderboards.compare.repairs import repairs
from leaderboards.compare.result import System, compare
from leaderboards.compare.set_errors import TYPES, diagnose_sets
from leaderboards.compare.text import render
from leaderboards.view import runs
from tasks.answer import Answer
from tasks.kinds import NAMES
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.span import Span, exact_iou

Asked = Callable[..., tuple[list[Sample], Protocol]]


def half_right(sample: Sample) -> Answer:
    """The truth, of every other video with its spans moved and one left out, and another option."""
    if int(sample.video[1:]) % 2:
        return Answer(sample.truth.spans, marks=((5.0, 3.0), (35.0, 1.0)), option=sample.truth.option)
    moved = tuple(Span(float(s) + 2, float(e) + 3) for s, e in sample.truth.spans)
    kept = moved if len(sample.queries) > 1 else moved[:2]
    return Answer(kept, marks=((12.0, 2.0),), option="A" if sample.options else None)


def early(sample: Sample) -> Answer:
    spans = (Span(0.0, 9.0),) * len(sample.queries)
    return Answer(spans, marks=((1.0, 1.0),), option="B" if sample.options else None)


def scored_pair(asked: Asked, kind: str) -> tuple[list[Sample], list[System]]:
    samples, rules = asked(kind)
    answers = [[answer(sample) for sample in samples] for answer in (half_right, early)]
    return samples, [System(name, (judge_answers(samples, given, rules),)) for name, given in zip("ab", answers, strict=True)]


@pytest.mark.parametrize("kind", NAMES)
def test_a_comparison_says_what_the_scores_say(kind: str, asked_kind: Asked) -> None:
    samples, systems = scored_pair(asked_kind, kind)
    found = compare(samples, systems, 200)
    (pair,) = found["comparisons"]
    for system, side, described in zip(systems, "ab", found["systems"], strict=True):
        means = system.runs[0].means()
        for metric, figures in pair["metrics"].items():
            if means[metric] is None:
                assert figures[side] is None
            else:
                assert figures[side] == pytest.approx(means[metric]), metric
        assert described["corpus"] == {name: pytest.approx(means[name]) for name in system.runs[0].corpus}
        assert not described["corpus"].keys() & pair["metrics"].keys()
        main = 100 - means[found["main"]]
        assert sum(row[found["main"]] for row in described["errors"].values()) == pytest.approx(main)
        assert sum(row["n"] for row in described["errors"].values()) == len(samples)
    text = render("direct", found)
    assert all(metric in text for metric in [*pair["metrics"], *systems[0].runs[0].corpus])


@pytest.mark.parametrize("kind", NAMES)
def test_exchanged_runs_exchange_signs(kind: str, asked_kind: Asked) -> None:
    samples, systems = scored_pair(asked_kind, kind)
    (there,), (back,) = (compare(samples, order, 200)["comparisons"] for order in (systems, systems[::-1]))
    figures = [*there["metrics"].items(), *((str(i), part) for i, part in enumerate(there["breakdown"]))]
    turned = [*back["metrics"].values(), *back["breakdown"]]
    moved = 0
    for (name, one), other in zip(figures, turned, strict=True):
        if one["difference"] is None:
            assert other["difference"] is None
            continue
        assert one["difference"] == pytest.approx(-other["difference"]), name
        assert (one["a"], one["p"]) == (pytest.approx(other["b"]), pytest.approx(other["p"])), name
        assert (one["better"], one["same"], one["worse"]) == (other["worse"], other["same"], other["better"]), name
        moved += one["difference"] != 0
    assert moved


def test_events_weigh_alike_and_videos_do_for_the_mean_of_videos(asked_kind: Asked) -> None:
    samples, systems = scored_pair(asked_kind, "pairs")
    events, videos = [], []
    for sample in samples:
        answer = half_right(sample).spans
        given = answer if len(answer) == len(sample.truth.spans) else (Span(0.0, 0.0),) * len(sample.truth.spans)
        ious = [float(exact_iou(said, true)) for said, true in zip(given, sample.truth.spans, strict=True)]
        events += ious
        videos.append(np.mean(ious))
    (pair,) = compare(samples, systems, 200)["comparisons"]
    assert pair["metrics"]["mIoU"]["a"] == pytest.approx(100 * np.mean(events))
    assert pair["metrics"]["video-mIoU"]["a"] == pytest.approx(100 * np.mean(videos))
    assert np.mean(events) != pytest.approx(np.mean(videos))
    assert pair["metrics"]["mIoU"]["n"] == len(samples)


def test_a_weight_of_two_is_the_query_twice() -> None:
    """The interval and p of a weighted comparison are those of the same queries written out, each in its own video."""
    rng = np.random.default_rng(3)
    a, b = rng.random((30, 2)), rng.random((30, 2))
    weights = np.repeat(rng.integers(1, 4, 30)[:, None].astype(float), 2, axis=1)
    videos = [f"v{i:02d}" for i in range(30)]
    often = np.repeat(np.arange(30), weights[:, 0].astype(int))
    found = over_seeds([a], [b], videos, 500, weights=weights)
    plain = over_seeds([a[often]], [b[often]], [videos[i] for i in often], 500)
    for name in ("a", "b", "difference", "error", "interval", "p", "detectable"):
        assert np.allclose(getattr(found, name), getattr(plain, name)), name
    assert found.n.tolist() == [30, 30]
    several = over_seeds([a, a + 0.1, a - 0.2], [b], videos, 500, weights=weights)
    assert np.allclose(several.a, np.average(a - 0.1 / 3, axis=0, weights=weights[:, 0]))


BY_HAND = [
    ("pairs", Answer((Span(2, 8), Span(14, 20))), "right"),
    ("pairs", Answer(failure="no-span"), "no answer"),
    ("pairs", Answer(failure="bad-number"), "format"),
    ("pairs", Answer(failure="event-count"), "misfit"),
    ("pairs", Answer((Span(30, 31), Span(32, 33))), "misplaced"),
    ("choice", Answer((Span(3, 9),), option="B"), "right"),
    ("choice", Answer((Span(3, 9),), option="C"), "wrong option"),
    ("choice", Answer((Span(30, 39),), option="B"), "misplaced"),
    ("choice", Answer(failure="no-such-option"), "misfit"),
    ("instances", Answer((Span(3, 9), Span(14, 20), Span(30, 36))), "right"),
    ("instances", Answer((Span(3, 4),)), "too few"),
    ("instances", Answer((Span(0, 1), Span(1, 2), Span(22, 23), Span(23, 24))), "too many"),
    ("instances", Answer((Span(0, 1), Span(1, 2), Span(22, 23))), "misplaced"),
    ("union", Answer((Span(22, 29),)), "too few"),
    ("clips", Answer(failure="no-highlight"), "no answer"),
    ("highlights", Answer((Span(0, 2),)), "misplaced"),
]


@pytest.mark.parametrize(("kind", "answer", "expected"), BY_HAND, ids=lambda value: value if isinstance(value, str) else "")
def test_types_by_hand(kind: str, answer: Answer, expected: str, asked_kind: Asked) -> None:
    samples, rules = asked_kind(kind)
    scored = judge_answers(samples[1:2], [answer], rules)
    found = diagnose_sets(scored)
    assert found.types == (expected,)
    assert found.count == {name: int(name == expected) for name in TYPES}
    assert found.points[expected] == pytest.approx(100 - scored.means()[scored.main])


def test_nothing_where_nothing_is_true_is_right(asked_kind: Asked) -> None:
    samples, rules = asked_kind("retrieval")
    scored = judge_answers([replace(samples[0], truth=Answer())], [Answer(failure="no-span")], rules)
    assert diagnose_sets(scored).types == ("right",)


def test_a_reply_that_lacks_is_no_answer_and_what_does_not_count_has_no_type(asked_kind: Asked) -> None:
    every, rules = asked_kind("instances")
    samples = every[:3]
    scored = judge_answers(samples, [sample.truth for sample in samples], rules)
    column = scored.columns["mF1"].copy()
    column[:2] = 0.0, math.nan
    lost = replace(
        scored, outcomes=[Outcome(Answer(), "missing-video"), *scored.outcomes[1:]], columns={**scored.columns, "mF1": column}
    )
    assert repairs(lost).types == ("no answer", None, "right")
    assert repairs(lost).points["mF1"]["no answer"] == pytest.approx(50)
    assert repairs(lost).meanings is set_errors.TYPES


Page = tuple[dict[str, Any], list[Sample]]


def page_of(kind_run: Callable[..., Path], kind: str, *answers: Callable[[Sample], Answer]) -> Page:
    folders = [kind_run(kind, answer, f"run{i}") for i, answer in enumerate(answers)]
    chosen = runs.choose(folders, data_root=folders[0].parents[1])
    return json.loads(json.dumps(runs.data_of(chosen, folders[0] / "view.html"), allow_nan=False)), chosen.samples


def test_two_runs_of_a_kind_are_compared_on_the_page(kind_run: Callable[..., Path]) -> None:
    data, _ = page_of(kind_run, "instances", half_right, early)
    found = data["modes"]["direct"]["comparison"]["metrics"]
    assert not {"mAP@0.3:0.7", "mAP@0.5:0.95"} & found.keys()
    assert {"mAP@0.3:0.7 (class given)", "mF1 one-to-one"} <= data["scores"][0].keys()
    values = [np.mean(run["direct"]["value"]) for run in data["answers"]]
    assert found["mF1"]["difference"] == pytest.approx(100 * (values[1] - values[0]), abs=0.01)


@pytest.mark.parametrize("kind", NAMES)
def test_the_page_of_a_kind_holds_its_truths_and_answers(kind: str, kind_run: Callable[..., Path]) -> None:
    data, samples = page_of(kind_run, kind, half_right)
    asked, answers = data["samples"], data["answers"][0]["direct"]
    assert data["kind"] == kind
    assert data["main"] in data["headings"].values()
    assert data["repaired"]
    assert asked["targets"] == [[float(time) for span in sample.truth.spans for time in span] for sample in samples]
    assert (asked["options"] is None) == (asked["option"] is None) == (answers["option"] is None) == (kind != "choice")
    assert (asked["queries"] is None) == (kind != "pairs")
    assert (asked["grid"] is None) == (kind != "clips")
    assert (answers["matched"] is None) == (answers["found"] is None) == (kind != "instances")
    assert (answers["clips"] is None) == (asked["saliency"] is None) == (kind not in ("clips", "highlights", "windows"))
    assert None not in answers["type"]
    system = data["modes"]["direct"]["systems"][0]
    repaired = sum(row[data["repaired"][0]] for row in system["errors"])
    entry = data["scores"][0]
    assert repaired == pytest.approx(100 - float(entry[data["main"]]), abs=0.006)
    for feature in {part["feature"] for part in data["modes"]["direct"]["breakdown"]}:
        parts = [part for part in data["modes"]["direct"]["breakdown"] if part["feature"] == feature]
        assert sum(part["n"] for part in parts) == len(samples)


def test_sentences_options_and_clips_stand_as_they_were_asked(kind_run: Callable[..., Path]) -> None:
    data, samples = page_of(kind_run, "pairs", half_right)
    assert data["samples"]["queries"] == [list(s.queries) if len(s.queries) > 1 else [] for s in samples]
    data, samples = page_of(kind_run, "choice", half_right)
    assert data["samples"]["options"] == [list(sample.options) for sample in samples]
    assert data["samples"]["option"] == ["A", "B", "C", "A", "B", "C"]
    assert data["answers"][0]["direct"]["option"] == ["A", "B", "A", "A", "A", "C"]
    data, samples = page_of(kind_run, "clips", half_right)
    assert data["samples"]["grid"][1] == [0, 3, 3, 11, 11, 30, 30, 38]
    assert data["samples"]["saliency"][1] == [0.5, 1.5, 1.0, 2.0]
    assert data["samples"]["saliency_range"] == [0, 2.5]
    # 5 s is nearest to the middle of the clip from 3 to 11 s, and 35 s to that of the last.
    assert data["answers"][0]["direct"]["clips"][1] == [0.0, 3.0, 0.0, 1.0]


def test_weighted_breakdown_is_the_mean_over_events(kind_run: Callable[..., Path]) -> None:
    data, samples = page_of(kind_run, "pairs", half_right)
    values = data["answers"][0]["direct"]["value"]
    weights = np.array([len(sample.truth.spans) for sample in samples])
    parts = [part for part in data["modes"]["direct"]["breakdown"] if part["feature"] == "video duration, s"]
    lows = [float(part["range"].split(" to ")[0]) for part in parts]
    for part, low, high in zip(parts, lows, [*lows[1:], math.inf], strict=True):
        members = [i for i, sample in enumerate(samples) if low <= sample.duration_s < high]
        assert part["n"] == len(members)
        assert part["a"] == pytest.approx(100 * np.average([values[i] for i in members], weights=weights[members]), abs=0.01)


def test_partners_are_as_many_as_can_be(kind_run: Callable[..., Path]) -> None:
    """By trying all ways to give said spans a partner."""

    def messy(sample: Sample) -> Answer:
        rng = np.random.default_rng(int(sample.video[1:]))
        spans = []
        for start, end in sample.truth.spans:
            for _ in range(int(rng.integers(0, 3))):
                spans.append(Span(float(start) + float(rng.integers(0, 4)), float(end) + float(rng.integers(0, 4))))
        return Answer((*spans, Span(21.0, 23.0)))

    def most(said: list[Span], true: list[Span]) -> int:
        if not said:
            return 0
        pairs = [i for i, span in enumerate(true) if exact_iou(said[0], span) >= 0.5]
        return max([most(said[1:], true), *(1 + most(said[1:], true[:i] + true[i + 1 :]) for i in pairs)])

    data, samples = page_of(kind_run, "instances", messy)
    answers = data["answers"][0]["direct"]
    for i, sample in enumerate(samples):
        said, true = list(messy(sample).spans), list(sample.truth.spans)
        matched, found = answers["matched"][i], answers["found"][i]
        assert (len(matched), len(found)) == (len(said), len(true))
        assert sum(matched) == sum(found) == most(said, true)
        kept = [span for span, has in zip(said, matched, strict=True) if has]
        held = [span for span, has in zip(true, found, strict=True) if has]
        assert most(kept, held) == len(kept)


@pytest.mark.parametrize("kind", NAMES)
def test_a_figure_of_every_kind(kind: str, kind_run: Callable[..., Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, extra plots, is not installed")
    folders, output = [kind_run(kind, half_right, "a"), kind_run(kind, early, "b")], tmp_path / "figure.svg"
    given = {"protocol": None, "videos": [], "force": False, "output": str(output), "data_root": str(tmp_path)}
    assert plot.main(Namespace(**given, runs=list(map(str, folders)))) == 0
    text = output.read_text()
    assert ("R1, %" in text) == (kind == "moment")
    assert ("queries that reach it, %" in text) == (kind != "moment")
