"""The parser of VideoChat-R1.5: a Python list of pairs in the first answer tag."""

import re

from tasks.answer import Answer
from tasks.parsers.common import LARGEST, read, scope

# A number as Python writes one: no leading zeros before an integer.
_NUMBER = r"([+-]?+(?:(?:0++|[1-9][0-9]*+)(?![0-9.])|[0-9]++\.[0-9]*+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+)"
_PAIR = re.compile(
    rf"(?:\(\s*+{_NUMBER}\s*+,\s*+{_NUMBER}\s*+,?+\s*+\)|\[\s*+{_NUMBER}\s*+,\s*+{_NUMBER}\s*+,?+\s*+\])\s*+(,?+)\s*+"
)
_BRACKETS = {"[": "]", "(": ")"}


def parse(text: str, where: tuple[str, ...] = ("first-answer", "whole")) -> Answer:
    """Read `[(a, b), (c, d)]`, brackets of either kind; anything else is `no-list`. All pairs count, as a set.

    Source: VideoChat-R1.5 src_eval/evaluate_chara.py and evaluate_qvh.py (67d2d75), which call `ast.literal_eval`. Here a
    pattern takes its place, so that no text can nest deeply; sets, underscores and comments inside the list are not read.
    """
    found = (scope(text, where) or "").strip()
    inner = found[1:-1].strip() if _BRACKETS.get(found[:1], "?") == found[-1:] else found
    # Without its own brackets a list of pairs is a tuple: it needs a comma at the top level.
    for body, bare in ((inner, found[:1] == "("), (found, True)):
        pairs, commas = _pairs(body)
        if pairs and (commas or not bare):
            overlong = any(abs(float(time)) >= LARGEST for pair in pairs for time in pair)
            return Answer(failure="bad-number") if overlong else read(pairs)
    return Answer(failure="no-list")


def _pairs(body: str) -> tuple[list[tuple[str, str]], int]:
    """All pairs of a comma-separated list and the number of its commas; none if anything else stands there."""
    pairs: list[tuple[str, str]] = []
    position, comma, commas = 0, ",", 0
    while position < len(body) and comma:
        match = _PAIR.match(body, position)
        if match is None:
            return [], 0
        pairs.append((match[1] or match[3], match[2] or match[4]))
        position, comma = match.end(), match[5]
        commas += bool(comma)
    return (pairs, commas) if position == len(body) else ([], 0)
