"""Types of errors: each by hand, points without rest, and clocks that were turned on purpose."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plan import make_plan
from leaderboards.compare.clocks import best_iou
from leaderboards.compare.errors import TYPES, Diagnosis, typed
from tasks.formats.qvhighlights import read_submission
from tasks.metrics import iou
from tasks.sample import Sample, make_samples, one_query
from tasks.span import Span

VIDEO = [(10.0, 20.0), (60.0, 80.0)]
TIMES = st.integers(-20, 250).map(lambda n: n / 2)
ANSWERS = st.one_of(st.tuples(TIMES, TIMES), st.sampled_from(["no-answer", "no-span", "reversed-span", "missing-video"]))


def samples(count: int = 1, duration_s: float = 100.0) -> list[Sample]:
    """Videos of two queries each, at `VIDEO`."""
    return make_samples(
        "t", [one_query(f"v{i}", duration_s, f"q{k}", (Span(*VIDEO[k]),)) for i in range(count) for k in range(2)]
    )


def errors(asked: list[Sample], answers: list[tuple[float, float] | str]) -> Diagnosis:
    spans = np.array([(np.nan, np.nan) if isinstance(answer, str) else answer for answer in answers])
    targets = np.array([sample.truth.spans for sample in asked], dtype=np.float64)
    ious = best_iou(np.nan_to_num(spans), targets)
    failures = [answer if isinstance(answer, str) else None for answer in answers]
    return typed(asked, ious, ious >= 0.5, spans, failures)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((10, 20), "right"),
        ((10, 15), "right"),
        ("missing-video", "no answer"),
        ("not-run", "no answer"),
        ("no-span", "no answer"),
        ("no-answer", "format"),
        ("unclosed-answer", "format"),
        ("bad-number", "format"),
        ("reversed-span", "inverted"),
        ((20, 10), "inverted"),
        ("empty-span", "too short"),
        ((15, 15), "too short"),
        ((0.1, 0.2), "wrong clock"),
        ((10_000, 20_000), "wrong clock"),
        ((100, 120), "out of video"),
        ((-5, 0), "out of video"),
        ((58, 82), "wrong event"),
        ((5, 45), "too long"),
        ((10, 90), "too long"),
        ((12, 15), "too short"),
        ((17, 27), "shifted"),
        ((30, 40), "shifted"),
    ],
    ids=str,
)
def test_types_by_hand(answer: tuple[float, float] | str, expected: str) -> None:
    found = errors(samples(), [answer, (60, 80)])
    assert found.types == (expected, "right")
    assert found.count[expected] == 1 + (expected == "right")


def test_hundredths_of_a_long_video_are_told_where_seconds_are_impossible() -> None:
    asked = make_samples("t", [one_query("v", 40.0, "q", (Span(20.0, 30.0),)), one_query("w", 40.0, "q", (Span(0.0, 9.0),))])
    assert errors(asked, [(50, 75), (0, 9)]).types == ("wrong clock", "right")


@given(st.lists(ANSWERS, min_size=2, max_size=12).filter(lambda answers: len(answers) % 2 == 0))
def test_points_are_divided_without_rest(answers: list[tuple[float, float] | str]) -> None:
    asked = samples(len(answers) // 2)
    found = errors(asked, answers)
    targets = np.array([sample.truth.spans[0] for sample in asked], dtype=np.float64)
    spans = np.array([(0, 0) if isinstance(answer, str) else answer for answer in answers], dtype=np.float64)
    values = iou(spans, targets)
    assert None not in found.types
    assert sum(found.count.values()) == len(answers)
    assert sum(found.miou.values()) == pytest.approx(100 - 100 * values.mean())
    assert sum(found.r1.values()) == pytest.approx(100 - 100 * (values >= 0.5).mean())
    for name in TYPES:
        repaired = np.where([t == name for t in found.types], 1.0, values)
        assert found.miou[name] == pytest.approx(100 * (repaired.mean() - values.mean()))


def test_a_moment_of_another_query_is_found_among_many() -> None:
    """As by looking at every pair of one video."""
    rng = np.random.default_rng(0)
    starts = rng.integers(0, 900, size=120)
    rows = [one_query(f"v{i % 3}", 1000.0, f"q{i}", (Span(float(s), float(s + 40)),)) for i, s in enumerate(starts.tolist())]
    asked = make_samples("t", rows)
    answers = [(s + 20.0, s + 60.0) for s in rng.integers(0, 900, size=120).tolist()]
    found = errors(asked, answers)
    for i, (sample, answer) in enumerate(zip(asked, answers, strict=True)):
        span = np.array([answer])
        own = iou(span, np.array(sample.truth.spans))[0]
        others = [s for s in asked if s.video == sample.video and s.id != sample.id]
        best = max(iou(span, np.array(s.truth.spans))[0] for s in others)
        assert (found.types[i] == "wrong event") == (own < 0.5 <= best and answer[0] < 1000)


def test_what_does_not_count_has_no_type() -> None:
    asked = samples()
    found = typed(asked, np.array([np.nan, 0.2]), np.array([False, False]), np.array([[1.0, 2.0], [70.0, 74.0]]), [None, None])
    assert found.types == (None, "too short")
    assert found.miou["too short"] == pytest.approx(80)


def test_nothing_answered() -> None:
    found = errors(samples(), ["no-span", "missing-video"])
    assert found.count["no answer"] == 2
    assert found.clock is None


TURNS = {
    "times x 2": lambda spans, duration: spans / 2,
    "times x 0.5": lambda spans, duration: spans * 2,
    "times -12 s": lambda spans, duration: spans + 12,
    "hundredths of the video": lambda spans, duration: 100 * spans / duration,
    "fractions of the video": lambda spans, duration: spans / duration,
    "milliseconds": lambda spans, duration: 1000 * spans,
    "minutes": lambda spans, duration: spans / 60,
}


@pytest.mark.shared_data
def test_turned_clocks_of_real_answers_are_found(shared_data: Path) -> None:
    asked = make_plan("qvhighlights", None, None, (), shared_data).samples
    with (shared_data / "qvhighlights" / "sample_val_preds.jsonl").open(encoding="utf-8") as file:
        read = {identifier: prediction.spans[0] for identifier, prediction in read_submission(file)}
    spans = np.array([read[str(sample.native_id)] for sample in asked], dtype=np.float64)
    duration = np.array([[sample.duration_s] for sample in asked])
    most = max(len(sample.truth.spans) for sample in asked)
    targets = np.array(
        [[*sample.truth.spans, *[(0, 0)] * (most - len(sample.truth.spans))] for sample in asked], dtype=np.float64
    )

    def found(answers: np.ndarray) -> Diagnosis:
        ious = best_iou(answers, targets)
        return typed(asked, ious, ious >= 0.5, answers, [None] * len(asked))

    plain = best_iou(spans, targets)
    assert found(spans).clock is None
    for name, turn in TURNS.items():
        turned = turn(spans, duration)
        wrong = found(turned)
        assert wrong.clock == name
        assert wrong.clock_gain == pytest.approx(100 * (plain.mean() - best_iou(turned, targets).mean()), abs=1.0)
        assert wrong.count["wrong clock"] >= 0.9 * ((plain >= 0.5) & (best_iou(turned, targets) < 0.5)).sum()
    whole = np.concatenate([np.zeros_like(duration), duration], axis=1)
    for rule in (whole, whole * 0.5, np.roll(spans, 500, axis=0)):
        assert found(rule).clock is None
