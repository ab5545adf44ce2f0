"""The parser of the TimeChat family for highlights: times, then scores, each list on its own or one pair a line."""

import re

from tasks.answer import Answer
from tasks.parsers.common import number, scope

MOST = 100
"""More times or scores than these are dropped, unless the reply announces another number."""

_ANNOUNCED = re.compile(r"There are (\d{1,9}) highlight moments")
_TIME = re.compile(r"[-+]?+\d*+\.\d++|\d++")
_SCORE = re.compile(r"\b\d\.\d\b")
# Clock times are matched so that their parts are not, and then dropped.
_LINE_TIME = re.compile(r"\b\d{1,2}:\d{2}:\d{2}\b|\b(\d++\.\d++|\d++)\b")


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read times and saliency scores. A failure is no reason to skip the query: all its clips then score 0.

    Every `th` is blanked first; `second` and `score` must occur. Where each occurs at most twice, numbers before the first
    `score` of a line are times and `d.d` after it are scores: a score written `4` is lost. Otherwise a line gives its last
    number above 10 as time and its last `d.d` as score: times up to 10 s cannot be said. Missing scores are 0.

    Source: TimeChat utils/format_vhd.py, parse_highlights (c60b332); TimeSuite's is the same.
    """
    found = (scope(text, where) or "").replace("th", " ")
    seconds, scores = found.count("second"), found.count("score")
    if not seconds or not scores:
        return Answer(failure="no-highlight")
    return pair(*(_lists(found) if seconds < 3 and scores < 3 else _lines(found)))


def pair(times: list[str], scores: list[str]) -> Answer:
    """Times with scores in order; a single time keeps the score it has, among several a missing score is 0."""
    if len(times) > 1:
        scores = scores + ["0"] * (len(times) - len(scores))
    highlights = tuple((number(time), number(score)) for time, score in zip(times, scores, strict=False))
    return Answer(marks=highlights, failure=None if highlights else "no-highlight")


def _lists(text: str) -> tuple[list[str], list[str]]:
    times: list[str] = []
    scores: list[str] = []
    for line in text.split("\n"):
        if "second" not in line and "score" not in line:
            continue
        announced = _ANNOUNCED.search(line)
        most = int(announced[1]) if announced else MOST
        if announced:
            line = line.replace(f"There are {most} highlight moments", "")
        parts = line.split("score")
        times += _TIME.findall(parts[0])[:most]
        scores += _SCORE.findall(parts[1] if len(parts) > 1 else line)[:most]
    return times, scores


def _lines(text: str) -> tuple[list[str], list[str]]:
    lines = [line for line in text.split("\n") if "second" in line or "score" in line or ":" in line]
    times = [[time for time in _LINE_TIME.findall(line) if time and float(time) > 10] for line in lines]
    scores = [_SCORE.findall(line) for line in lines]
    return [found[-1] for found in times if found], [found[-1] for found in scores if found]
