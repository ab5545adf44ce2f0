"""The IoU reward of VideoChat-R1's training on grounding alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.metrics import Floats
from tasks.parsers.rewards.time_r1 import parse
from tasks.span import Span
from trainers.rewards.common import Completion, Targets, best, hull_iou, texts

KINDS = ("moment", "windows")


def videochat_r1(completions: Sequence[Completion], *, targets: Sequence[Targets], **_: Any) -> list[float | None]:
    """The reward of `timezero`, except that a hull without length is a full hit; in [0, 1].

    Source: VideoChat-R1 src/open_r1/grpo_tg.py (73b2ea9), with `think_answer` beside it; its joint training (`grpo_tasks.py`)
    uses `timezero`.

    - Reproduced: 1 where max(e, e') <= min(s, s'), an empty reply exactly on an empty target, or a point inside a reversed one.
    - Nothing to read, no closed answer tag (truncated), reversed span: 0. Several spans: the last counts.
    - `nan` is no number. Huge times: near 0. Several targets, which the original does not know: the best. None: None.
    """
    return [best(parse(text), spans, _values) for text, spans in zip(texts(completions), targets, strict=True)]


def _values(span: Span, targets: Targets) -> Floats:
    start, end = map(float, span)
    if start > end:
        return np.zeros(len(targets))
    true = np.asarray(targets, dtype=np.float64)
    pointless = np.maximum(true[:, 1], end) <= np.minimum(true[:, 0], start)
    return np.where(pointless, 1.0, hull_iou(span, targets))
