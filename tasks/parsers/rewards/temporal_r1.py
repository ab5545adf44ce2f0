"""The parser of the reward of Temporal-R1: JSON in the first answer tag, numbers quoted or not."""

import json

from tasks.answer import Answer
from tasks.parsers.common import LARGEST, read, scope
from tasks.parsers.temporal_r1 import ANSWER


def parse(text: str, where: tuple[str, ...] = ("first-answer",)) -> Answer:
    """Read `{"start_time": a, "end_time": b}`, keys in either order; anything that Python's `float` does not read fails.

    Source: Temporal-R1 verl/utils/reward_score/tvg.py, tvg_accuracy_reward (f364f6c).
    """
    found = scope(text, where)
    if found is None:
        return Answer(failure="no-answer")
    try:
        values = json.loads(found.strip())
        times = float(values["start_time"]), float(values["end_time"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return Answer(failure="bad-number")
    if not all(abs(time) <= LARGEST for time in times):
        return Answer(failure="bad-number")
    return read([times])


def well_formed(text: str) -> bool:
    """Whether the whole text is a thought and an answer of JSON with quoted numbers, the start first.

    Source: the same file, tvg_format_reward; no blank may stand around the text.
    """
    return text.startswith("<think>") and ANSWER.fullmatch(text, text.rfind("</think>")) is not None
