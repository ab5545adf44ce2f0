"""The parser of E.T. Bench's highlights: the first number of a reply is a time in seconds."""

import re

from tasks.answer import Answer
from tasks.parsers.common import read, scope

_NUMBER = re.compile(r"\d++(?:\.\d++)?+")


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read the first number, as a span without length; `no-span` where there is none.

    Source: ETBench evaluation/compute_metrics.py, vhd_eval (445f620).
    """
    match = _NUMBER.search(scope(text, where) or "")
    return read([(match[0], match[0])] if match else [])
