"""Parsers: pure functions from text to Answer, one a module, linear in the length of the text.

The only place with regular expressions over replies; evaluation and reward both come here.
"""

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tasks import outside
from tasks.answer import Answer
from tasks.errors import InputError, unknown
from tasks.protocol import Protocol
from tasks.rules import AnswerRules
from tasks.span import Span

_HERE = Path(__file__).parent
NAMES = tuple(
    sorted(
        ".".join(path.relative_to(_HERE).with_suffix("").parts)
        for path in (*_HERE.glob("*.py"), *_HERE.glob("highlights/*.py"), *_HERE.glob("rewards/*.py"))
        if path.stem not in ("__init__", "common")
    )
)


def parser(rules: AnswerRules) -> Callable[[str], Answer]:
    """The parser that a protocol names, with its search order bound. Raises InputError if there is none of that name."""
    more = outside.added("parsers", NAMES)
    if rules.parser not in (*NAMES, *more):
        found = unknown(rules.parser, (*NAMES, *more))
        raise InputError(f"a parser: {', '.join((*NAMES, *more))}", found, "harness show default, or --include its file")
    thing = more.get(rules.parser)
    parse = (thing.load() if thing else importlib.import_module(f"tasks.parsers.{rules.parser}")).parse
    return lambda text: parse(text, rules.where)


def in_seconds(answer: Answer, duration_s: float, rules: AnswerRules) -> Answer:
    """What a parser read, in seconds whatever the unit of the protocol."""
    if rules.unit == "seconds":
        return answer
    return replace(answer, spans=tuple(Span(*(float(time) * duration_s / 100 for time in span)) for span in answer.spans))


def reader(protocol: Protocol) -> Callable[[str, float], Answer]:
    """From a reply and the duration of its video in seconds to the answer, in seconds."""
    parse, rules = parser(protocol.answer), protocol.answer
    return lambda text, duration_s: in_seconds(parse(text), duration_s, rules)
