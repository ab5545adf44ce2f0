"""Windows with scores: the official evaluation of QVHighlights, moments and, where they are asked for, highlights."""

from collections.abc import Sequence

import numpy as np

from tasks import moments
from tasks.answer import Answer
from tasks.kinds import Columns, Kind, highlights, moment
from tasks.protocol import Protocol
from tasks.sample import Sample

MOMENTS = (
    *("MR-full-mAP", "MR-full-mAP@0.5", "MR-full-mAP@0.75", "MR-short-mAP", "MR-middle-mAP", "MR-long-mAP"),
    *("MR-full-R1@0.5", "MR-full-R1@0.7", "MR-full-mIoU"),
)
"""What papers report of moment retrieval on QVHighlights."""
HEADINGS = {**dict.fromkeys(MOMENTS, ""), "MR-full-mAP": "MR-mAP", **highlights.HEADINGS}


def values(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Columns:
    """`mIoU` and `R1@t` of the first span, `MR-full-mAP` … of all spans, and `HL-…` where clips have scores or a rule for them.

    A metric of one range of lengths counts the samples that have a moment of this range. Where every answer is one of clip
    scores alone, there are no metrics of moments.
    """
    columns: Columns = {}
    if not answers or any(answer.clips is None or answer.spans or answer.failure is not None for answer in answers):
        columns |= moment.values(samples, answers, protocol) | _retrieved(samples, answers, protocol)
    has_truth = any(sample.truth.clips is not None for sample in samples)
    if has_truth and (protocol.score.saliency != "none" or any(answer.clips is not None for answer in answers)):
        columns |= highlights.values(samples, answers, protocol)
    return columns


def _retrieved(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Columns:
    comparison = "exact" if protocol.score.comparison == "exact" else "float"
    given = [moments.windows(answer) for answer in answers]
    columns: Columns = {}
    for name, scores in moments.moment_retrieval(given, [sample.truth.spans for sample in samples], comparison).items():
        of_range = {f"MR-{name}-mAP": scores.ap.mean(axis=1), f"MR-{name}-mIoU": scores.iou}
        for i, threshold in enumerate(moments.THRESHOLDS):
            of_range |= {f"MR-{name}-mAP@{threshold}": scores.ap[:, i], f"MR-{name}-R1@{threshold}": scores.hit[:, i]}
        columns |= {key: np.where(scores.counted, column, np.nan) for key, column in of_range.items() if key in MOMENTS}
    return columns


KIND = Kind(needs=("spans",), main="MR-full-mAP", values=values, headings=HEADINGS)
