"""The parser of lmms-eval's in-run Charades-STA metrics."""

import re
from collections.abc import Callable
from itertools import chain

from tasks.answer import Answer
from tasks.parsers.common import BOUNDED, Pairs, clock, in_pairs, ordered, read, scope
from tasks.parsers.timechat import KEYWORDS, SENTENCE_END

_EXAMPLE = "a specific example is : 20.8 - 30.0 seconds"
_NUMBER = r"(?<!\d)(\d++(?:\.\d++)?+)"
_TIME = r"\d{1,2}:\d{2}(?::\d{2})?"
_CLOCK_PAIR = re.compile(rf"\b({_TIME})\s*+[–-]\s*+({_TIME})\b")
_PAIR = re.compile(rf"{_NUMBER}\s*+[–-]\s*+{_NUMBER}")
_CLOCK = re.compile(rf"\b({_TIME})\b")
_PAIR_S = re.compile(rf"{_NUMBER}\s*+s?+\s*+[–-]\s*+{_NUMBER}")


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read the first span after every `to`, also inside words, became a hyphen; a reversed one is swapped.

    Sentences (up to `!`, `?` or a line break) that say start, end or happen are read, all if there is none. Five ways, the
    first that finds: a range of clock times; `a - b`; all clock times, two by two; the first number of each sentence, two by
    two; `a s - b s`. An en dash counts as a hyphen.

    Source: lmms-eval tasks/charades_sta/utils.py, extract_time (75571cf, unchanged in 0.7.3). Its offline eval_tvg.py reads
    differently.
    """
    plain = (scope(text, where) or "").lower().replace(_EXAMPLE, "").replace("to", "-")
    sentences = list(filter(None, SENTENCE_END.split(plain)))
    chosen = [sentence for sentence in sentences if any(word in sentence for word in KEYWORDS)] or sentences
    ways: tuple[Callable[[list[str]], Pairs], ...] = (
        lambda lines: [(clock(str(a)), clock(str(b))) for a, b in _first(_CLOCK_PAIR, lines)],
        lambda lines: _first(_PAIR, lines),
        lambda lines: in_pairs([clock(time) for time in chain(*map(_CLOCK.findall, lines))]),
        lambda lines: in_pairs([float(match[0]) for match in map(BOUNDED.search, lines) if match]),
        lambda lines: _first(_PAIR_S, lines),
    )
    return ordered(read(next((pairs for way in ways if (pairs := way(chosen))), [])))


def _first(pattern: re.Pattern[str], lines: list[str]) -> Pairs:
    """All matches in the first line that has any."""
    return next((found for found in map(pattern.findall, lines) if found), [])
