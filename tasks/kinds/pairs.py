"""Several sentences at once, a span each in their order: dense grounding."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from tasks.answer import Answer
from tasks.kinds import Columns, Kind, moment
from tasks.metrics import Floats
from tasks.protocol import Protocol
from tasks.sample import Sample

OVER_VIDEOS = "video-mIoU"


def values(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Columns:
    """`mIoU` and `R1@t` over all events, and `video-mIoU` over videos: mean IoU of the events of each.

    An answer with another number of spans than sentences is worth 0: which span belongs to which sentence is not known.

    Source: PRVG lib/core/eval.py and DepNet, which take the mean over events; TempR1 (arXiv 2512.03963), eq. 4, over videos.
    """
    events = [len(sample.truth.spans) for sample in samples]
    given = [
        [(span,) for span in answer.spans] if not misfit(answer, sample) else [()] * n
        for answer, sample, n in zip(answers, samples, events, strict=True)
    ]
    spans = list(chain.from_iterable(given))
    targets = [(span,) for sample in samples for span in sample.truth.spans]
    durations = [sample.duration_s for sample, n in zip(samples, events, strict=True) for _ in range(n)]
    found = moment.ious(protocol, spans, targets, durations)
    reached = moment.hits(protocol, found, spans, targets, durations)
    columns = {"mIoU": _means(found, events)}
    columns |= {f"R1@{t}": _means(reached[t].astype(np.float64), events) for t in protocol.score.thresholds}
    return {**columns, OVER_VIDEOS: columns["mIoU"]}


def weights(samples: Sequence[Sample]) -> Floats:
    """The number of events of each sample."""
    return np.array([len(sample.truth.spans) for sample in samples], dtype=np.float64)


def misfit(answer: Answer, sample: Sample) -> str | None:
    """`event-count` where the answer has another number of spans than the sample has sentences."""
    return "event-count" if len(answer.spans) != len(sample.queries) else None


def _means(values_: Floats, counts: Sequence[int]) -> Floats:
    if not counts:
        return np.zeros(0)
    return np.asarray(np.add.reduceat(values_, np.cumsum([0, *counts[:-1]])) / np.array(counts))


KIND = Kind(
    needs=("spans",), main="mIoU", values=values, weights=weights, unweighted=(OVER_VIDEOS,), fit=moment.fit, misfit=misfit
)
