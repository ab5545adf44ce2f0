"""The format rewards of MUSEG, with and without its check of timestamps."""

from collections.abc import Sequence
from typing import Any

from tasks.parsers.rewards.museg import items, mentions, sections
from trainers.rewards.common import Completion, texts
from trainers.rewards.museg import KINDS

__all__ = ["KINDS", "museg_format"]

MOST = 10  # A time that the thought names more often than this counts as not named


def museg_format(completions: Sequence[Completion], *, timestamps: bool = True, **_: Any) -> list[float | None]:
    """0, 0.2, 0.6 or 1: no form; an answer that is not `a-b` items; times the thought does not name; all in order.

    Source: MUSEG src/train.py, reward_format (stage 1) and, without the check of timestamps, reward_format_n_timestamp (stage
    2) (889565e). The form is `<think>…</think><answer>…</answer>` with each tag once.

    - Reproduced: an empty answer earns 1. Each time is looked for as Python writes it and as a regular expression: `12-17` asks
      for `12.0` and `17.0`, and `112x5` names 12.5; more than 10 mentions count as none. Reversed segments and a third number
      (`12.5-17.8-99`) pass; `nan` and `inf` are numbers here. Blanks around a dash, or `to`: 0.2.
    - Truncated: 0. Huge times play no part. The search takes as long as the thought times the number of different times.

    Args:
        timestamps: Whether the thought must name every time of the answer.
    """
    return [_row(text, timestamps) for text in texts(completions)]


def _row(text: str, timestamps: bool) -> float:
    found = sections(text)
    if found is None:
        return 0.0
    thought, answer = found
    try:
        times = dict.fromkeys(float(time) for pair in items(answer) for time in pair)
    except ValueError:
        return 0.2
    if timestamps and not all(1 <= mentions(time, thought, MOST + 1) <= MOST for time in times):
        return 0.6
    return 1.0
