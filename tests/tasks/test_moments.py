"""Moment retrieval against loops written from the rules, in fractions."""

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.answer import Answer
from tasks.moments import LENGTHS, MAX_WINDOWS, THRESHOLDS, Window, means, moment_retrieval, windows
from tasks.span import Span, exact


def loop_iou(a: Sequence[float | Decimal], b: Sequence[float | Decimal]) -> Fraction:
    (a0, a1), (b0, b1) = map(exact, a[:2]), map(exact, b)
    shared = min(a1, b1) - max(a0, b0)
    return shared / (a1 - a0 + b1 - b0 - shared) if a0 < a1 and b0 < b1 and shared > 0 else Fraction(0)


def loop_ap(predicted: Sequence[Window], targets: Sequence[Span], threshold: Fraction) -> Fraction:
    free = dict(enumerate(targets))
    found, precisions, hits = 0, [], []
    for rank, window in enumerate(sorted(predicted[:MAX_WINDOWS], key=lambda w: -w[2]), 1):
        reached = [(loop_iou(window, target), i) for i, target in free.items() if loop_iou(window, target) >= threshold]
        if reached:
            del free[max(reached)[1]]
            found += 1
        precisions.append(Fraction(found, rank))
        hits.append(bool(reached))
    steps = [max(precisions[i:]) for i, hit in enumerate(hits) if hit]
    return sum(steps, Fraction(0)) / len(targets)


def loop_reference(
    predicted: Sequence[Window], targets: Sequence[Span]
) -> dict[str, tuple[list[Fraction], list[bool], Fraction] | None]:
    """AP and R1 by threshold and IoU of the first window, for each range in which the query has a target."""
    result: dict[str, tuple[list[Fraction], list[bool], Fraction] | None] = {}
    for name, (over, up_to) in LENGTHS.items():
        inside = [t for t in targets if over < exact(t.end_s) - exact(t.start_s) <= up_to]
        best = max((loop_iou(predicted[0], target) for target in inside), default=Fraction(0)) if predicted else Fraction(0)
        levels = [exact(t) for t in THRESHOLDS]
        result[name] = ([loop_ap(predicted, inside, t) for t in levels], [best >= t for t in levels], best) if inside else None
    return result


def queries(unit: float) -> st.SearchStrategy[list[tuple[list[Window], list[Span]]]]:
    """Queries on a coarse grid, so that IoUs hit thresholds and each other; scores tie."""
    time = st.integers(0, 24).map(lambda n: n * 2.0 if unit == 2 else n / 10)
    score = st.sampled_from([0.0, 0.25, 0.5, 1.0])
    span = st.tuples(time, time).filter(lambda t: t[0] < t[1]).map(lambda t: Span(*t))
    query = st.tuples(st.lists(st.tuples(time, time, score), max_size=13), st.lists(span, min_size=1, max_size=4))
    return st.lists(query, min_size=1, max_size=5)


@given(st.one_of(queries(2), queries(0.1)))
@settings(deadline=None)
def test_equals_loops(data: list[tuple[list[Window], list[Span]]]) -> None:
    result = moment_retrieval([p for p, _ in data], [t for _, t in data])
    for i, (predicted, targets) in enumerate(data):
        for name, expected in loop_reference(predicted, targets).items():
            counted, ap, hit, iou = (column[i] for column in result[name])
            assert counted == (expected is not None)
            if expected is not None:
                assert ap.tolist() == pytest.approx([float(x) for x in expected[0]], abs=1e-12)
                assert hit.tolist() == expected[1]
                assert iou == pytest.approx(float(expected[2]), abs=1e-12)
            assert ((ap >= 0) & (ap <= 1)).all()


@given(st.one_of(queries(2), queries(0.1)), st.randoms(use_true_random=False))
def test_order_of_queries_plays_no_part(data: list[tuple[list[Window], list[Span]]], random: object) -> None:
    shuffled = list(data)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    before, after = (means(moment_retrieval([p for p, _ in d], [t for _, t in d])) for d in (data, shuffled))
    assert before.keys() == after.keys()
    assert all(value == after[name] or math.isnan(value) for name, value in before.items())


@given(st.one_of(queries(2), queries(0.1)))
def test_gold_gets_the_maximum(data: list[tuple[list[Window], list[Span]]]) -> None:
    targets = [t for _, t in data]
    result = moment_retrieval([[(*span, 1.0) for span in t] for t in targets], targets)["full"]
    assert (result.ap == pytest.approx(1)) and result.hit.all() and (result.iou == 1).all()


