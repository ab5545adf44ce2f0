"""The parser of VTG-LLM for highlights: fragments between commas, each a time or a score."""

import re

from tasks.answer import Answer
from tasks.parsers.common import scope
from tasks.parsers.highlights.timechat import pair

_DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
# A number whose digits may be apart, with the blanks behind it.
_SPACED = re.compile(r"\d[\d\s]*+(?:\.[\s\d]*\d)*")
_SCORE = re.compile(r"\b\d\.?\d?\b")
_TIME = re.compile(r"\b\d{1,2}:\d{2}:\d{2}\b|\b(\d++\.\d++|\d++)\b")


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read fragments between commas and line breaks: one that says `score` gives a score, its last; others a time, their last.

    Time tokens become digits and blanks behind digits vanish, so `82 seconds` becomes `82seconds`, which holds no number, while
    `82.0 seconds` is read as 82. TimeChat's sentence form cannot be read at all: it names `second` once.

    Source: VTG-LLM utils/format_vhd.py (ce13f3e).
    """
    found = scope(text, where) or ""
    for value, name in enumerate(_DIGITS):
        found = found.replace(f"<TIME_{name}>", str(value))
    found = found.replace("<TIME_DOT>", ".")
    found = _SPACED.sub(lambda match: match[0].replace(" ", ""), found).lower().replace("th", " ")
    if "second" not in found or "score" not in found:
        return Answer(failure="no-highlight")
    fragments = [part for part in re.split(r"[,\n]", found) if "second" in part or "score" in part or ":" in part]
    times = [[time for time in _TIME.findall(part) if time] for part in fragments if "score" not in part]
    scores = [_SCORE.findall(part) for part in fragments if "score" in part]
    return pair([got[-1] for got in times if got], [got[-1] for got in scores if got])
