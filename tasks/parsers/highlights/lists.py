"""Our own parser of highlights: the two lists of the TimeIT sentence, as they are meant."""

import re

from tasks.answer import Answer
from tasks.parsers.common import number, scope

_NUMBER = re.compile(r"\d++(?:\.\d++)?+")


def parse(text: str, where: tuple[str, ...] = ("last-answer", "whole")) -> Answer:
    """Read the numbers before the first `score` as times in seconds and those behind it as scores, one each.

    Returns:
        The pairs, or a failure: `no-highlight`, or `uneven-lists` where there are more of one kind than of the other.
    """
    times, _, scores = (scope(text, where) or "").lower().partition("score")
    lists = [list(map(number, _NUMBER.findall(part))) for part in (times, scores)]
    if not lists[0]:
        return Answer(failure="no-highlight")
    if len(lists[0]) != len(lists[1]):
        return Answer(failure="uneven-lists")
    return Answer(marks=tuple(zip(*lists, strict=True)))
