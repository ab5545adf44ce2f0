"""The format reward of VideoChat-R1 and VideoChat-R1.5 on grounded questions."""

from collections.abc import Sequence
from typing import Any

from tasks.parsers.rewards.videochat_gqa import well_formed
from trainers.rewards.common import Completion, texts
from trainers.rewards.videochat_gqa import KINDS, release_of

__all__ = ["KINDS", "videochat_gqa_format"]


def videochat_gqa_format(completions: Sequence[Completion], *, release: str = "r1", **_: Any) -> list[float | None]:
    """1 if the reply is an answer tag and a glue tag with a valid list, for R1 behind a thought; else 0.

    Source: VideoChat-R1 src/open_r1/grpo_tasks.py (9041732) and VideoChat-R1.5 src/open_r1/reward_funcs.py (c9194bf6),
    format_reward_gqa. R1.5 wants no thought and at most three pairs.

    - Reproduced: an empty thought or answer passes, further tags inside too, and an empty list; the case of the tags counts;
      of several glue tags the first must be the list, even inside the thought.
    - Truncated, one span reversed, a blank beside a bracket: 0. Where spans lie plays no part.

    Args:
        release: `r1` or `r1.5`.

    Raises:
        InputError: There is no such release.
    """
    wanted = release_of(release)
    return [float(well_formed(text, wanted)) for text in texts(completions)]
