"""Parsers: pure functions from text to Answer, one a module, linear in the length of the text.

The only place with regular expressions over replies; evaluation and reward both come here.
"""

import importlib
from collections.abc import Callable
from pathlib import Path

from tasks.answer import Answer
from tasks.errors import InputError, unknown
from tasks.protocol import AnswerRules

_HERE = Path(__file__).parent
NAMES = tuple(
    sorted(
        ".".join(path.relative_to(_HERE).with_suffix("").parts)
        for path in (*_HERE.glob("*.py"), *_HERE.glob("highlights/*.py"), *_HERE.glob("rewards/*.py"))
        if path.stem not in ("__init__", "common")
    )
)


def parser(answer: AnswerRules) -> Callable[[str], Answer]:
    """The parser that a protocol names, with its search order bound. Raises InputError if there is none of that name."""
    if answer.parser not in NAMES:
        raise InputError(f"a parser: {', '.join(NAMES)}", unknown(answer.parser, NAMES), "harness show default")
    parse = importlib.import_module(f"tasks.parsers.{answer.parser}").parse
    return lambda text: parse(text, answer.where)
