"""How much of a score is owed to the sentence: answers against the other queries of the same video."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.kinds import moment
from tasks.metrics import Bools, Floats
from tasks.protocol import Protocol
from tasks.sample import Sample

NEIGHBOURS = 32
"""Other queries of the same video that an answer is compared with, so that one long video cannot take quadratic time."""


def query_gap(samples: Sequence[Sample], spans: Sequence[moment.Spans], own: Floats, kept: Bools, protocol: Protocol) -> float:
    """How much better answers fit their own query than the other queries of the same video, in points of mIoU.

    A model that answers without regard to the sentence, always the same in a video, has a gap of exactly 0.

    Args:
        samples: The split.
        spans: Predicted spans of each sample in seconds.
        own: `(n,)` IoU of each answer with its own query.
        kept: `(n,)` samples in the denominator; only they are compared.
        protocol: Its IoU is used.

    Returns:
        Mean own IoU minus mean over answers of the mean IoU with (at most 32) other queries, times 100; NaN where no video
        has two queries.
    """
    videos: dict[tuple[str, Any], list[int]] = {}
    for i in np.flatnonzero(kept).tolist():
        videos.setdefault((samples[i].video, samples[i].clip), []).append(i)
    answers, others = [], []
    for group in videos.values():
        for step in range(1, min(len(group), NEIGHBOURS + 1)):
            answers += group
            others += group[step:] + group[:step]
    if not answers:
        return float("nan")
    targets, durations = [samples[j].truth.spans for j in others], [samples[i].duration_s for i in answers]
    values = moment.ious(protocol, [spans[i] for i in answers], targets, durations)
    sums, counts = (np.bincount(answers, weights=w, minlength=len(samples)) for w in (values, np.ones(len(values))))
    compared = counts > 0
    return float(np.mean(own[compared] - sums[compared] / counts[compared]) * 100)
