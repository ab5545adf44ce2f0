"""One option, and the region of the video that shows it: grounded question answering."""

from collections.abc import Sequence

import numpy as np

from tasks.answer import Answer
from tasks.kinds import Columns, Kind, moment, union
from tasks.metrics import Floats, share
from tasks.protocol import LETTERS, Protocol
from tasks.sample import Sample
from tasks.span import Span

THRESHOLDS = (0.3, 0.5)
"""Of IoP and of the IoU with the best window."""


def values(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Columns:
    """`Acc@GQA`, `Acc`, `set-mIoU` and `set-R1@t` of all spans, `mIoP`, `IoP@t`, `mIoU` and `IoU@t` of the first span.

    The first span is held against the window that it fits best. `Acc@GQA` is a right option with an IoP of at least 0.5;
    `right-mIoU` counts the IoU of right options only, over all questions.

    Source: NExT-GQA eval_ground.py (63772e0); VideoChat-R1 evaluate_gqa.py (73b2ea9) for the sets.
    """
    judged = [Answer() if misfit(answer, sample) else answer for answer, sample in zip(answers, samples, strict=True)]
    right = np.array([a.option == s.truth.option for a, s in zip(judged, samples, strict=True)], dtype=np.float64)
    spans, durations = [answer.spans for answer in judged], [sample.duration_s for sample in samples]
    targets = [sample.truth.spans for sample in samples]
    found = moment.ious(protocol, spans, targets, durations)
    precision = _precision(spans, targets, protocol)
    columns: Columns = {"Acc@GQA": right * (precision >= 0.5), "Acc": right, **union.values(samples, judged, protocol)}
    for name, value in (("IoP", precision), ("IoU", found)):
        columns |= {f"m{name}": value, **{f"{name}@{t}": (value >= t).astype(np.float64) for t in THRESHOLDS}}
    return {**columns, "right-mIoU": right * found}


def misfit(answer: Answer, sample: Sample) -> str | None:
    """`no-option` or `no-such-option` where the answer has no letter of an option of the sample."""
    if answer.option is None:
        return "no-option"
    return "no-such-option" if answer.option not in LETTERS[: len(sample.options)] else None


def _precision(predicted: Sequence[Sequence[Span]], windows: Sequence[Sequence[Span]], protocol: Protocol) -> Floats:
    """`(n,)` share of the first span that lies in the window which holds most of it (IoP); 0 without a span."""
    if not predicted:
        return np.zeros(0)
    table, starts = moment.first_against(predicted, windows)
    start, end, low, high = table.T
    with np.errstate(over="ignore", invalid="ignore"):
        held = share(np.minimum(end, high) - np.maximum(start, low), end - start)
    if protocol.score.points == "inside":
        held = np.where(start == end, (low <= start) & (start <= high), held)
    return np.where([len(spans) > 0 for spans in predicted], np.maximum.reduceat(held, starts), 0.0)


HEADINGS = {"right-mIoU": ""}
KIND = Kind(needs=("option", "spans"), main="Acc@GQA", values=values, headings=HEADINGS, fit=union.fit, misfit=misfit)
