"""The command line: the arguments of every verb."""

import argparse
from collections.abc import Callable, Iterator
from inspect import signature
from typing import Any

from harness import __version__
from harness.arguments import evaluation, results, training
from harness.arguments.shared import EXAMPLES, Help, Parser, add_common_options

HELP = "harness COMMAND --help explains each command."
FIRST = (
    "data make",
    "run --model whole-video --tasks synthetic --output runs/whole",
    "run --model middle-half --tasks synthetic --output runs/middle",
    "compare runs/whole runs/middle",
)
"""Commands that work on any machine, without a model."""


def parser() -> Parser:
    """The command line."""
    usage = "Evaluate and train models for video temporal grounding."
    shown = EXAMPLES + "\n".join(f"  harness {one}" for one in FIRST)
    parser = Parser(prog="harness", description=usage, epilog=shown, formatter_class=Help)
    parser.add_argument("--version", action="version", version=f"harness {__version__}", help="Show the version and exit.")
    verbs = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", help=HELP)
    for add in (
        *(evaluation.run, evaluation.score, training.train, training.experiment),
        *(results.compare, results.board, results.view, results.plot, results.export, results.push, results.submit),
        *(evaluation.ls, evaluation.show, evaluation.data, training.rewards, training.new, training.demo),
    ):
        add(verbs)
    for leaf in _leaves(parser):
        add_common_options(leaf)
    return parser


def _leaves(parser: Parser) -> Iterator[Parser]:
    """Every verb, or every action of a verb."""
    below = [action.choices.values() for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield parser
    for one in (one for choices in below for one in choices):
        yield from _leaves(one)


def given(function: Callable[..., Any], options: argparse.Namespace) -> dict[str, Any]:
    """The options of a verb that a function takes, by their common names."""
    return {name: getattr(options, name) for name in signature(function).parameters if name in options}
