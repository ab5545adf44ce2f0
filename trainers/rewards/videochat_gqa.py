"""The IoU reward of VideoChat-R1 and VideoChat-R1.5 on grounded questions."""

from collections.abc import Sequence
from typing import Any

from tasks.errors import InputError, unknown
from tasks.kinds.union import merged_set
from tasks.parsers.rewards.videochat_gqa import RELEASES, parse
from tasks.span import Span
from trainers.rewards.common import Completion, Targets, texts

KINDS = ("choice",)


def videochat_gqa(
    completions: Sequence[Completion], *, targets: Sequence[Targets], release: str = "r1", **_: Any
) -> list[float | None]:
    """IoU of all spans in the glue tag, overlapping ones merged, with all targets as one set; in [0, 1].

    Source: VideoChat-R1 src/open_r1/grpo_tasks.py (9041732) and VideoChat-R1.5 src/open_r1/reward_funcs.py (c9194bf6),
    iou_glue_reward, with `videochat_gqa_format` and `videochat_answer` beside it. The first glue tag is read, wherever it
    stands; it must be a list of pairs, of at most three for R1.5. The letter plays no part.

    - Nothing to read, truncated, one span reversed, a blank beside a bracket: 0. `nan` is no number.
    - Reproduced: an empty reply on an empty target is a full hit, 1. Huge times: near 0.
    - A reversed target counts with its negative length; where that leads out of [0, 1] it is cut off here, not there.
    - No targets: None.

    Args:
        release: `r1` or `r1.5`.

    Raises:
        InputError: There is no such release.
    """
    read = release_of(release)
    return [_row(text, spans, read) for text, spans in zip(texts(completions), targets, strict=True)]


def _row(text: str, targets: Targets, release: str) -> float | None:
    if not len(targets):
        return None
    spans = parse(text, release=release).spans
    return merged_set(spans, [Span(*target) for target in targets]) if spans else 0.0


def release_of(name: str) -> str:
    """The name itself. Raises InputError, with the nearest, where there is no such release."""
    if name not in RELEASES:
        raise InputError(f"release: {', '.join(RELEASES)}", unknown(name, RELEASES), "settings: {release: r1}")
    return name