def test_first_window_is_first_in_file_order_and_ap_goes_by_score() -> None:
    low_first: list[Window] = [(50.0, 60.0, 0.1), (0.0, 10.0, 0.9)]
    result = moment_retrieval([low_first], [[Span(0, 10)]])["full"]
    assert (result.iou[0], result.hit.any(), result.ap[0].tolist()) == (0.0, False, [1.0] * 10)


def test_only_the_first_ten_windows_count_even_if_later_ones_score_higher() -> None:
    late: list[Window] = [*[(50.0, 60.0, 0.1)] * 10, (0.0, 10.0, 0.9)]
    assert not moment_retrieval([late], [[Span(0, 10)]])["full"].ap.any()
    assert moment_retrieval([late[1:]], [[Span(0, 10)]])["full"].ap.all()


def test_a_query_without_windows_stays_in_the_mean() -> None:
    result = means(moment_retrieval([[(0.0, 10.0, 1.0)], []], [[Span(0, 10)], [Span(0, 10)]]))
    assert (result["MR-full-mAP"], result["MR-full-R1@0.5"], result["MR-full-mIoU"]) == (50, 50, 50)


def test_a_target_is_found_once() -> None:
    twice: list[Window] = [(0.0, 10.0, 0.9), (0.0, 10.0, 0.8), (20.0, 30.0, 0.7)]
    assert moment_retrieval([twice], [[Span(0, 10), Span(20, 30)]])["full"].ap[0, 0] == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_lengths_are_over_and_up_to() -> None:
    targets = [[Span(0, 10), Span(20, 50)], [Span(0, 30.5)]]
    result = moment_retrieval([[(0.0, 10.0, 1.0)], [(0.0, 30.5, 1.0)]], targets)
    assert {name: scores.counted.tolist() for name, scores in result.items()} == {
        "short": [True, False], "middle": [True, False], "long": [False, True], "full": [True, True]
    }  # fmt: skip
    # A window is no less wrong for the length of the target it finds.
    assert (result["short"].ap[0, 0], result["middle"].ap[0, 0], result["full"].ap[0, 0]) == (1, 0, 0.5)
    assert math.isnan(means(moment_retrieval([[]], [[Span(0, 5)]]))["MR-long-mAP"])


def test_comparison() -> None:
    # True IoU is exactly 0.5; in floating point it is just below.
    case = ([[(0.0, 0.3, 1.0)]], [[Span(0.1, 0.4)]])
    for comparison, reached in (("exact", True), ("float", False)):
        scores = moment_retrieval(*case, comparison)["full"]
        assert (scores.hit[0, 0], scores.ap[0, 0] == 1) == (reached, reached)
    below: list[Window] = [(0, Decimal("0.4999999999999999999"), 1.0)]
    assert not moment_retrieval([below], [[Span(0, 1)]])["full"].hit[0, 0]
    with pytest.raises(ValueError, match="'about'"):
        moment_retrieval(*case, "about")


def test_what_is_no_window_scores_nothing() -> None:
    odd: list[Window] = [(0.0, 0.0, 1.0), (9.0, 3.0, 1.0), (0, Decimal("1e999"), 1.0), (-1e308, 1e308, 1.0)]
    result = moment_retrieval([[w] for w in odd], [[Span(0, 10)]] * len(odd))["full"]
    assert not result.iou.any() and not result.ap.any()


def test_shapes() -> None:
    empty = moment_retrieval([], [])["full"]
    assert (empty.ap.shape, empty.hit.shape, empty.iou.shape) == ((0, 10), (0, 10), (0,))
    assert moment_retrieval([[]], [[Span(0, 1)]])["full"].ap.dtype == np.float64
    for predictions, targets in (([[]], []), ([[]], [[]]), ([], [[Span(0, 1)]])):
        with pytest.raises(ValueError, match="expected targets"):
            moment_retrieval(predictions, targets)


def test_windows_of_a_prediction() -> None:
    spans = (Span(1, 2), Span(3, 4))
    assert windows(Answer(spans)) == [(1, 2, 1.0), (3, 4, 1.0)]
    assert windows(Answer(spans, scores=(0.1, 0.2))) == [(1, 2, 0.1), (3, 4, 0.2)]
    assert windows(Answer(failure="no-span")) == []
