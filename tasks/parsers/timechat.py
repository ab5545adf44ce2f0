"""The parser of the TimeChat family for moment retrieval."""

import re

from tasks.answer import Answer
from tasks.parsers.common import BOUNDED, Pairs, in_pairs, ordered, read, scope

_NUMBER = r"(?<!\d)(\d++\.*+\d*+)"
_DASH = re.compile(rf"{_NUMBER}\s*+-\s*+{_NUMBER}")
SENTENCE_END = re.compile(r"[!?\n]")
KEYWORDS = ("start", "end", "happen")


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read the first `a - b`; without one, the first number of each of the first two sentences that say start, end or happen.

    Sentences end with `!`, `?` or a line break, not with a full stop, so `The start time is 0, and the end time is 12.` gives
    one number and fails. A reversed pair is swapped. The original's step for `hh:mm:ss` cannot be reached with a result.

    Source: TimeChat utils/format_tvg.py:24-96 (c60b332); TimeSuite and VTG-LLM descend from it. The original stops on a number
    like `5..7`; here the answer fails.
    """
    found = (scope(text, where) or "").lower()
    return ordered(read(dash_pairs(found) or in_pairs(line_numbers(found))))


def dash_pairs(text: str) -> Pairs:
    """All pairs joined by a hyphen, as text."""
    return _DASH.findall(text)


def line_numbers(text: str) -> list[float]:
    """The first number of each sentence that names a start, an end or a happening."""
    sentences = (sentence for sentence in filter(None, SENTENCE_END.split(text)) if any(word in sentence for word in KEYWORDS))
    return [float(match[0]) for sentence in sentences if (match := BOUNDED.search(sentence))]
