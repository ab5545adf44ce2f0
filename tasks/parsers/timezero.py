"""The parser of TimeZero, Time-R1 and VideoChat-R1: the last `a to b` or `a and b` anywhere, thoughts included."""

import re

from tasks.answer import Answer
from tasks.parsers.common import NUMBER, read, scope

_PAIR = re.compile(rf"{NUMBER} (?:to|and) {NUMBER}")


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read the last pair joined by ` to ` or ` and `, one blank on each side, in small letters.

    Source: TimeZero evaluate.py:79-100 (a7c3523); its fallback to the answer tag can never match. Tags and truncation play
    no part. A reversed pair is kept and scores 0.
    """
    return read(_PAIR.findall(scope(text, where) or "")[-1:])
