"""Parsers: pure functions from text to Prediction, one a module, linear in the length of the text.

The only place with regular expressions over replies; evaluation and reward both come here.
"""

import importlib
from collections.abc import Callable

from tasks.prediction import Prediction
from tasks.protocol import Answer


def parser(answer: Answer) -> Callable[[str], Prediction]:
    """The parser that a protocol names, with its search order bound."""
    parse = importlib.import_module(f"tasks.parsers.{answer.parser}").parse
    return lambda text: parse(text, answer.where)
