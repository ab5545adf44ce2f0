"""The format reward of TimeZero, Time-R1, VideoChat-R1 and TimeLens."""

from collections.abc import Sequence
from typing import Any

from tasks.parsers.rewards.time_r1 import well_formed
from trainers.rewards.common import Completion, texts

KINDS = ("moment", "windows", "pairs", "union", "instances", "retrieval", "seconds", "point", "highlights", "clips")
"""All whose answers stand in the answer tag alone."""


def think_answer(completions: Sequence[Completion], *, strip: bool = True, **_: Any) -> list[float | None]:
    """1 if the whole reply is `<think>…</think><answer>…</answer>`, else 0.

    Source: Time-R1 main.py, format_reward (7f2b594), the same in TimeZero and VideoChat-R1; TimeLens
    training/train/reward_funcs.py, format_reward (5d90c06), which does not strip and is off in its script.

    Reproduced: the case of the tags counts; an empty thought or answer passes, and so do further answer tags inside; any word
    before or behind fails. Truncated: 0. What the answer says is not looked at.

    Args:
        strip: Whether blanks around the reply are dropped first; False for TimeLens.
    """
    return [float(well_formed(text.strip() if strip else text)) for text in texts(completions)]
