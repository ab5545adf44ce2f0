"""The value of a pair of times: exact seconds, or the name of the reason why there is none."""

import re
from decimal import Context, Decimal

from tasks.span import Span

AMBIGUOUS, BAD_NUMBER, OTHER_UNIT = "ambiguous-time", "bad-number", "other-unit"

_EXACT = Context(prec=64)
_SECONDS = {"s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_DECIMAL_COMMA = re.compile(r"\d{1,7},\d{1,20}")
_THOUSANDS = re.compile(r"[1-9]\d{0,2},\d{3}")
_THOUSANDS_AND_POINT = re.compile(r"[1-9]\d{0,2},\d{3}\.\d{1,20}")
_TWO_CLOCKS_OR_POINTS = re.compile(r"(\d*[.:][\d.:]*),(\d*[.:][\d.:]*)")

Part = tuple[str, list[str]]
"""Classes and texts of the tokens of one time."""


def span(start: Part, end: Part, inherits: bool) -> Span | str:
    """The span between two times, or `ambiguous-time` or `bad-number`.

    Args:
        inherits: Whether the unit of the end also holds for a bare start: `1 to 2 minutes`.
    """
    texts = _without_commas(start, end)
    if texts is None:
        return AMBIGUOUS
    start, end = (start[0].replace("k", "f"), texts[0]), (end[0].replace("k", "f"), texts[1])
    first, last = _unit(start), _unit(end)
    if inherits and first == "" and last in ("m", "h"):
        start = (start[0] + last, [*start[1], ""])
    elif not _compatible(first, last):
        return AMBIGUOUS
    times = _seconds(*start), _seconds(*end)
    return BAD_NUMBER if times[0] is None or times[1] is None else Span(times[0], times[1])


def _compatible(first: str, last: str) -> bool:
    """Whether two times may stand together: a bare number beside another or seconds, clocks not beside hours."""
    if "" in (first, last):
        return {first, last} <= {"", "s"}
    return "?" not in (first, last) and {first, last} != {"c", "h"}


def _unit(part: Part) -> str:
    """`` for a bare number, `s`, `m`, `h`, `c` for a clock, `+` for several units, `?` for a clock said to be hours."""
    classes = part[0]
    if classes[0] == "c":
        return "?" if classes.endswith("h") and part[1][0].count(":") == 1 else "c"
    return classes[1:] if len(classes) <= 2 else "+"


def listed(text: str, bracketed: bool) -> Span | str:
    """The span of `12.5,17.5`; without brackets, or where it looks like thousands, the comma may stand inside a number."""
    if not (bracketed or _TWO_CLOCKS_OR_POINTS.fullmatch(text)) or (bracketed and _THOUSANDS.fullmatch(text)):
        return AMBIGUOUS
    start, end = text.split(",")
    return span((_class(start), [start]), (_class(end), [end]), inherits=False)


def _class(text: str) -> str:
    return "c" if ":" in text else "f"


def _without_commas(start: Part, end: Part) -> tuple[list[str], list[str]] | None:
    """The texts with decimal points only. A comma is read only if both times have one, and not if both may be thousands."""
    if "k" not in start[0] + end[0]:
        return start[1], end[1]
    commas = [text for classes, texts in (start, end) for name, text in zip(classes, texts, strict=True) if name == "k"]
    if len(commas) < 2:
        return None
    if all(map(_THOUSANDS_AND_POINT.fullmatch, commas)):
        mark = ""
    elif all(map(_DECIMAL_COMMA.fullmatch, commas)) and not all(map(_THOUSANDS.fullmatch, commas)):
        mark = "."
    else:
        return None
    first, last = (
        [text.replace(",", mark) if name == "k" else text for name, text in zip(*part, strict=True)] for part in (start, end)
    )
    return first, last


def _seconds(classes: str, texts: list[str]) -> Decimal | None:
    """Seconds of one time; None where minutes or seconds beside a larger unit reach sixty."""
    if classes[0] == "c":
        parts = [Decimal(part) for part in texts[0].replace(",", ".").split(":")]
        return sum((_EXACT.multiply(part, 60**power) for power, part in enumerate(reversed(parts))), Decimal(0))
    if classes[1:] in ("", "s"):
        return Decimal(texts[0])
    total, larger = Decimal(0), ""
    for index, name in enumerate(classes):
        if name in "ifj":
            unit = {"m": "s", "h": "m"}[larger] if name == "j" else next(filter(_SECONDS.get, classes[index:]))
            number = Decimal(texts[index])
            if larger and number >= 60:
                return None
            total, larger = _EXACT.add(total, _EXACT.multiply(number, _SECONDS[unit])), unit
    return total
