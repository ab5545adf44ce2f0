"""The help of every command reads as plain English and fits 100 columns."""

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.arguments import parser
from harness.arguments.shared import EXAMPLES
from harness.cli import main
from harness.synthetic.make import make

COLUMNS, WORDS = 100, 25
VAGUE = re.compile(r"^(?:it|its|they|their|ours)\b|^(?:this|that|these|those) (?!command)|\bfor (?:it|them)\b", re.IGNORECASE)
"""Pronouns whose noun stands in another line of the help."""


def commands(command: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield command
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from commands(below)


def texts(command: argparse.ArgumentParser) -> Iterator[str]:
    """What a command and each of its options say of themselves, without the examples."""
    assert command.description, command.prog
    yield from (text for text in (command.description, (command.epilog or "").partition(EXAMPLES)[0]) if text)
    for action in command._actions:
        assert action.help, f"{command.prog}: {action.dest} has no help"
        if "-h" not in action.option_strings:
            yield action.help
        if isinstance(action, argparse._SubParsersAction):
            yield from (choice.help or "" for choice in action._choices_actions)


ALL = {command.prog: command for command in commands(parser())}


@pytest.mark.parametrize("name", ALL)
def test_a_help_fits_its_columns(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    assert [line for line in ALL[name].format_help().splitlines() if len(line) > COLUMNS] == []


@pytest.mark.parametrize("name", ALL)
def test_a_help_reads_as_plain_english(name: str) -> None:
    for text in texts(ALL[name]):
        flat = " ".join(text.split())
        assert flat[0].isupper() or re.match(r"[\w:-]+ ", flat), flat
        assert flat.endswith("."), flat
        for sentence in re.split(r"(?<=[.:]) ", flat):
            assert len(sentence.split()) <= WORDS and VAGUE.search(sentence) is None, sentence


PLACEHOLDER = re.compile(
    r"\b(?:CKPT|DIR|OWNER|EXPERIMENT|[AB]-seed0)\b|charades|runs/mine|my\.yaml|data make clock|^harness demo|experiment demo"
)
"""What a reader puts in, and what a test does not do: download, render whole benchmarks, and train for minutes."""


def examples(command: argparse.ArgumentParser) -> list[str]:
    """The commands that stand at the end of a help."""
    return [line.strip() for line in (command.epilog or "").partition(EXAMPLES)[2].splitlines()]


def test_every_help_ends_with_examples_that_parse(capsys: pytest.CaptureFixture[str]) -> None:
    for name, command in ALL.items():
        shown = examples(command)
        assert shown and any(line.startswith(name) for line in shown), name
        for line in shown:
            parser().parse_args(shlex.split(line)[1:])
    assert capsys.readouterr().err == ""


def test_examples_that_need_nothing_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the help, but what others read comes first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_DATA", "data")
    monkeypatch.setenv("HARNESS_INCLUDE", "")
    monkeypatch.setattr("harness.commands.data.make.make", lambda root, *_: make(root, 0, {"train": 8, "test": 6}))
    typed = [line for command in ALL.values() for line in examples(command) if not PLACEHOLDER.search(line)]
    first = ["data make", "new reward", "run", "submit"]
    place = {line: min((i for i, verb in enumerate(first) if line.startswith(f"harness {verb}")), default=9) for line in typed}
    found = sorted(place, key=place.__getitem__)
    assert len(found) > 25
    for line in found:
        assert main(shlex.split(line)[1:]) == 0, line
