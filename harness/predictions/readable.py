"""Which protocols read the replies of a file, for files of which the asked one reads little."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from tasks import protocol as protocols
from tasks.parsers import parser
from tasks.protocol import Protocol

TRIED = 5_000
"""Replies that are tried, from the first on."""


class Readable(NamedTuple):
    """How many of the replies that were tried a protocol reads."""

    protocol: Protocol
    read: int
    tried: int


def most_readable(texts: Iterable[str], asked: Protocol, shown: int = 3) -> tuple[Readable, list[Readable]]:
    """What the asked protocol reads of the first replies, and the protocols that read most of them, if that is more."""
    tried = list(islice(texts, TRIED))
    counts: dict[object, int] = {}
    for rules in (asked, *every(asked)):
        if rules.answer not in counts:
            read = parser(rules.answer)
            counts[rules.answer] = sum(1 for text in tried if read(text).failure is None)
    own, *others = (Readable(rules, counts[rules.answer], len(tried)) for rules in (asked, *every(asked)))
    better = [one for one in others if one.read > own.read and 2 * one.read >= len(tried)]
    return own, sorted(better, key=lambda one: -one.read)[:shown]


def every(asked: Protocol) -> Sequence[Protocol]:
    """Protocols under which the same replies could be read: those of the same kind and unit."""
    alike = (asked.kind, asked.answer.unit)
    return [rules for rules in map(protocols.load, protocols.names()) if (rules.kind, rules.answer.unit) == alike]
