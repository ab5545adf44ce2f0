"""The parser of the rewards of TimeZero and Time-R1: the last pair inside the last answer tag."""

import re

from tasks.answer import Answer
from tasks.parsers.common import CLOSE, read, scope

_NUMBER = r"(?<!\d)(\d++(?:\.\d*+)?+)"
_PAIR = re.compile(rf"{_NUMBER} (?:to|and) {_NUMBER}", re.IGNORECASE)
THINK, BEHIND = "<think>", re.compile(r"</think>\s*+<answer>")


def parse(text: str, where: tuple[str, ...] = ("last-answer",)) -> Answer:
    """Read the last `a to b` or `a and b` of the last closed answer tag, `TO` allowed; `no-answer` without one.

    Source: Time-R1 main.py, parse_timestamp_output (7f2b594); TimeZero grpo_video.py:97-145. It differs from the evaluation
    of the same projects, which reads the whole reply.
    """
    found = scope(text, where)
    return Answer(failure="no-answer") if found is None else read(_PAIR.findall(found)[-1:])


def well_formed(text: str) -> bool:
    """Whether the whole text is a thought and an answer: `<think>…</think><answer>…</answer>`, blanks between the two allowed.

    Either may be empty and may hold further tags; the case of the tags counts. TimeZero, Time-R1 and VideoChat-R1 strip the
    text first, TimeLens does not.

    Source: Time-R1 main.py, format_reward (7f2b594); TimeLens training/train/reward_funcs.py, format_reward (5d90c06).
    """
    inner = text[len(THINK) : -len(CLOSE)]
    return text.startswith(THINK) and text.endswith(CLOSE) and BEHIND.search(inner) is not None
