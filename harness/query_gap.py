"""How much of a score is owed to the sentence: answers against the other queries of the same video."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tasks import kinds
from tasks.answer import Answer
from tasks.metrics import Bools
from tasks.protocol import Protocol
from tasks.sample import Sample

NEIGHBOURS = 32
"""Other queries of the same video that an answer is compared with, so that one long video cannot take quadratic time."""


def query_gap(samples: Sequence[Sample], answers: Sequence[Answer], kept: Bools, protocol: Protocol) -> float:
    """How much better answers fit their own query than the other queries of the same video, in points of mIoU.

    A model that answers without regard to the sentence, always the same in a video, has a gap of exactly 0. Of several
    sentences asked together each counts; an answer that only follows their order has a gap above 0 there.

    Args:
        answers: What was read of each sample, in seconds.
        kept: `(n,)` samples in the denominator; only they are compared.
        protocol: The IoU of its kind is used.

    Returns:
        Mean own IoU minus mean over answers of the mean IoU with (at most 32) other queries, times 100; NaN where no video
        has two queries, or where answers of the kind have no IoU.
    """
    fit = kinds.find(protocol.kind).fit
    if fit is None:
        return float("nan")
    asked: list[Sample] = []
    given: list[Answer] = []
    for i in np.flatnonzero(kept).tolist():
        if len(samples[i].queries) == 1:
            asked.append(samples[i])
            given.append(answers[i])
        else:
            questions, parts = _events(samples[i], answers[i])
            asked += questions
            given += parts
    videos: dict[tuple[str, Any], list[int]] = {}
    for i, sample in enumerate(asked):
        videos.setdefault((sample.video, sample.clip), []).append(i)
    own, others = [], []
    for group in videos.values():
        for step in range(1, min(len(group), NEIGHBOURS + 1)):
            own += group
            others += group[step:] + group[:step]
    if not own:
        return float("nan")
    values = fit([asked[j] for j in others], [given[i] for i in own], protocol)
    sums, counts = (np.bincount(own, weights=w, minlength=len(asked)) for w in (values, np.ones(len(values))))
    compared = counts > 0
    return float(np.mean(fit(asked, given, protocol)[compared] - sums[compared] / counts[compared]) * 100)


def _events(sample: Sample, answer: Answer) -> tuple[Sequence[Sample], Sequence[Answer]]:
    """A question and an answer for each of several sentences."""
    spans = answer.spans if len(answer.spans) == len(sample.queries) else ()
    pairs = zip(sample.queries, sample.truth.spans, strict=True)
    asked = [replace(sample, queries=(query,), truth=Answer((span,))) for query, span in pairs]
    return asked, [Answer((span,)) for span in spans] or [Answer()] * len(asked)
