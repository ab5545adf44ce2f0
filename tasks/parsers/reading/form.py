"""Whether a reply has the form that a protocol asks for: its template as a pattern."""

import re
from functools import cache
from string import Formatter

from tasks.rules import AnswerRules

_TIME = r"\d++(?::\d++)*+(?:\.\d++)?+(?:\s*+(?:s|secs?|seconds?)\b)?"
_OPTION = r"\(?+(?P<option>[a-z])\)?+\.?+"
# Between the spans of a list. Brackets are left to spans that have their own.
_BETWEEN, _BETWEEN_BRACKETS = r"(?:[\s,;()\[\]{}]|\band\b)", r"(?:[\s,;]|\band\b)"
_PARTS = re.compile(r"(<[^<>]*+>|\s++)")
_THOUGHT = re.compile(r"<think>(.*?)</think>\s*+", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?(?:think|answer|glue)>", re.IGNORECASE)


def answered(text: str, mode: str, rules: AnswerRules) -> re.Match[str] | None:
    """The answer of a reply that is the template filled in and nothing else, behind a thought in `cot`; None for any other.

    Blanks around tags and case are free. A time is `12.5`, `1:05` or `12.5 s`. Spans of a list stand apart by blanks, commas,
    semicolons, brackets or the word and; an option is `A`, `(A)` or `A.`, the group `option`. A thought is not empty and
    holds none of the tags.
    """
    rest = text.strip()
    if mode == "cot":
        thought = _THOUGHT.match(rest)
        if thought is None or not thought[1].strip() or _TAG.search(thought[1]):
            return None
        rest = rest[thought.end() :]
    return _pattern(rules.template, rules.span).fullmatch(rest)


@cache
def _pattern(template: str, span: str) -> re.Pattern[str]:
    between = _BETWEEN_BRACKETS if set(span) & set("()[]") else _BETWEEN
    one = _filled(span, {"start": _TIME, "end": _TIME})
    spans = rf"{between}*+{one}(?:{between}++{one})*+{between}*+"
    return re.compile(_filled(template, {"start": _TIME, "end": _TIME, "spans": spans, "option": _OPTION}), re.IGNORECASE)


def _filled(template: str, fields: dict[str, str]) -> str:
    return "".join(_literal(text) + (fields[name] if name else "") for text, name, _, _ in Formatter().parse(template))


def _literal(text: str) -> str:
    """Blanks may stand where one does, and around tags."""
    parts = [part for part in _PARTS.split(text) if part]
    return "".join(
        rf"\s*+{re.escape(part)}\s*+" if part[0] == "<" else re.escape(part) if part.strip() else r"\s*+" for part in parts
    )
