"""Arguments that several verbs take."""

import argparse
from collections.abc import Sequence

Parser = argparse.ArgumentParser
ACTION = "Each action has a --help of its own."


def batch_size(text: str) -> int | str:
    """A number, or `auto`."""
    return text if text == "auto" else int(text)


def add_ids_option(parser: Parser) -> None:
    """Which samples are asked."""
    usage = "Use only the samples whose ids FILE lists (harness data check --ids-out). Several files are intersected."
    parser.add_argument("--ids", action="append", default=[], metavar="FILE", help=usage)


def add_file_options(parser: Parser, duplicates: Sequence[str] = ("last", "first", "mean", "refuse")) -> None:
    """How a file of predictions is read."""
    parser.add_argument("--reply-key", metavar="KEY", help="Key of the reply in the rows of a file (default: detected).")
    usage = "Row that counts where a sample has several (default: last)."
    parser.add_argument("--duplicates", choices=duplicates, default="last", help=usage)


def add_question_options(parser: Parser) -> None:
    """What is asked, and by which rules."""
    parser.add_argument("--split", help="Split (default: the split that papers report). task@split names a split as well.")
    parser.add_argument("--protocol", help="Protocol (harness ls protocols; default: the protocol of the task).")
    parser.add_argument(
        "--modes", help="Prompt modes, comma-separated: direct,cot (default: direct, or the only mode of the protocol)."
    )
    parser.add_argument("--videos", action="append", default=[], metavar="DIR", help="Another folder of video files. Repeatable.")
