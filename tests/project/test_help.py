"""The help of every command reads as plain English and fits 100 columns."""

import argparse
import re
from collections.abc import Iterator

import pytest

from harness.arguments import parser

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
    """What a command and each of its options say of themselves."""
    yield from (text for text in (command.description, command.epilog) if text)
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
