"""What the arguments of a function mean, in the words of the command line, which stand once."""

import argparse
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from harness.arguments import parser

WIDTH = 100
HEAD = "Options, in the words of the command line, where a list stands for commas and for what is repeatable:"


def explain(functions: list[Callable[..., Any]]) -> None:
    """Append to each docstring a line for every argument that the verb of the same name takes and the docstring leaves out."""
    (verbs,) = (action.choices for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    for function in functions:
        known = {action.dest: action for action in verbs[function.__name__]._actions}
        told = inspect.getdoc(function) or ""
        left = [name for name in inspect.signature(function).parameters if name in known and f"\n    {name}: " not in told]
        lines = [_line(name, known[name]) for name in left]
        function.__doc__ = "\n".join([told, "", HEAD, *lines])


def _line(name: str, action: argparse.Action) -> str:
    text = f"{name}: {(action.help or '') % {'default': action.default}}"
    return textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="        ", break_on_hyphens=False)
