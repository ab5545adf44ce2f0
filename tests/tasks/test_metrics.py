"""Metrics against brute force in fractions, and against the whole-number cases that floating point gets wrong."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.metrics import iou, top1
from tasks.span import Span, exact_iou

TENTHS = st.integers(0, 400).map(lambda n: n / 10)
SPANS = st.builds(Span, TENTHS, TENTHS)


def brute_iou(a: Span, b: Span, unit: Fraction = Fraction(1, 10)) -> Fraction:
    """Counts unit cells covered by both and by either."""

    def cells(span: Span) -> set[int]:
        return set(range(int(Fraction(str(span.start_s)) / unit), int(Fraction(str(span.end_s)) / unit)))

    union = cells(a) | cells(b)
    return Fraction(len(cells(a) & cells(b)), len(union)) if cells(a) and cells(b) else Fraction(0)


@given(SPANS, SPANS)
def test_iou_equals_counting_cells(a: Span, b: Span) -> None:
    expected = brute_iou(a, b)
    assert exact_iou(a, b) == expected
    assert iou(np.array([a]), np.array([b]))[0] == pytest.approx(float(expected), abs=1e-12)
    assert exact_iou(a, b) == exact_iou(b, a)


@given(st.lists(st.tuples(SPANS, st.lists(SPANS, min_size=1, max_size=4)), min_size=1, max_size=20))
def test_top1_equals_brute_force(queries: list[tuple[Span, list[Span]]]) -> None:
    values, hits = top1([p for p, _ in queries], [t for _, t in queries], (0.3, 0.5, 0.7))
    for i, (predicted, targets) in enumerate(queries):
        best = max(brute_iou(predicted, target) for target in targets)
        assert values[i] == pytest.approx(float(best), abs=1e-12)
        for threshold in (0.3, 0.5, 0.7):
            assert hits[threshold][i] == (best >= Fraction(str(threshold)))


def test_thresholds_are_decimal() -> None:
    # True IoU is exactly 0.7 and 0.3; both are below the threshold in floating point.
    cases = [(Span(0.1, 0.8), Span(0.1, 1.1), 0.7), (Span(0.0, 0.3), Span(0.0, 1.0), 0.3), (Span(1.1, 1.4), Span(1.1, 2.1), 0.3)]
    floats = [float(iou(np.array([a]), np.array([b]))[0]) for a, b, _ in cases]
    assert any(value < threshold for value, (_, _, threshold) in zip(floats, cases, strict=True))
    for a, b, threshold in cases:
        assert top1([a], [[b]], (threshold,))[1][threshold][0]
    below = Span(0, Decimal("0.6999999999999999999"))
    assert not top1([below], [[Span(0.0, 1.0)]], (0.7,))[1][0.7][0]


def test_large_offsets_do_not_fool_the_threshold() -> None:
    # At 10^6 s a float cannot hold these tenths exactly enough to tell 0.5 from just under it.
    assert top1([Span(1000000.1, 1000000.2)], [[Span(1000000.1, 1000000.3)]], (0.5,))[1][0.5][0]


def test_what_is_not_a_span_scores_nothing() -> None:
    values, hits = top1([None, Span(3, 3), Span(5, 1), Span(0, 4)], [[Span(0.0, 4.0)]] * 3 + [[Span(4.0, 0.0)]], (0.3,))
    assert values.tolist() == [0, 0, 0, 0]
    assert not hits[0.3].any()
    assert top1([], [], (0.5,))[0].shape == (0,)
