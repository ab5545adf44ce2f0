"""How a verb is described, and arguments that several verbs take."""

import argparse
from collections.abc import Sequence
from typing import TypeAlias

Parser = argparse.ArgumentParser
Verbs: TypeAlias = "argparse._SubParsersAction[Parser]"
Group = argparse._ArgumentGroup
ACTION = "Each action has a --help of its own."
EXAMPLES = "examples:\n"


class Help(argparse.HelpFormatter):
    """Fills paragraphs, and keeps the lines of examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        blocks = text.split("\n\n")
        return "\n\n".join(block if block.startswith(EXAMPLES) else fill(block, width, indent) for block in blocks)


def verb(verbs: Verbs, name: str, usage: str, *examples: str, more: str = "") -> Parser:
    """A verb with its sentences, and with examples of what is typed behind `harness`."""
    shown = EXAMPLES + "\n".join(f"  harness {one}" for one in examples)
    epilog = "\n\n".join(filter(None, (more, shown)))
    return verbs.add_parser(name, help=usage, description=usage, epilog=epilog, formatter_class=Help)


def add_common_options(parser: Parser) -> None:
    """What every verb takes, behind its own options."""
    common = parser.add_argument_group("options of every command")
    common.add_argument(
        "--data-root", metavar="DIR", help="Folder of annotations and videos (default: $HARNESS_DATA, else the user cache)."
    )
    usage = "Annotation file that lies elsewhere, known by its SHA-256: FILE or TASK=FILE. Repeatable."
    common.add_argument("--annotations", action="append", default=[], metavar="FILE", help=usage)
    usage = "File or folder with your own tasks, protocols, parsers, kinds, models, rewards or recipes. Repeatable."
    common.add_argument("--include", action="append", default=[], metavar="PATH", help=usage)
    usage = "Read options from a YAML file, or from the run.json of a run. Typed options win."
    common.add_argument("--config", metavar="FILE", help=usage)
    common.add_argument("--debug", action="store_true", help="Show tracebacks of errors.")


def batch_size(text: str) -> int | str:
    """A number, or `auto`."""
    return text if text == "auto" else int(text)


def add_ids_option(parser: argparse._ActionsContainer) -> None:
    """Which samples are asked."""
    usage = "Use only the samples whose ids FILE lists (harness data check --ids-out). Several files are intersected."
    parser.add_argument("--ids", action="append", default=[], metavar="FILE", help=usage)


def add_file_options(parser: Parser, duplicates: Sequence[str] = ("last", "first", "mean", "refuse")) -> Group:
    """How a file of predictions is read; gives the group of these options."""
    group = parser.add_argument_group("files of predictions")
    group.add_argument("--reply-key", metavar="KEY", help="Key of the reply in the rows of a file (default: detected).")
    usage = "Row that counts where a sample has several (default: last)."
    group.add_argument("--duplicates", choices=duplicates, default="last", help=usage)
    return group


def add_question_options(parser: argparse._ActionsContainer) -> None:
    """What is asked, and by which rules."""
    parser.add_argument("--split", help="Split (default: the split that papers report). task@split names a split as well.")
    parser.add_argument("--protocol", help="Protocol (harness ls protocols; default: the protocol of the task).")
    parser.add_argument(
        "--modes", help="Prompt modes, comma-separated: direct,cot (default: direct, or the only mode of the protocol)."
    )
    parser.add_argument("--videos", action="append", default=[], metavar="DIR", help="Another folder of video files. Repeatable.")
