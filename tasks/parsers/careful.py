"""The default parser: reads the time formats people and models write, and names what it cannot read."""

import re
from decimal import Decimal

from tasks.answer import Answer
from tasks.parsers.common import strange
from tasks.parsers.reading.characters import near_numbers, plain
from tasks.parsers.reading.pairs import read
from tasks.parsers.reading.tokens import tokens
from tasks.span import Span

LONGEST = 200_000
"""Characters of a reply near its numbers; more answers nothing, and would take long."""

# The form that prompts ask for, read without further ado: training calls this for every reply.
_PLAIN_PAIR = re.compile(r"\s*+([0-9]{1,7}(?:\.[0-9]{1,20})?+) ?(?:to|-) ?([0-9]{1,7}(?:\.[0-9]{1,20})?+)\s*+")
_ANSWER_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE)
_THINK_END = re.compile(r"</think>", re.IGNORECASE)


def parse(text: str, where: tuple[str, ...]) -> Answer:
    """Read spans from a reply.

    A pair of times stands in words (`from 12.5 s to 17.5 s`), brackets, JSON, a table or subtitles; times are seconds, clocks
    (`1:05`, `1:02:03.5`) or have units (`1 min 5 s`). docs/reading.md has the forms. Nothing is swapped, rounded or clamped, and
    no part of a longer number is ever read: a reply that allows two readings is refused.

    Args:
        where: Places searched, the first that exists decides: `answer` (inside the last answer tag), `after-think`
            (behind the last closing think tag), `whole`.

    Returns:
        All pairs in order, or a failure: `no-answer` (none of the places exists), `unclosed-answer` (the reply ends inside
        its last answer tag, so its numbers may be cut), `no-span`, `ambiguous-time` (two readings), `other-unit` (frames,
        percent, a length of time), `bad-number` (`1:75`, `1.2.3`, `-5`), `too-long`, `reversed-span`, `empty-span`
        (start = end).
    """
    scope = found(text, where)
    return checked(spans_in(scope)) if isinstance(scope, str) else scope


def found(text: str, where: tuple[str, ...]) -> str | Answer:
    """The first of these places that exists, or the failure `unclosed-answer` or `no-answer`."""
    for place in where:
        scope = last_tag(text, _ANSWER_TAG) if place == "answer" else _scope(text, place)
        if scope is not None:
            return scope
    return Answer(failure="no-answer")


def last_tag(text: str, tag: re.Pattern[str]) -> str | Answer | None:
    """What stands in the last closed tag, None where there is none; a failure where a tag is still open at the end."""
    begin = scope = None
    for match in tag.finditer(text):
        if not match[1]:
            begin = match.end()
        elif begin is not None:
            scope, begin = text[begin : match.start()], None
    return Answer(failure="unclosed-answer") if begin is not None else scope


def _scope(text: str, place: str) -> str | None:
    if place == "whole":
        return text
    if place != "after-think":
        raise strange(place, ("answer", "after-think", "whole"))
    ends = [match.end() for match in _THINK_END.finditer(text)]
    return text[ends[-1] :] if ends else None


def checked(answer: Answer) -> Answer:
    """The answer, or the failure that one of its spans is: `reversed-span` or `empty-span`."""
    if any(span.start_s > span.end_s for span in answer.spans):
        return Answer(failure="reversed-span")
    if any(span.start_s == span.end_s for span in answer.spans):
        return Answer(failure="empty-span")
    return answer


def spans_in(scope: str) -> Answer:
    """All pairs of times in a part of a reply, in order, also reversed and empty ones; or why it cannot be read."""
    match = _PLAIN_PAIR.fullmatch(scope)
    if not match and len(scope := near_numbers(scope)) > LONGEST:
        return Answer(failure="too-long")
    spans = (Span(Decimal(match[1]), Decimal(match[2])),) if match else read(tokens(plain(scope)))
    return Answer(failure=spans) if isinstance(spans, str) else Answer(spans)
