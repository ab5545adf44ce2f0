"""Our own parser of highlights as pairs: `2.5: 4.0, 3.5: 3.5`."""

import re

from tasks.answer import Answer
from tasks.parsers.common import number, scope

_NUMBER = r"\d++(?:\.\d++)?+"
_PAIR = re.compile(rf"(?<![\d.])({_NUMBER})\s?s?\s?:\s?({_NUMBER})(?![\d.]*\d)")


def parse(text: str, where: tuple[str, ...] = ("last-answer", "whole")) -> Answer:
    """Read pairs of a time in seconds and a score, with a colon between them.

    Returns:
        The pairs in order, or the failure `no-highlight`.
    """
    pairs = _PAIR.findall(scope(text, where) or "")
    marks = tuple((number(time), number(score)) for time, score in pairs)
    return Answer(marks=marks) if marks else Answer(failure="no-highlight")
