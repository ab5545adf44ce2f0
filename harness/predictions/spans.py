"""Moments in the spellings that prediction files use: numbers, number texts, clock times, pairs, objects, JSON in a text."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from harness.predictions import literals
from harness.predictions.names import plain_key
from tasks.formats.published import shown

Moment = tuple[float, ...]
"""Start and end in seconds, and a score where the file gives one. NaN stands for what is no finite number."""

FURTHEST_S = 1e9
LONGEST = 100_000
_PAIRS = (
    *(("start", "end"), ("starttime", "endtime"), ("starts", "ends"), ("startsec", "endsec"), ("startsecond", "endsecond")),
    *(("startseconds", "endseconds"), ("startts", "endts"), ("starttimestamp", "endtimestamp"), ("timestart", "timeend")),
    *(("begin", "end"), ("begintime", "endtime"), ("from", "to"), ("tstart", "tend"), ("onset", "offset")),
)
_HELD = ("segment", "span", "timestamp", "timestamps", "window", "interval", "moment", "time")
_SCORES = ("score", "confidence", "probability", "prob")
_UNIT = r"\s*(?:s|secs?|seconds?)?\.?"
_NUMBER = re.compile(rf"([+-]?(?:\d+(?:[.,]\d*)?|\.\d+)(?:e[+-]?\d+)?){_UNIT}", re.IGNORECASE)
_CLOCK = re.compile(rf"(?:(\d{{1,3}}):)?(\d{{1,4}}):([0-5]?\d(?:[.,]\d*)?){_UNIT}", re.IGNORECASE)
_NONE = frozenset({"", "nan", "inf", "-inf", "+inf", "infinity", "-infinity", "none", "null", "n/a", "na", "-"})
_DECODER = json.JSONDecoder()
_BETWEEN = ("-->", "->", "→", "–", "—", "~", " to ", " and ", "-", ";", ",")


def moments(value: Any) -> list[Moment]:
    """Every moment of a value, in its order; none of an empty list. Raises ValueError, which says what it is instead."""
    if isinstance(value, str):
        return moments(found) if (found := literal(value)) is not None else [_range(value)]
    if isinstance(value, Mapping):
        return [_moment(value)]
    if not isinstance(value, list):
        raise ValueError(f"{shown(value)} is no moment")
    if not value:
        return []
    while len(value) == 1 and isinstance(value[0], list) and value[0] and isinstance(value[0][0], list):
        value = value[0]
    if any(isinstance(item, list | dict) for item in value):
        return [_moment(item) for item in value]
    if all(isinstance(item, str) for item in value) and not all(_is_time(item) for item in value):
        return [_range(item) for item in value]
    return [_moment(value)]


def literal(text: str) -> list[Any] | dict[str, Any] | None:
    """The list or object that a text spells as JSON, or as Python with its tuples and quotes; None if it spells none."""
    text = text.strip()
    if text[:1] not in ("[", "(", "{") or len(text) > LONGEST:
        return None
    try:
        found, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        try:
            found, end = literals.decode(text, 0, _DECODER)
        except (ValueError, RecursionError):
            return None
    return found if end == len(text) else None


def _moment(value: Any) -> Moment:
    if isinstance(value, str):
        return _range(value)
    if isinstance(value, Mapping):
        return _of_object(value)
    if isinstance(value, list) and len(value) in (2, 3):
        return tuple(seconds(item) for item in value)
    raise ValueError(f"{shown(value)} is no moment [start, end]")


def _of_object(value: Mapping[str, Any]) -> Moment:
    names = {plain_key(key): key for key in value}
    score = next(((seconds(value[names[name]]),) for name in _SCORES if name in names and value[names[name]] is not None), ())
    if both := next(((names[a], names[b]) for a, b in _PAIRS if a in names and b in names), None):
        return (*(seconds(value[key]) for key in both), *score)
    held = [names[name] for name in _HELD if name in names]
    if len(held) == 1:
        found = moments(value[held[0]])
        if len(found) == 1:
            return (*found[0][:2], *(score or found[0][2:]))
    raise ValueError(f"an object with the keys {shown(list(value))} is no moment")


def _range(text: str) -> Moment:
    """`12.5 - 17.5`, `00:12 --> 00:17`, `[12.5, 17.5]`: one moment as text."""
    inner = text.strip().strip("[]()<>").strip()
    for between in _BETWEEN if len(inner) <= 100 else ():
        parts = inner.split(between)
        if len(parts) in ((2, 3) if between == "," else (2,)) and all(part.strip() and _is_time(part) for part in parts):
            return tuple(seconds(part) for part in parts)
    raise ValueError(f"{shown(text)} is no moment")


def _is_time(text: str) -> bool:
    try:
        seconds(text)
    except ValueError:
        return False
    return True


def seconds(value: Any) -> float:
    """A time: a number, a number as text, `mm:ss` or `hh:mm:ss.f`; NaN for null, NaN, infinity and absurdly far.

    Raises ValueError where it is none.
    """
    if value is None:
        return math.nan
    if isinstance(value, str):
        return _of_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{shown(value)} is no time")
    return float(value) if abs(value) < FURTHEST_S else math.nan


def _of_text(text: str) -> float:
    if text.casefold() in _NONE:
        return math.nan
    if len(text) <= 40:
        if found := _NUMBER.fullmatch(text):
            return seconds(float(found[1].replace(",", ".")))
        if found := _CLOCK.fullmatch(text):
            hours, minutes, rest = found.groups()
            return 3600.0 * int(hours or 0) + 60.0 * int(minutes) + float(rest.replace(",", "."))
    raise ValueError(f"{shown(text)} is no time in seconds, and none like 00:01:05")


def numbers(text: str) -> set[float]:
    """Every number and clock time that stands in a text, to two decimals."""
    found = re.findall(r"\d{1,9}(?::\d{1,2}){1,2}(?:\.\d{1,9})?|\d{1,9}(?:\.\d{1,9})?", text)
    return {round(_of_text(part), 2) for part in found if _is_time(part)}
