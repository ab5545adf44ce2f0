"""TimeSuite's post-processing of a span with a score into the clip list that TimeChat's parser reads."""

import math
import re

from tasks.answer import Answer
from tasks.parsers.common import LARGEST, NUMBER, scope
from tasks.parsers.highlights import timechat as highlights_timechat

# The end is looked at, not taken: it may be the start of the next span.
_SPAN = re.compile(rf"{NUMBER}\s*+-\s*+(?={NUMBER})")
_NEXT = re.compile(r"[^\n\d]*+(\d++(?:\.\d*+)?+)")
# Where no number follows, the end of the span gives back its last digit as the score.
_LAST_DIGIT = re.compile(r"(\d++\.\d*(?=\d)|\d+(?=\d))(\d)\.?")


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read the first `a - b` and the next number of its line as score; every second time from floor(a) to ceil(b) gets it.

    Without a number behind it, the last digit of b is taken for the score: `82 - 96` is 82 to 9 with score 6.

    Source: TimeSuite eval/eval_infer.py, post_processing_vhd (d68f5fe), off unless asked for.
    """
    found = scope(text, where) or ""
    for match in _SPAN.finditer(found):
        end, score = match[2], _NEXT.match(found, match.end(2))
        shrunk = None if score else _LAST_DIGIT.fullmatch(end)
        if score or shrunk:
            end, given = (shrunk[1], shrunk[2]) if shrunk else (end, score[1] if score else "")
            return highlights_timechat.parse(_clip_list(float(match[1]), float(end), float(given)), ("whole",))
    return highlights_timechat.parse(f"Invalid post processing format! {found}", ("whole",))


def _clip_list(start_s: float, end_s: float, score: float) -> str:
    first, last = math.floor(min(start_s, LARGEST)), math.ceil(min(end_s, LARGEST))
    count = max(0, min(int((last - first) / 2) + 1, highlights_timechat.MOST))
    times = ", ".join(str(first + 2 * i) for i in range(count))
    return f"in the {times} seconds. Their scores are {', '.join([str(score)] * count)}."
