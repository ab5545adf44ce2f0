"""The parser of the rewards of VideoChat-R1 and R1.5 on grounded questions: a letter, and a strict list in the first glue tag."""

import math
import re
from dataclasses import replace

from tasks.answer import Answer
from tasks.parsers import videochat_gqa
from tasks.parsers.common import OPEN
from tasks.parsers.rewards.time_r1 import BEHIND, THINK
from tasks.parsers.rewards.videochat_r1_5 import MOST, strict_list
from tasks.parsers.videochat_gqa import first

RELEASES = {"r1": math.inf, "r1.5": MOST}
"""The largest number of pairs that a list may have, by release."""

_GLUED, _CLOSE_GLUE = re.compile(r"</answer>\s*+<glue>"), "</glue>"


def parse(text: str, where: tuple[str, ...] = (), release: str = "r1") -> Answer:
    """Read the letter as the evaluation does, and the list of the first glue tag, none of its pairs reversed.

    Args:
        text: The raw reply.
        where: The originals look for the letter in the first answer tag alone, and so does this.
        release: A key of `RELEASES`.

    Returns:
        Letter and spans; without spans the failure is that of the list: `no-answer` (no glue tag), `no-span` (`[]`, which is
        valid), `no-list` or `reversed-span`.

    Source: VideoChat-R1 src/open_r1/grpo_tasks.py (9041732) and VideoChat-R1.5 src/open_r1/reward_funcs.py (c9194bf6),
    iou_glue_reward, is_valid_two_d_list_format and answer_reward.
    """
    letter, glue = videochat_gqa.parse(text, where).option, first(text, "glue")
    read = Answer(failure="no-answer") if glue is None else strict_list(glue)
    if len(read.spans) > RELEASES[release]:
        read = Answer(failure="no-list")
    return replace(read, option=letter)


def well_formed(text: str, release: str = "r1") -> bool:
    """Whether the whole text is an answer tag and a glue tag, behind a thought for R1, and the first glue tag a valid list.

    Blanks may stand between tags and around the text. Any of the three may hold anything, further tags too.

    Source: the same files, format_reward_gqa.
    """
    plain = text.strip()
    begin = len(OPEN) if plain.startswith(OPEN) else None
    if release == "r1":
        thought = BEHIND.search(plain, len(THINK)) if plain.startswith(THINK) else None
        begin = thought.end() if thought else None
    tagged = begin is not None and _GLUED.search(plain, begin) is not None and plain.endswith(_CLOSE_GLUE)
    return tagged and parse(text, release=release).failure in (None, "no-span")
