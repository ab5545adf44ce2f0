"""Parsers: pure functions from text to Prediction, one a module, linear in the length of the text.

The only place with regular expressions over replies; evaluation and reward both come here.
"""

import importlib
from collections.abc import Callable
from pathlib import Path

from tasks.errors import InputError, unknown
from tasks.prediction import Prediction
from tasks.protocol import Answer

NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in ("__init__", "common")))


def parser(answer: Answer) -> Callable[[str], Prediction]:
    """The parser that a protocol names, with its search order bound. Raises InputError if there is none of that name."""
    if answer.parser not in NAMES:
        raise InputError(f"a parser: {', '.join(NAMES)}", unknown(answer.parser, NAMES), "harness show default")
    parse = importlib.import_module(f"tasks.parsers.{answer.parser}").parse
    return lambda text: parse(text, answer.where)
