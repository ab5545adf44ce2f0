"""The parser of E.T. Bench's grounding tasks: TimeChat's with `a to b` added."""

import re

from tasks.answer import Answer
from tasks.parsers.common import Pairs, in_pairs, ordered, read, scope
from tasks.parsers.timechat import dash_pairs, line_numbers

_NUMBER = r"(?<!\d)(\d++\.*+\d*+)"
# A plain blank stands on both sides of the word, whatever other blanks there are.
_TO = re.compile(rf"{_NUMBER}\s++(?<= )to \s*+{_NUMBER}")


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read the first `a - b`; without one `a to b`; without one the first number of each sentence on start, end or happening.

    A reversed pair is swapped.

    Source: ETBench evaluation/compute_metrics.py, tvg_format (445f620).
    """
    return ordered(read(pairs((scope(text, where) or "").lower())))


def pairs(text: str) -> Pairs:
    """All pairs of the first of the three forms that the text, in small letters, has."""
    return dash_pairs(text) or _TO.findall(text) or in_pairs(line_numbers(text))
