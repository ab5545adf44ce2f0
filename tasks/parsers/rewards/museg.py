"""The parser of the rewards of MUSEG: `a-b` items between blanks, stricter than its evaluation."""

import math
import re
from itertools import islice

from tasks.answer import Answer
from tasks.parsers.common import CLOSE, OPEN, Pairs, read, scope
from tasks.parsers.rewards.time_r1 import THINK, well_formed

_TAGS = (THINK, "</think>", OPEN, CLOSE)


def parse(text: str, where: tuple[str, ...] = ("only-answer",)) -> Answer:
    """Read segments; one item that is not start < end voids the whole answer.

    A number is what Python's `float` reads: `1e2` counts. What stands behind a second dash is passed over. A blank beside a
    dash voids the answer. `inf` voids it too, where the original's reward becomes NaN.

    Source: MUSEG src/train.py, reward_global_matching and reward_local_matching (889565e).
    """
    found = scope(text, where)
    if found is None:
        return Answer(failure="no-answer")
    try:
        times = [(float(start), float(end)) for start, end in items(found)]
    except ValueError:
        return Answer(failure="bad-number")
    if not all(math.isfinite(time) for pair in times for time in pair):
        return Answer(failure="bad-number")
    if any(start >= end for start, end in times):
        return Answer(failure="reversed-span")
    return read(times)


def items(answer: str) -> Pairs:
    """What stands around the first dash of each item, as text; empty where there is no dash."""
    parts = [(*item.split("-"), "") for item in answer.split()]
    return [(part[0], part[1]) for part in parts]


def sections(text: str) -> tuple[str, str] | None:
    """Thought and answer of a reply that is `<think>…</think><answer>…</answer>` with each tag once; None for any other.

    Source: MUSEG src/train.py, _reward_format.
    """
    if not well_formed(text.strip()) or any(text.count(tag) != 1 for tag in _TAGS):
        return None
    thought, _, answer = text.strip().removeprefix(THINK).removesuffix(CLOSE).partition("</think>")
    return thought, answer.strip().removeprefix(OPEN)


def mentions(time: float, thought: str, most: int) -> int:
    """How often a thought names a time, counted up to `most`.

    The time is written as Python writes a float and searched for as a regular expression, as the original does: 12 is looked
    for as `12.0`, and 12.5 is found in `112x5`.
    """
    return sum(1 for _ in islice(re.finditer(str(time), thought), most))
