"""The parser of the reward of the open TempSamp-R1 implementation; it differs from the evaluation's."""

import re

from tasks.answer import Answer
from tasks.parsers.common import in_pairs, read, scope

_NUMBER = r"(?<!\d)(\d++(?:\.\d*+)?+)"
_WORD = re.compile(rf"{_NUMBER}\s*+(?:to|and)\s*+{_NUMBER}")
_DASH = re.compile(rf"{_NUMBER}\s*+-\s*+{_NUMBER}")
_FORM = re.compile(r"\d\.?+\s*+(?:to|and|-)\s*+\d")
_BOUNDED = re.compile(r"\b(\d++\.\d++|\d++)\b")


def parse(text: str, where: tuple[str, ...] = ("first-answer", "whole")) -> Answer:
    """Read the last `a to b` or `a and b`; without one the last `a - b`; without one the first two numbers.

    There are no clock times: `00:12 - 00:17` is 12 to 0. `12.5s` is read as 12.

    Source: TempSamp-R1 scripts/timelens/timelens_reward.py, parse_timestamp_from_text (55a92280).
    """
    found = scope(text, where) or ""
    pairs = (_WORD.findall(found) or _DASH.findall(found))[-1:]
    return read(pairs or in_pairs(_BOUNDED.findall(found))[:1])


def well_formed(text: str) -> bool:
    """Whether the first answer tag holds two numbers joined by `to`, `and` or a hyphen, blanks allowed.

    Source: the same file, _temporal_format_reward.
    """
    return _FORM.search(scope(text, ("first-answer",)) or "") is not None
