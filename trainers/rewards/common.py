"""What rewards share: the text of a completion, rows without a target, IoU of one span and of regions with the targets."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tasks.answer import Answer
from tasks.kinds.moment import hull
from tasks.kinds.union import merged_set
from tasks.metrics import Floats
from tasks.protocol import Protocol, load
from tasks.span import Span

Completion = str | Sequence[dict[str, Any]]
Targets = Sequence[Sequence[float]]  # True spans of one row, `[[start_s, end_s], …]`


def texts(completions: Sequence[Completion]) -> list[str]:
    """The text of each completion, a string or a conversation of one message."""
    return [completion if isinstance(completion, str) else completion[0]["content"] for completion in completions]


def best(prediction: Answer, targets: Targets, values: Callable[[Span, Targets], Floats]) -> float | None:
    """The largest of the `(k,)` values of the first span read with k targets; 0 if none was read, None if there is no target."""
    if not len(targets):
        return None
    return float(values(prediction.spans[0], targets).max()) if prediction.spans else 0.0


def hull_iou(span: Span, targets: Targets) -> Floats:
    """`(k,)` overlap of a span with each of k targets over the distance from the earliest start to the latest end, at least 0.

    The IoU of every peer that rewards one span. A pair that is empty or reversed gives 0.
    """
    true = np.asarray(targets, dtype=np.float64)
    return np.asarray(hull(np.broadcast_to(np.asarray(span, dtype=np.float64), true.shape), true))


def alternatives(kind: str, targets: Targets) -> list[Targets]:
    """The true answers of a row: of a moment each target is one, of any other kind all targets together are the only one."""
    return [[target] for target in targets] if kind == "moment" else [targets]


def lasting(spans: Sequence[Sequence[Any]]) -> list[Span]:
    """Those of them that have a length, their times as floats."""
    found = [Span(float(start), float(end)) for start, end in spans]
    return [span for span in found if span.start_s < span.end_s]


def region_iou(predicted: Sequence[Sequence[Any]], targets: Targets) -> float:
    """IoU of the union of one list of spans with the union of another; 0 where either has no length."""
    left, right = lasting(predicted), lasting(targets)
    return merged_set(left, right) if left else 0.0


@functools.cache
def named(protocol: str) -> Protocol:
    """A protocol by name, read once."""
    return load(protocol)
