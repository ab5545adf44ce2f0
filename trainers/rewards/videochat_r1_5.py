"""The IoU reward of VideoChat-R1.5: sets of spans."""

from collections.abc import Sequence
from typing import Any

from tasks.kinds.union import merged_set
from tasks.parsers.rewards.videochat_r1_5 import parse
from tasks.span import Span
from trainers.rewards.common import Completion, Targets, texts

KINDS = ("moment", "windows", "union", "retrieval", "seconds")


def videochat_r1_5(completions: Sequence[Completion], *, targets: Sequence[Targets], **_: Any) -> list[float | None]:
    """IoU of all spans of the reply, overlapping ones merged, with the target; in [0, 1].

    Source: VideoChat-R1.5 src/open_r1/reward_funcs.py, iou_timestamp_reward (c9194bf6), with `answer_only` beside it. The first
    answer tag is read; it must be a list of at most three pairs.

    - Nothing to read, truncated, more than three spans, one reversed, a blank beside a bracket: 0. `nan` is no number.
    - Reproduced: an empty reply on an empty target is a full hit, 1. Huge times: near 0.
    - A reversed target counts with its negative length; where that leads out of [0, 1] it is cut off here, not there.
    - Several targets: all as one set, as its evaluation does; its training has one. None: None.
    """
    return [_row(text, spans) for text, spans in zip(texts(completions), targets, strict=True)]


def _row(text: str, targets: Targets) -> float | None:
    if not len(targets):
        return None
    spans = parse(text).spans
    return merged_set(spans, [Span(*target) for target in targets]) if spans else 0.0
