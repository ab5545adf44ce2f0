"""Highlight detection against loops written from the rules, in fractions."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.highlights import LEVELS, centre, flat, highlight_detection, means
from tasks.span import Span

Query = tuple[list[float] | None, list[tuple[int, ...]]]


def loop_ap(predicted: Sequence[float], positive: Sequence[bool]) -> Fraction:
    """Mean, over the scores at which a clip is newly recalled, of the best precision there or at any lower score."""
    if not any(positive):
        return Fraction(0)
    scores = [predicted[i] if i < len(predicted) else 0.0 for i in range(len(positive))]
    points = []
    for level in sorted(set(scores), reverse=True):
        chosen = [p for p, score in zip(positive, scores, strict=True) if score >= level]
        points.append((sum(chosen), Fraction(sum(chosen), len(chosen))))
    steps, before = [], 0
    for i, (found, _) in enumerate(points):
        if found > before:
            steps.append(max(precision for _, precision in points[i:]))
        before = found
    return sum(steps, Fraction(0)) / len(steps)


def loop_reference(predicted: Sequence[float] | None, saliency: Sequence[Sequence[float]]) -> list[tuple[Fraction, bool]]:
    """AP and hit at each level."""
    if not predicted:
        return [(Fraction(0), False)] * len(LEVELS)
    top = list(predicted).index(max(predicted))
    result = []
    for least in LEVELS.values():
        by_annotator = [loop_ap(predicted, [clip[a] >= least for clip in saliency]) for a in range(len(saliency[0]))]
        hit = top < len(saliency) and any(score >= least for score in saliency[top])
        result.append((sum(by_annotator, Fraction(0)) / len(by_annotator), hit))
    return result


LABELS = st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=7)
UNIFORM = st.tuples(st.integers(1, 6), st.tuples(*[st.sampled_from([0, 4])] * 3)).map(lambda t: [t[1]] * t[0])
SCORES = st.none() | st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0]) | st.floats(-2, 2), max_size=9)
QUERIES = st.lists(st.tuples(SCORES, LABELS | UNIFORM), min_size=1, max_size=5)


@given(QUERIES)
def test_equals_loops(data: list[Query]) -> None:
    result = highlight_detection([p for p, _ in data], [s for _, s in data])
    for i, (predicted, saliency) in enumerate(data):
        expected = loop_reference(predicted, saliency)
        assert result.ap[i].tolist() == pytest.approx([float(ap) for ap, _ in expected], abs=1e-12)
        assert result.hit[i].tolist() == [hit for _, hit in expected]
    assert ((result.ap >= 0) & (result.ap <= 1 + 1e-12)).all()


@given(QUERIES, st.randoms(use_true_random=False))
def test_order_of_queries_plays_no_part(data: list[Query], random: object) -> None:
    shuffled = list(data)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    before, after = (means(highlight_detection([p for p, _ in d], [s for _, s in d])) for d in (data, shuffled))
    assert before == after


@given(LABELS)
def test_gold_gets_the_maximum(labels: list[tuple[int, ...]]) -> None:
    """With one annotator, ranking by the annotator is perfect wherever there is a highlight."""
    alone = [clip[:1] for clip in labels]
    result = highlight_detection([[float(clip[0]) for clip in alone]], [alone])
    possible = [float(any(clip[0] >= least for clip in alone)) for least in LEVELS.values()]
    assert result.ap[0].tolist() == pytest.approx(possible) and result.hit[0].tolist() == possible


def very_good(predicted: list[float] | None, labels: list[int]) -> tuple[float, bool]:
    result = highlight_detection([predicted], [[(label,) for label in labels]])
    return float(result.ap[0, -1]), bool(result.hit[0, -1])


def test_precision_is_monotone_and_unweighted() -> None:
    # Two of three at the third clip count for the second step too; scikit-learn's AP would be 1/2 * 1/2 + 1/2 * 2/3.
    assert very_good([0.9, 0.8, 0.7, 0.1], [0, 4, 4, 0])[0] == pytest.approx(2 / 3)
    # One step of two clips weighs as much as one step of one.
    assert very_good([0.9, 0.5, 0.5, 0.5], [4, 4, 4, 0])[0] == pytest.approx((1 + 3 / 4) / 2)


def test_ties_are_one_step_and_the_first_clip_is_the_hit() -> None:
    assert very_good([0.0, 0.0, 0.0, 0.0], [0, 4, 0, 0]) == (0.25, False)
    assert very_good([0.0, 0.0, 0.0, 0.0], [4, 0, 0, 0]) == (0.25, True)


def test_annotators_who_mark_none_or_all() -> None:
    assert very_good([0.1, 0.9], [0, 3]) == (0.0, False)
    assert very_good([0.1, 0.9], [4, 4]) == (1.0, True)
    assert very_good([0.1], [4]) == (1.0, True)


def test_scores_are_padded_and_cut_for_ap_only() -> None:
    # Missing clips have a score of 0, above the negative ones given, but are not looked at for the hit.
    assert very_good([-0.5, -0.1], [0, 4, 0]) == (0.5, True)
    assert very_good([-0.5, -0.1], [0, 0, 4]) == (1.0, False)
    assert very_good([0.1, 0.5, 0.9], [0, 4]) == (1.0, False)


def test_no_score_at_all_scores_nothing() -> None:
    assert very_good(None, [4, 4]) == very_good([], [4, 4]) == (0.0, False)


def test_huge_scores_rank_and_nan_is_refused() -> None:
    assert very_good([0.0, float("inf"), float("-inf")], [0, 4, 0]) == (1.0, True)
    with pytest.raises(ValueError, match="NaN"):
        very_good([0.0, float("nan")], [0, 4])


def test_shapes() -> None:
    assert highlight_detection([], []).ap.shape == (0, 3)
    assert np.isnan(means(highlight_detection([], []))["HL-min-Fair-mAP"])
    assert highlight_detection([[1.0]], [[]]).hit.tolist() == [[False] * 3]
    with pytest.raises(ValueError, match="for 1 queries, found 0"):
        highlight_detection([], [[(4,)]])
    with pytest.raises(ValueError, match="annotators"):
        highlight_detection([[1.0]], [[(4, 4), (4,)]])


def test_flat_marks_clips_whose_middle_is_inside() -> None:
    assert flat([Span(2, 6)], 4) == [0, 1, 1, 0]
    assert flat([Span(0.9, 3.1), Span(6, 20)], 5) == [1, 1, 0, 1, 1]
    assert flat([Span(1.0, 3.0)], 3) == [1, 0, 0]
    assert flat([Span(2.2, 2.8)], 3) == [0, 1, 0]
    assert flat([Span(5, 2), Span(3, 3), Span(8, 9), Span(-4, -2)], 3) == [0, 0, 0]
    assert flat([Span(0, Decimal("1e999"))], 2) == [1, 1] and flat([Span(0, 5)], 0) == []


def test_centre_peaks_in_the_middle() -> None:
    assert centre([Span(2, 8)], 5) == [0, 0.6, 1, 0.6, 0]
    two = centre([Span(0, 4)], 3)
    assert two[0] == two[1] > two[2] == 0
    assert centre([Span(0, 2), Span(0, 6)], 3)[0] == 1


@given(st.lists(st.builds(Span, st.floats(-5, 30), st.floats(-5, 30)), max_size=3), st.integers(0, 12))
def test_span_rules_mark_the_same_clips(spans: list[Span], clips: int) -> None:
    peaked, constant = centre(spans, clips), flat(spans, clips)
    assert [score > 0 for score in peaked] == [score == 1 for score in constant]
    assert len(peaked) == clips and all(0 <= score <= 1 for score in peaked)
    inside = any(max(0, s.start_s) < min(2 * clips, s.end_s) for s in spans)
    assert any(constant) == inside
