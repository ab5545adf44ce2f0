"""Highlight detection: how well clip scores rank the clips that annotators liked, and clip scores from spans.

Source: `standalone_eval` of moment_detr (github.com/jayleicn/moment_detr at b7e553a), the evaluator of QVHighlights (Lei et al.,
arXiv 2107.09609). Its average precision is not scikit-learn's: precision is made monotone, then averaged, unweighted, over the
scores at which recall changes. One difference: a query without any clip score scores 0 (there it breaks HIT@1).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.metrics import Floats
from tasks.moments import padded, percent
from tasks.span import Span

CLIP_S = 2.0
# Lowest score, of 0 to 4, at which an annotator's clip counts as a highlight.
LEVELS = {"Fair": 2, "Good": 3, "VeryGood": 4}


class HighlightScores(NamedTuple):
    """Values of each query; a column stands for a level of `LEVELS`.

    Attributes:
        ap: `(n, l)` average precision, mean over the annotators.
        hit: `(n, l)` whether any annotator gave the level to the clip of highest score (HIT@1).
    """

    ap: Floats
    hit: NDArray[np.bool_]


def highlight_detection(
    predictions: Sequence[Sequence[float] | None], saliency: Sequence[Sequence[Sequence[float]]]
) -> HighlightScores:
    """Score the clip scores of every query at each of `LEVELS`.

    For AP, scores beyond the last clip are dropped, missing ones are 0, and clips of equal score form one step; an annotator
    who marks no clip gives 0, one who marks all gives 1. HIT@1 takes the first highest of the scores as given, before any are
    dropped or added.

    Args:
        predictions: For each of n queries one score a clip; none at all is a miss.
        saliency: For each query `(clips, annotators)` scores, with the same annotators throughout.

    Raises:
        ValueError: A score is NaN, or the lists are not of these shapes.

    >>> scores = highlight_detection([[0.1, 0.9, 0.3]], [[(4, 0), (0, 0), (4, 2)]])
    >>> scores.ap[0].round(3).tolist(), scores.hit[0].tolist()
    ([0.583, 0.333, 0.333], [False, False, False])
    """
    if len(predictions) != len(saliency):
        raise ValueError(f"expected clip scores for {len(saliency)} queries, found {len(predictions)}")
    given = [np.nan_to_num(np.asarray(() if row is None else row, dtype=np.float64), nan=np.nan) for row in predictions]
    truth, present = _padded(saliency)
    top = np.array([row.argmax() if len(row) else -1 for row in given], dtype=np.intp)
    valid = (top >= 0) & (top < present.sum(axis=1))
    peak = truth[np.arange(len(top)), np.where(valid, top, 0)].max(axis=1)
    order, last = _steps(given, present)
    ranked = np.take_along_axis(truth, order[..., None], axis=1)
    answered = np.array([len(row) > 0 for row in given], dtype=np.bool_)
    ap = [np.where(answered, _average_precision(ranked >= least, last).mean(axis=1), 0.0) for least in LEVELS.values()]
    hit = [valid & (peak >= least) for least in LEVELS.values()]
    return HighlightScores(np.stack(ap, axis=1), np.stack(hit, axis=1))


def means(scores: HighlightScores) -> dict[str, float]:
    """Percentages by name, such as `HL-min-VeryGood-mAP` and `HL-min-VeryGood-Hit1`; NaN over no query."""
    result: dict[str, float] = {}
    for level, ap, hit in zip(LEVELS, scores.ap.T, scores.hit.T, strict=True):
        result |= {f"HL-min-{level}-mAP": percent(ap), f"HL-min-{level}-Hit1": percent(hit)}
    return result


def _padded(saliency: Sequence[Sequence[Sequence[float]]]) -> tuple[Floats, NDArray[np.bool_]]:
    """`(n, most clips, annotators)` with -1, which is no level, where there is no clip, and `(n, most clips)` where there is."""
    annotators = {len(row) for rows in saliency for row in rows} or {1}
    if len(annotators) > 1 or 0 in annotators:
        raise ValueError(f"expected the same number of annotators for every clip, found {sorted(annotators)}")
    truth, present = padded(saliency, annotators.pop())
    truth[~present] = -1.0
    return truth, present


def _steps(given: Sequence[Floats], present: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """`(n, clips)` clips from the highest score to the lowest, and whether each is the last of its score."""
    scores = np.zeros(present.shape)
    for row, values in zip(scores, given, strict=True):
        row[: len(values)] = values[: len(row)]
    if np.isnan(scores).any():
        raise ValueError("expected clip scores, found NaN")
    scores[~present] = -math.inf
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=1)
    last = np.ones(present.shape, dtype=np.bool_)
    last[:, :-1] = ranked[:, :-1] != ranked[:, 1:]
    return order, last


def _average_precision(positive: NDArray[np.bool_], last: NDArray[np.bool_]) -> Floats:
    """`(n, annotators)` AP from `(n, clips, annotators)` highlights by rank and `(n, clips)` ends of steps.

    Clips that are not there rank last and are never positive: they only lower precision after the last recall.
    """
    found = positive.cumsum(axis=1)
    precision = np.where(last[..., None], found / np.arange(1, positive.shape[1] + 1)[:, None], 0.0)
    interpolated = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    at_ends = np.where(last[..., None], found, 0)
    before = np.zeros_like(at_ends)
    before[:, 1:] = np.maximum.accumulate(at_ends, axis=1)[:, :-1]
    gains = at_ends > before
    return np.asarray((interpolated * gains).sum(axis=1) / np.maximum(gains.sum(axis=1), 1))


def flat(spans: Sequence[Span], clips: int, clip_s: float = CLIP_S) -> list[float]:
    """Clip scores from spans: 1 inside, 0 outside. HIT@1 then falls on the first clip inside.

    Args:
        spans: Spans in seconds, cut to the video; what is empty or reversed marks nothing.
        clips: Number of clips. A clip is inside if its middle is; a span too short for that marks the clip it is centred in.

    >>> flat([Span(2, 6)], 4)
    [0.0, 1.0, 1.0, 0.0]
    """
    return [float(score > 0) for score in centre(spans, clips, clip_s)]


def centre(spans: Sequence[Span], clips: int, clip_s: float = CLIP_S) -> list[float]:
    """Clip scores from spans: falling linearly from the centre of a span to a clip beyond its bounds, 0 outside.

    Arguments as in `flat`; where spans overlap, the higher score counts.

    >>> centre([Span(2, 8)], 5)
    [0.0, 0.6, 1.0, 0.6, 0.0]
    """
    result = [0.0] * clips
    middles = [(clip + 0.5) * clip_s for clip in range(clips)]
    for span in spans:
        start, end = max(0.0, float(span.start_s)), min(clips * clip_s, float(span.end_s))
        if not start < end:
            continue
        peak = (start + end) / 2
        inside = [clip for clip, middle in enumerate(middles) if start <= middle < end] or [min(int(peak / clip_s), clips - 1)]
        for clip in inside:
            score = 1 - abs(middles[clip] - peak) / ((end - start) / 2 + clip_s)
            result[clip] = max(result[clip], score)
    return result
