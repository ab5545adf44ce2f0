"""The parser of TRACE, whose times are tokens of their own, written out as text."""

import re

from tasks.answer import Answer
from tasks.parsers.common import read, scope

_EVENT = re.compile(r"(?<![\d.])(?<!<sep>)([\d.]++)<sep>([\d.]++)(?:<sep>)?+<sync>")


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read the first event with exactly two times: `0024.3<sep>0030.4<sync>`.

    Source: TRACE trace/eval/evaluate.py and reformat_tvg.py (fba1e40): time tokens up to `<sync>` are one event, `<sep>` ends
    a time, events without exactly two times are passed over. The original reads token ids; this text form of them is ours.
    """
    return read(_EVENT.findall(scope(text, where) or "")[:1])
