"""Our own parser of highlights: the two lists of the TimeIT sentence, as they are meant."""

import re

from tasks.parsers.common import number, scope
from tasks.prediction import Prediction

_NUMBER = re.compile(r"\d++(?:\.\d++)?+")


def parse(text: str, where: tuple[str, ...] = ("last-answer", "whole")) -> Prediction:
    """Read the numbers before the first `score` as times in seconds and those behind it as scores, one each.

    Returns:
        The pairs, or a failure: `no-highlight`, or `uneven-lists` where there are more of one kind than of the other.
    """
    times, _, scores = (scope(text, where) or "").lower().partition("score")
    lists = [list(map(number, _NUMBER.findall(part))) for part in (times, scores)]
    if not lists[0]:
        return Prediction(failure="no-highlight")
    if len(lists[0]) != len(lists[1]):
        return Prediction(failure="uneven-lists")
    return Prediction(highlights=tuple(zip(*lists, strict=True)))
