"""Scores of clips against the labels of annotators, a video at a time: highlight detection of TVSum and YouTube Highlights."""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from tasks.answer import Answer
from tasks.highlights import CLIP_S, centre, flat
from tasks.kinds import Columns, Kind, highlights
from tasks.metrics import Floats
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.span import Span


def values(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Columns:
    """`mAP`: average precision of the clips ranked by score, mean over annotators; NaN where no clip has labels.

    Precision is joined by straight lines and starts at 1. Under a rule `top`, only that many best clips are looked at, and
    recall counts the highlights among them.

    Source: UMT datasets/tvsum.py and youtube.py (bde05e3).
    """
    found = [_video(sample, answer, protocol) for sample, answer in zip(samples, answers, strict=True)]
    return {"mAP": np.array(found, dtype=np.float64)}


def clip_scores(sample: Sample, answer: Answer, protocol: Protocol) -> list[float]:
    """One score for each clip that has labels, by the protocol's `saliency` rule; all 0 where nothing was read."""
    size = len(sample.truth.clips or ())
    if answer.clips is not None:
        given = [score for (score,) in answer.clips][:size]
        return [*given, *[0.0] * (size - len(given))]
    if not sample.grid:
        return highlights.clip_scores(protocol, answer, CLIP_S * size)
    if protocol.score.saliency == "nearest":
        return _nearest(sample.grid, answer.marks)
    rule = {"flat": flat, "centre": centre}.get(protocol.score.saliency)
    if rule is None:
        return [0.0] * size
    # A clip with bounds of its own is a video of one clip: what is inside does not depend on the others.
    moved = [[Span(float(s) - float(low), float(e) - float(low)) for s, e in answer.spans] for low, _ in sample.grid]
    return [rule(spans, 1, float(high) - float(low))[0] for spans, (low, high) in zip(moved, sample.grid, strict=True)]


def _nearest(grid: Sequence[Span], marks: Sequence[tuple[float, float]]) -> list[float]:
    """The mean score of the times whose nearest clip it is, by the middle of clips; 0 where there is none."""
    middles = np.array([(float(low) + float(high)) / 2 for low, high in grid])
    given: list[list[float]] = [[] for _ in grid]
    for time, score in marks:
        given[int(np.abs(middles - time).argmin())].append(score)
    return [sum(scores) / len(scores) if scores else 0.0 for scores in given]


def _video(sample: Sample, answer: Answer, protocol: Protocol) -> float:
    labels, rules = np.array(sample.truth.clips or (), dtype=np.float64), protocol.score
    if not labels.size:
        return float("nan")
    scores = np.array(clip_scores(sample, answer, protocol), dtype=np.float64)
    least = np.zeros(labels.shape[1]) if rules.positive == "above-zero" else np.sort(labels, axis=0)[(len(labels) - 1) // 2]
    order = np.argsort(-scores, kind="stable")
    ends = list(range(1, len(scores) + 1)) if rules.ties == "stable" else _ends(scores[order])
    return float(np.mean([average_precision(positive, ends, rules.top) for positive in (labels > least)[order].T]))


def _ends(ranked: Floats) -> list[int]:
    """Where blocks of equal scores end, as numbers of clips up to there."""
    return [int(end) + 1 for end in np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))]


def average_precision(positive: Sequence[bool], ends: Sequence[int], top: int = 0) -> float:
    """Expected average precision of clips in ranked order, over the orders of those within a block.

    Args:
        positive: Whether each clip is a highlight.
        ends: Numbers of clips up to the end of each block of equal scores.
        top: Number of best clips that are looked at; 0 for all.

    >>> average_precision([True, False, True, False], [1, 2, 3, 4])
    0.7916666666666666
    """
    hits = np.cumsum(positive)
    blocks = [(end - begin, int(hits[end - 1] - (hits[begin - 1] if begin else 0))) for begin, end in _between(ends)]
    if not top:
        return _over_all(blocks)
    return sum(chance * _exact(pattern) for pattern, chance in _patterns(blocks, min(top, len(hits))))


def _between(ends: Sequence[int]) -> Iterator[tuple[int, int]]:
    yield from zip((0, *ends[:-1]), ends, strict=True)


def _over_all(blocks: Sequence[tuple[int, int]]) -> float:
    """Of a highlight at a rank, precision there and one rank before is linear in the hits before it, whose mean is known."""
    total, before, hits, found = sum(k for _, k in blocks), 0, 0, 0.0
    for size, k in blocks:
        place = np.arange(size)
        expected = hits + (k - 1) * place / max(size - 1, 1)
        rank = before + place
        last = np.divide(expected, rank, out=np.ones(size), where=rank > 0)
        found += k / size * float((((expected + 1) / (rank + 1) + last) / 2).sum()) if k else 0.0
        before, hits = before + size, hits + k
    return found / total if total else 0.0


def _patterns(blocks: Sequence[tuple[int, int]], top: int) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every row of highlights (1) and other clips (0) that the best clips may show, with its probability."""
    sizes = [i for i, (size, _) in enumerate(blocks) for _ in range(size)][:top]
    free = [i for i in range(top) if 0 < blocks[sizes[i]][1] < blocks[sizes[i]][0]]
    for chosen in product((0, 1), repeat=len(free)):
        pattern = [int(blocks[sizes[i]][1] > 0) for i in range(top)]
        for i, value in zip(free, chosen, strict=True):
            pattern[i] = value
        chance, left = 1.0, [list(block) for block in blocks]
        for i, value in enumerate(pattern):
            size, k = left[sizes[i]]
            chance *= (k if value else size - k) / size
            left[sizes[i]] = [size - 1, k - value]
        if chance:
            yield tuple(pattern), chance


def _exact(pattern: Sequence[int]) -> float:
    return _over_all([(1, value) for value in pattern])


KIND = Kind(needs=("clips",), main="mAP", values=values)
