"""The parser of TRACE for highlights, whose times and scores are tokens of their own, written out as text."""

import re

from tasks.answer import Answer
from tasks.parsers.common import number, scope

_EVENT = re.compile(r"(?<![\d.])(?<!<sep>)([\d.]++)(?:<sep>[\d.]*+)*+<sync>([\d.]++)(?:<sep>[\d.]*+)*+<sync>")


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read events `0082.0<sync>1.3<sync>`, the first time and the first score of each.

    Source: TRACE trace/eval/reformat_vhd.py (fba1e40). The original reads token ids; this text form of them is ours.
    """
    try:
        events = _EVENT.findall(scope(text, where) or "")
        highlights = tuple((number(time), number(score)) for time, score in events)
    except ValueError:
        return Answer(failure="bad-number")
    return Answer(marks=highlights, failure=None if highlights else "no-highlight")
