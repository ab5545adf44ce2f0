"""The ladder of TimeLens, lmms-eval's TimeLens task and the open TempSamp-R1 evaluation: four ways to read, first that finds."""

import re

from tasks.answer import Answer
from tasks.parsers.common import BOUNDED, NUMBER, clock, in_pairs, read, scope

_CLOCK = re.compile(r"\b(\d{1,2}:\d{2}:\d{2}(?:\.\d++)?|\d{1,2}:\d{2}(?:\.\d++)?)\b")
_DASH = re.compile(rf"{NUMBER}\s*+-\s*+{NUMBER}")
_TO = re.compile(rf"{NUMBER}\s++to\s++{NUMBER}")


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read clock times; without two of them `a - b`; without one `a to b`; without one every number, two by two.

    A number counts in the last step only if a word ends after it: `12.5s` is read as 12, since the word does not end after
    12.5. The first pair is scored; a reversed one is kept.

    Source: TimeLens timelens/utils.py:28-85 (5d90c06), which reads the whole reply, thoughts included; TempSamp-R1
    scripts/eval/eval_timelens_bench.py, extract_time (55a92280), which prefers the first answer tag without a line break;
    lmms-eval tasks/timelens/utils.py (0.7.3).
    """
    found = scope(text.lower(), where) or ""
    times = [clock(time) for time in _CLOCK.findall(found)]
    pairs = in_pairs(times) or _DASH.findall(found) or _TO.findall(found)
    return read(pairs or in_pairs(list(map(float, BOUNDED.findall(found)))))
