"""The reward of VideoChat-R1 and VideoChat-R1.5 for the right option."""

from collections.abc import Sequence
from typing import Any

from tasks.parsers.rewards.videochat_gqa import parse
from trainers.rewards.common import Completion, texts

KINDS = ("choice",)


def videochat_answer(completions: Sequence[Completion], *, option: Sequence[str | None], **_: Any) -> list[float | None]:
    """1 if the first letter A to G in the first answer tag is that of the right option, else 0.

    Source: VideoChat-R1 src/open_r1/grpo_tasks.py (9041732) and VideoChat-R1.5 src/open_r1/reward_funcs.py (c9194bf6),
    answer_reward, with `videochat_gqa` and `videochat_gqa_format` beside it.

    - Reproduced: capitals alone count, anywhere: of `The Answer is B` the letter is A. The phrases that the original drops
      first hold none of these letters.
    - No letter, no closed answer tag (truncated): 0. What the spans say is not looked at.
    - Not reproduced: where the right option is none of A to G, the original pays for no letter; 0. No right option: None.
    """
    rows = zip(texts(completions), option, strict=True)
    return [None if right is None else float(parse(text).option == right) for text, right in rows]
