"""What the parsers of other projects share: where they look, and how numbers become spans.

Their rules were written as regular expressions that can take quadratic time or more. Here each number is matched once, from
the start of its run of digits and without giving digits back, which finds the same matches in linear time.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from tasks.answer import Answer
from tasks.errors import InputError, unknown
from tasks.span import Span

Pairs = Sequence[tuple[str | float, str | float]]

LARGEST = 1e300
"""Stands for numbers beyond a float, so that no arithmetic on times overflows."""

OPEN, CLOSE = "<answer>", "</answer>"
# A number as most of them find one, and one that ends where a word ends.
NUMBER = r"(?<!\d)(\d++(?:\.\d*+)?+)"
BOUNDED = re.compile(r"\b(\d++\.\d++|\d++)\b")
# Blanks before a closing tag are looked at once, from their start.
_LINE_TOKEN = re.compile(r"<answer>\s*+|(?<!\s)\s++</answer>|</answer>|\n")


def scope(text: str, where: Sequence[str]) -> str | None:
    """The part of a reply that is read: the first of the named places that exists, None if none does. Raises InputError."""
    for place in where:
        if place not in SCOPES:
            raise strange(place, SCOPES)
        if (found := SCOPES[place](text)) is not None:
            return found
    return None


def strange(place: str, known: Iterable[str]) -> InputError:
    """The error of a place that a parser does not know."""
    return InputError(f"places that the parser knows in where: {', '.join(known)}", unknown(place, known), "edit the protocol")


def number(text: str | float) -> float:
    """A float as Python reads it, at most `LARGEST`. Raises ValueError where Python cannot."""
    return min(float(text), LARGEST)


def read(pairs: Pairs) -> Answer:
    """Spans as written, also reversed and empty ones: the score rule decides what they are worth.

    Returns:
        The spans in order, or a failure: `no-span`, or `bad-number` where Python cannot read one (`5..7`).
    """
    try:
        spans = tuple(Span(number(start), number(end)) for start, end in pairs)
    except ValueError:
        return Answer(failure="bad-number")
    return Answer(spans) if spans else Answer(failure="no-span")


def ordered(prediction: Answer) -> Answer:
    """The first span only, start and end swapped if reversed."""
    return Answer(tuple(Span(min(span), max(span)) for span in prediction.spans[:1]), prediction.failure)


def in_pairs(numbers: Sequence[str | float]) -> Pairs:
    """Neighbours two by two; a last single number is dropped."""
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def clock(text: str) -> float:
    """Seconds of `h:mm:ss` or `m:ss`."""
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def _blocks(text: str) -> list[str]:
    """Contents of all answer tags, each from an opening tag to the next closing tag."""
    found, end = [], 0
    while (begin := text.find(OPEN, end)) >= 0 and (stop := text.find(CLOSE, begin)) >= 0:
        found.append(text[begin + len(OPEN) : stop])
        end = stop + len(CLOSE)
    return found


def _first_line(text: str) -> str | None:
    begin = None
    for token in _LINE_TOKEN.finditer(text):
        if token[0].startswith(OPEN):
            broken = "\n" in token[0] and not text.startswith(CLOSE, token.end())
            begin = token.end() if begin is None or broken else begin
        elif token[0] == "\n":
            begin = None
        elif begin is not None:
            return text[begin : token.start()].rstrip()
    return None


def _only(text: str) -> str | None:
    begin, stop = text.find(OPEN) + len(OPEN), text.find(CLOSE)
    return text[begin:stop].strip() if text.count(OPEN) == text.count(CLOSE) == 1 and begin <= stop else None


SCOPES: dict[str, Callable[[str], str | None]] = {
    "whole": lambda text: text,
    "first-answer": lambda text: next(iter(_blocks(text)), None),
    "first-answer-line": _first_line,
    "last-answer": lambda text: next(iter(_blocks(text)[::-1]), None),
    "only-answer": _only,
}
"""`first-answer-line` is the first answer tag without a line break inside; `only-answer` needs exactly one pair of tags."""
