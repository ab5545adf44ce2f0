"""The parser of the rewards of TimeZero and Time-R1: the last pair inside the last answer tag."""

import re

from tasks.parsers.common import read, scope
from tasks.prediction import Prediction

_NUMBER = r"(?<!\d)(\d++(?:\.\d*+)?+)"
_PAIR = re.compile(rf"{_NUMBER} (?:to|and) {_NUMBER}", re.IGNORECASE)


def parse(text: str, where: tuple[str, ...] = ("last-answer",)) -> Prediction:
    """Read the last `a to b` or `a and b` of the last closed answer tag, `TO` allowed; `no-answer` without one.

    Source: Time-R1 main.py, parse_timestamp_output (7f2b594); TimeZero grpo_video.py:97-145. It differs from the evaluation
    of the same projects, which reads the whole reply.
    """
    found = scope(text, where)
    return Prediction(failure="no-answer") if found is None else read(_PAIR.findall(found)[-1:])
