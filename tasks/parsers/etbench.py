"""The parser of E.T. Bench's grounding tasks: TimeChat's with `a to b` added."""

import re

from tasks.answer import Answer
from tasks.parsers.common import in_pairs, ordered, read, scope
from tasks.parsers.timechat import dash_pairs, line_numbers

_NUMBER = r"(?<!\d)(\d++\.*+\d*+)"
# A plain blank stands on both sides of the word, whatever other blanks there are.
_TO = re.compile(rf"{_NUMBER}\s++(?<= )to \s*+{_NUMBER}")


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read the first `a - b`; without one `a to b`; without one the first number of each sentence on start, end or happening.

    A reversed pair is swapped.

    Source: ETBench evaluation/compute_metrics.py, tvg_format (445f620).
    """
    found = (scope(text, where) or "").lower()
    return ordered(read(dash_pairs(found) or _TO.findall(found) or in_pairs(line_numbers(found))))
