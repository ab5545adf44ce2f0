"""The parser of the reward of VideoChat-R1.5: a strict list of up to three pairs in the first answer tag."""

import re

from tasks.answer import Answer
from tasks.parsers import videochat_set
from tasks.parsers.common import CLOSE, OPEN, scope

_NUMBER = r"\d++(?:\.\d++)?+"
_PAIR = rf"\({_NUMBER},\s*+{_NUMBER}\)"
_LIST = re.compile(rf"\[{_PAIR}(?:,\s*+{_PAIR})*+,?+\]\n?")
MOST = 3  # Pairs of a list


def parse(text: str, where: tuple[str, ...] = ("first-answer",)) -> Answer:
    """Read `[(a, b), (c, d)]`: at most three pairs, none reversed, no blank at the edges or inside a bracket.

    `[]` is a valid list that holds nothing, here `no-span`; both are worth 0.

    Source: VideoChat-R1.5 src/open_r1/reward_funcs.py, is_valid_two_d_list_format and iou_timestamp_reward (c9194bf6). What
    fits the pattern is read as Python would read it, so `(05, 9)` fails.
    """
    found = scope(text, where)
    if found is None:
        return Answer(failure="no-answer")
    prediction = strict_list(found)
    return prediction if len(prediction.spans) <= MOST else Answer(failure="no-list")


def strict_list(found: str) -> Answer:
    """Read a list of any number of pairs; `no-span` for `[]`, `no-list` or `reversed-span` for one that is not valid."""
    if found.removesuffix("\n") == "[]":
        return Answer(failure="no-span")
    if not _LIST.fullmatch(found):
        return Answer(failure="no-list")
    prediction = videochat_set.parse(found, ("whole",))
    if any(span.start_s > span.end_s for span in prediction.spans):
        return Answer(failure="reversed-span")
    return prediction


def well_formed(text: str) -> bool:
    """Whether the whole text, blanks at its ends aside, starts with an answer tag and ends with its closing tag.

    Source: the same file, format_reward. Thoughts and further tags inside pass.
    """
    plain = text.strip()
    return plain.startswith(OPEN) and plain.endswith(CLOSE)
