"""The IoU reward for sets of spans."""

from collections.abc import Sequence
from typing import Any

from tasks.parsers import reader
from tasks.protocol import Protocol
from tasks.span import Span
from trainers.rewards.common import Completion, Targets, alternatives, named, region_iou, texts

KINDS = ("moment", "windows", "union", "choice", "instances", "retrieval", "seconds")


def set_iou(
    completions: Sequence[Completion],
    *,
    targets: Sequence[Targets],
    duration_s: Sequence[float],
    kind: Sequence[str],
    protocol: Protocol | None = None,
    **_: Any,
) -> list[float | None]:
    """R = |P ∩ G| / |P ∪ G|, P all spans of the reply as one region and G all targets as one, in [0, 1].

    Source: TempR1 (arXiv 2512.03963), eq. 5; the `tiou` of TimeLens2 grpo/timelens/rewards/metrics.py (2eb53e2), which counts
    twice what true spans share. `videochat_r1_5` is the same on another parser.

    - Nothing to read, truncated: 0. A span without length or reversed, said or true, covers nothing. Several spans: as a set.
    - `nan` is no number. Huge times: near 0. Several alternatives of a moment: the best. No targets: None.

    Args:
        protocol: Whose parser to use; `default` if None.
    """
    read = reader(protocol or named("default"))
    rows = zip(texts(completions), targets, duration_s, kind, strict=True)
    return [
        _row(read(text, seconds).spans, alternatives(name, spans)) if len(spans) else None for text, spans, seconds, name in rows
    ]


def _row(said: Sequence[Span], truths: Sequence[Targets]) -> float:
    return max(region_iou(said, truth) for truth in truths)
