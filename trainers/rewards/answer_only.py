"""The format reward of VideoChat-R1.5."""

from collections.abc import Sequence
from typing import Any

from tasks.parsers.rewards.videochat_r1_5 import well_formed
from trainers.rewards.common import Completion, texts

KINDS = ("moment", "windows", "pairs", "union", "instances", "retrieval", "seconds", "point", "highlights", "clips")
"""All whose answers stand in the answer tag alone."""


def answer_only(completions: Sequence[Completion], **_: Any) -> list[float | None]:
    """1 if the whole reply, blanks at its ends aside, runs from `<answer>` to `</answer>`, else 0.

    Source: VideoChat-R1.5 src/open_r1/reward_funcs.py, format_reward (c9194bf6). Reproduced: an empty answer and further tags
    inside pass; the case counts; a thought in front fails. Truncated: 0. What the answer says is not looked at.
    """
    return [float(well_formed(text)) for text in texts(completions)]
