"""Rounding, clamping, IoU variants, width and comparison: each rule alone, by hand and against plain loops."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scores import score
from tasks import protocol
from tasks.answer import Answer
from tasks.kinds import moment as rules
from tasks.kinds import union
from tasks.kinds.union import merged_set
from tasks.metrics import iou
from tasks.protocol import Protocol
from tasks.sample import make_samples, one_query
from tasks.span import Span

TIMES = st.integers(0, 400).map(lambda n: n / 10)
SPANS = st.tuples(TIMES, TIMES).map(lambda times: Span(*times))


def under(**changes: Any) -> Protocol:
    default = protocol.load("default")
    return replace(default, score=replace(default.score, **{"comparison": ">=", **changes}))


def one(rule: Protocol, predicted: list[Span], targets: list[Span], duration_s: float = 30.0) -> float:
    return float(rules.ious(rule, [predicted], [targets], [duration_s])[0])


def reached(rule: Protocol, predicted: Span, target: Span) -> dict[float, bool]:
    arguments = [[predicted]], [[target]], [30.0]
    found = rules.hits(rule, rules.ious(rule, *arguments), *arguments)
    return {threshold: bool(hit[0]) for threshold, hit in found.items()}


@given(SPANS, SPANS)
def test_variants_agree_on_two_proper_spans(a: Span, b: Span) -> None:
    left, right = np.array([a]), np.array([b])
    expected = iou(left, right)
    for variant in (rules.hull, rules.union):
        value = variant(left, right)
        assert 0 <= value[0] <= 1
        assert value == pytest.approx(expected)
        assert variant(right, left) == pytest.approx(value)
        assert variant(left.astype(np.float32), right.astype(np.float32)).dtype == np.float32


@given(st.lists(SPANS, min_size=1, max_size=4), st.lists(SPANS, min_size=1, max_size=4))
def test_merged_sets_by_counting_tenths(a: list[Span], b: list[Span]) -> None:
    a, b = ([Span(*sorted(span)) for span in spans] for spans in (a, b))
    covered = [{t for span in spans for t in range(round(span.start_s * 10), round(span.end_s * 10))} for spans in (a, b)]
    whole = len(covered[0] | covered[1])
    assert merged_set(a, b) == pytest.approx(len(covered[0] & covered[1]) / whole if whole else 1.0)


def test_merged_sets_count_every_span() -> None:
    def region(predicted: list[Span], targets: list[Span]) -> float:
        sample = one_query("v", 30.0, "q", targets)
        return float(union.values([sample], [Answer(tuple(predicted))], protocol.load("videochat-r1.5-set"))["set-mIoU"][0])

    assert region([Span(0, 2), Span(4, 6)], [Span(0, 6)]) == pytest.approx(4 / 6)
    assert region([Span(0, 3), Span(2, 4)], [Span(0, 4)]) == 1.0
    assert region([Span(5, 5)], [Span(7, 7)]) == 1.0
    assert region([], [Span(7, 8)]) == 0.0


def test_the_first_span_counts_against_the_best_target() -> None:
    assert one(under(), [Span(0, 4), Span(10, 20)], [Span(10, 20), Span(0, 8)]) == 0.5


@pytest.mark.parametrize("variant", ["span", "hull", "union"])
@pytest.mark.parametrize("predicted", [Span(18, 12), Span(15, 15), Span(1e300, 1e300), Span(1e300, 5), Span(40, 50)])
def test_reversed_empty_endless_and_distant_spans_score_nothing(variant: str, predicted: Span) -> None:
    for bits in (32, 64):
        assert one(under(iou=variant, float_bits=bits), [predicted], [Span(12, 18)]) == 0.0
        assert one(under(iou=variant, float_bits=bits), [Span(12, 18)], [predicted]) == 0.0


def test_an_endless_span_scores_next_to_nothing() -> None:
    assert one(under(iou="hull"), [Span(0, 1e300)], [Span(12, 18)]) < 1e-200


def test_exactly_on_the_threshold() -> None:
    """0.7 by hand: 7 of 10 seconds. In float32 it is 0.69999999, below the double 0.7; 0.3 and 0.5 are not."""
    full, wide = Span(0.0, 10.0), under(iou="union")
    for share, expected in ((3.0, True), (5.0, True), (7.0, False)):
        assert reached(under(iou="union", float_bits=32), Span(0.0, share), full)[share / 10] is expected
        assert reached(wide, Span(0.0, share), full)[share / 10]
        assert not reached(under(iou="hull", comparison=">"), Span(0.0, share), full)[share / 10]
        assert reached(under(comparison="exact"), Span(0.0, share), full)[share / 10]


def test_iou_is_rounded_before_it_is_compared() -> None:
    almost = Span(0.0, 6.95), Span(0.0, 10.0)
    assert not reached(under(iou="hull"), *almost)[0.7]
    assert reached(under(iou="hull", round_iou=1), *almost)[0.7]
    assert one(under(iou="hull", round_iou=2), [Span(0, 1)], [Span(0, 3)]) == 0.33
    assert one(under(iou="hull", round_iou=4), [Span(0, 1)], [Span(0, 3)]) == 0.3333


def test_halves_round_to_even_seconds() -> None:
    ((predicted,), _) = rules.adjusted(
        under(round_prediction="integer"), [[Span(12.5, 17.5), Span(0.4, 3.5)]], [[Span(0, 1)]], [9.0]
    )
    assert predicted == [Span(12.0, 18.0), Span(0.0, 4.0)]


def test_clamping_cuts_true_ends_only() -> None:
    left, right = rules.adjusted(under(clamp_targets=True), [[Span(2, 40)]], [[Span(2, 40), Span(3, 5)]], [30.0])
    assert (left, right) == ([[Span(2, 40)]], [[Span(2, 30.0), Span(3, 5)]])


def test_percent_compares_shares_of_the_video() -> None:
    percent = protocol.load("vtimellm-percent")
    assert one(percent, [Span(50.0, 150.0)], [Span(50.0, 150.0)], 200.0) == 1.0
    assert one(percent, [Span(0.0, 198.0)], [Span(0.0, 200.0)], 200.0) == 0.99


@given(st.integers(0, 99), st.floats(0.5, 90_000))
def test_seconds_give_back_the_hundredth_that_was_said(said: int, duration_s: float) -> None:
    """The original divides what was said by a hundred; seconds between it and the rule must not move the last bit."""
    (((start, _),),), _ = rules.adjusted(
        protocol.load("vtimellm-percent"), [[Span(said * duration_s / 100, duration_s)]], [[Span(0, 1)]], [duration_s]
    )
    assert start == said / 100


def test_nothing_changes_under_default() -> None:
    predicted, targets = [[Span(1, 2)]], [[Span(1, 99)]]
    left, right = rules.adjusted(protocol.load("default"), predicted, targets, [30.0])
    assert left is predicted and right is targets


def test_denominators() -> None:
    rows = [one_query("v", 9.0, q, (Span(0, 1),)) for q in ("a", "b", "a", "c")]
    samples = make_samples("t", rows)
    failed, missing = [False, True, False, False], [False, False, False, True]

    def kept(**changes: str) -> list[bool]:
        replies = zip(samples, failed, missing, strict=True)
        error = {"type": "missing-video", "message": ""}
        records = {
            (s.id, "m"): {"error": error if gone else None, "text": "no" if unread else "<answer>0 to 1</answer>"}
            for s, unread, gone in replies
        }
        lines = score(samples, records, under(**changes), ("m",))["modes"]["m"]["samples"]
        return ["dropped" not in line for line in lines]

    assert kept() == [True] * 4
    assert kept(failure="drop") == [True, False, True, True]
    assert kept(error="drop") == [True, True, True, False]
    assert kept(duplicates="last") == [False, True, True, True]


def test_no_samples() -> None:
    empty: tuple[list[Any], list[Any], list[float]] = ([], [], [])
    for rule in (under(), protocol.load("default")):
        values = rules.ious(rule, *empty)
        assert len(values) == 0
        assert {len(hit) for hit in rules.hits(rule, values, *empty).values()} == {0}
