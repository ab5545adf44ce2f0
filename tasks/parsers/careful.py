"""The default parser: reads the time formats people and models write, and names what it cannot read."""

import re
from decimal import Decimal

from tasks.prediction import Prediction
from tasks.span import Span

# White space is collapsed before matching, so no pattern repeats a blank, and every repeat is bounded: matching is linear.
_NUMBER = r"\d{1,7}(?:\.\d{1,20})?"
_HOUR, _MINUTE, _SECOND = (rf"(?:{names})(?![a-z])" for names in ("hours?|hrs?|h", "minutes?|mins?|m", "seconds?|secs?|s"))
# A number in another unit is not a time, nor is one that goes on.
_OTHER_UNIT = rf"(?!(?!to ?\d)[\w:%]|\.\d| ?(?:{_HOUR}|{_MINUTE}|%|percent|ms\b|frames?\b|fps\b))"
# A comma without a blank may be a decimal comma, except inside brackets.
_SEPARATOR = (
    r"(?: ?[-‐‑‒–—−~] ?"
    r"| ?, |(?(bracket),|(?!))"
    r"| ?to ?| (?:and|until|till|through) "
    r"|,? [\"']?(?:and )?(?:it )?(?:the )?(?:end|ends|ending)(?:[ _]time)?[\"']?(?: is| at)?:? )"
)


def _time(name: str) -> str:
    clock = rf"(?:(?P<{name}_clock_h>\d{{1,3}}):)?(?P<{name}_clock_m>\d{{1,5}}):(?P<{name}_clock_s>\d{{1,2}}(?:\.\d{{1,20}})?)"
    words = (
        rf"(?:(?P<{name}_h>\d{{1,3}}) ?{_HOUR} ?)?(?P<{name}_m>\d{{1,5}}) ?{_MINUTE}"
        rf"(?: ?(?:and )?(?P<{name}_s>{_NUMBER}) ?{_SECOND})?"
    )
    return rf"(?:{clock}|{words}|(?P<{name}>{_NUMBER}))(?: ?{_SECOND})?{_OTHER_UNIT}"


_PAIR = re.compile(
    rf"(?P<bracket>[\[(])?(?<![\w.:%−-])(?<!\d,)(?<!frame )(?<!frames ){_time('start')}{_SEPARATOR}{_time('end')}",
    re.IGNORECASE,
)
_ANSWER_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE)
_THINK_END = re.compile(r"</think>", re.IGNORECASE)


def parse(text: str, where: tuple[str, ...]) -> Prediction:
    """Read spans from a reply.

    Times are seconds (`12.5`, `12.5s`, `12.5 seconds`), `mm:ss`, `hh:mm:ss` or `1 min 5 s`; a pair is joined by a dash,
    `to`, `and`, a comma or the like. Nothing is swapped, rounded or clamped.

    Args:
        text: The raw reply.
        where: Places searched, the first that exists decides: `answer` (inside the last answer tag), `after-think`
            (behind the last closing think tag), `whole`.

    Returns:
        All pairs in order, or a failure: `no-answer` (none of the places exists), `unclosed-answer` (the reply ends inside
        its last answer tag, so its numbers may be cut), `no-span`, `reversed-span`, `empty-span` (start = end).
    """
    for place in where:
        if place == "answer" and _is_unclosed(text):
            return Prediction(failure="unclosed-answer")
        scope = _scope(text, place)
        if scope is not None:
            return _read(scope)
    return Prediction(failure="no-answer")


def _is_unclosed(text: str) -> bool:
    tags = _ANSWER_TAG.findall(text)
    return bool(tags) and tags[-1] == ""


def _scope(text: str, place: str) -> str | None:
    if place == "whole":
        return text
    if place == "after-think":
        ends = [match.end() for match in _THINK_END.finditer(text)]
        return text[ends[-1] :] if ends else None
    begin = scope = None
    for tag in _ANSWER_TAG.finditer(text):
        if not tag[1]:
            begin = tag.end()
        elif begin is not None:
            scope, begin = text[begin : tag.start()], None
    return scope


def _read(scope: str) -> Prediction:
    found = _PAIR.finditer(" ".join(scope.split()))
    spans = tuple(Span(_seconds(match, "start"), _seconds(match, "end")) for match in found)
    if not spans:
        return Prediction(failure="no-span")
    if any(span.start_s > span.end_s for span in spans):
        return Prediction(failure="reversed-span")
    if any(span.start_s == span.end_s for span in spans):
        return Prediction(failure="empty-span")
    return Prediction(spans)


def _seconds(match: re.Match[str], name: str) -> Decimal:
    if (plain := match[name]) is not None:
        return Decimal(plain)
    form = f"{name}_clock" if match[f"{name}_clock_m"] is not None else name
    hours, minutes, seconds = (Decimal(match[f"{form}_{unit}"] or 0) for unit in "hms")
    return hours * 3600 + minutes * 60 + seconds
