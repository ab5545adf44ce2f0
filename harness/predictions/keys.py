"""What the keys of a row are for, and which of them holds the reply: decided once for a file, held against every row of it."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from harness.predictions.names import (
    IDS,
    KEY,
    MOMENTS,
    OFTEN_TRUE_MOMENTS,
    OFTEN_TRUE_TEXTS,
    QUERY,
    TARGET,
    TEXTS,
    VIDEO,
    plain_key,
)
from harness.predictions.reply import agree
from tasks.errors import InputError
from tasks.formats.published import shown

DOCUMENT = "docs/predictions.md"
SHOWN = 20

PEERS = (("filtered_resps", "resps"),)
"""What lmms-eval scores, and what that was made from: the first is read."""

EXPORTED = frozenset({"id", "mode", "spans", "targets", "counted"})
"""Keys of every row that `harness export` writes."""


def _plain(*names: str) -> dict[str, int]:
    return {plain_key(name): rank for rank, name in enumerate(names)}


_SURE, _OFTEN_TRUE = _plain(*TEXTS, *MOMENTS), _plain(*OFTEN_TRUE_TEXTS, *OFTEN_TRUE_MOMENTS)
_OF_MOMENTS = _plain(*MOMENTS, *OFTEN_TRUE_MOMENTS).keys()
_PEERS = {tuple(map(plain_key, both)) for both in PEERS}


class Shape(NamedTuple):
    """Which keys of a row are for what, each in the order in which they are tried.

    Attributes:
        sure: Keys that can be nothing but the reply.
        often_true: Keys that hold the reply in some files and the truth in others.
    """

    ids: tuple[str, ...]
    video: tuple[str, ...]
    query: tuple[str, ...]
    target: tuple[str, ...]
    sure: tuple[str, ...]
    often_true: tuple[str, ...]
    exported: bool


def shape_of(row: Mapping[str, Any]) -> Shape:
    """What the keys of a row are for."""
    return _shape(tuple(row))


@lru_cache(256)
def _shape(keys: tuple[str, ...]) -> Shape:
    names = {plain_key(key): key for key in reversed(keys)}

    def those(wanted: Iterable[str]) -> tuple[str, ...]:
        return tuple(names[name] for name in wanted if name in names)

    def said(wanted: Iterable[str]) -> tuple[str, ...]:
        return tuple(key for key in those(wanted) if _end(key) is None or _end(key) in keys)

    ids, video, query, target = (those(wanted) for wanted in (IDS, VIDEO, QUERY, TARGET))
    return Shape(ids, video, query, target, said(_SURE), said(_OFTEN_TRUE), exported=names.keys() >= EXPORTED)


def is_of_moments(key: str) -> bool:
    """Whether texts under a key are moments where they spell moments."""
    return plain_key(key) in _OF_MOMENTS


def value(row: Mapping[str, Any], key: str) -> Any:
    """What stands under a key; for the key of a start, start and end together."""
    end = _end(key)
    return [row[key], row[end]] if end is not None and key in row and end in row else row.get(key)


@lru_cache(1024)
def _end(key: str) -> str | None:
    """The key of the end that belongs to a key of a start, None for other keys."""
    end = re.sub("start|begin", lambda found: "End" if found[0].istitle() else "end", key, flags=re.IGNORECASE)
    return end if end != key else None


def is_empty(said: Any) -> bool:
    """Whether a value says nothing."""
    return said is None or (isinstance(said, str | list | dict) and not said) or (isinstance(said, float) and math.isnan(said))


class ReplyKey:
    """The key that holds the reply in every row of a file.

    Attributes:
        name: The key, None where no row has one (clip scores alone, errors alone, exports).
    """

    def __init__(self, path: Path, rows: Iterable[tuple[str, dict[str, Any]]], asked: str | None = None) -> None:
        """Decide by the first rows of a file.

        Args:
            path: The file, for messages.
            rows: The first rows, each with where it stands.
            asked: The key that the user names.

        Raises:
            InputError: Several keys could be the reply and differ, or no row has the key that was asked for.
        """
        self._path, self._asked = path, asked
        self.name, self._is_sure = asked, False
        self._ways: dict[Shape, tuple[str, ...]] = {}
        if asked is not None:
            self._find(asked, rows)
            return
        head = _Head()
        for where, row in rows:
            head.add(where, row)
        if head.silent_sure and not head.sure.counts and head.often_true.counts:
            raise _undecided(path, "the first rows", [head.often_true.choose(path), head.silent_sure])
        for kept, self._is_sure in ((head.sure, True), (head.often_true, False)):
            if kept.counts:
                self.name = kept.choose(path)
                return
        self.name = head.silent

    def of(self, where: str, row: Mapping[str, Any]) -> str | None:
        """The key to read in a row, None if the row lacks it.

        Raises:
            InputError: Another key of the row could be the reply as well, and says something else.
        """
        shape = shape_of(row)
        for rival in self._rivals(shape):
            if not is_empty(other := value(row, rival)) and not _is_query(row, shape, other):
                self._check(where, row, rival, other)
        return self.name if self.name in row else None

    def _rivals(self, shape: Shape) -> tuple[str, ...]:
        """Keys of a row that could be the reply as well as the one that is read."""
        if self._asked is not None:
            return ()
        if (known := self._ways.get(shape)) is None:
            could = shape.sure if self._is_sure else (*shape.sure, *shape.often_true)
            known = self._ways[shape] = tuple(key for key in could if key != self.name and not _are_peers(self.name, key))
        return known

    def _check(self, where: str, row: Mapping[str, Any], rival: str, other: Any) -> None:
        mine = None if self.name is None else value(row, self.name)
        if is_empty(mine) or not agree(mine, other):
            raise _undecided(self._path, where, [key for key in (self.name, rival) if key])

    def _find(self, asked: str, rows: Iterable[tuple[str, dict[str, Any]]]) -> None:
        keys: dict[str, None] = {}
        for _, row in rows:
            keys |= dict.fromkeys(list(row)[:SHOWN])
            if asked in row:
                return
        known = [key for key in keys if key != KEY]
        raise InputError(f"rows with the key {asked!r}", f"{self._path}: keys {shown(known)}", f"--reply-key KEY ({DOCUMENT})")


class _Group:
    """Keys of one kind that say something in the first rows."""

    def __init__(self) -> None:
        self.rows = 0
        self.counts: dict[str, int] = {}
        self.differ: tuple[str, list[str]] | None = None

    def add(self, where: str, said: Mapping[str, Any]) -> None:
        self.rows += bool(said)
        for key in said:
            self.counts[key] = self.counts.get(key, 0) + 1
        first = next(iter(said), "")
        for key in list(said)[1:]:
            if self.differ is None and not _are_peers(first, key) and not agree(said[first], said[key]):
                self.differ = where, [first, key]

    def choose(self, path: Path) -> str:
        """The key that every row has, the first in rank of several that agree. Raises InputError."""
        if self.differ is not None:
            raise _undecided(path, *self.differ)
        always = [key for key in sorted(self.counts, key=_rank) if self.counts[key] == self.rows]
        if not always:
            raise _undecided(path, "some rows", sorted(self.counts, key=_rank))
        return always[0]


class _Head:
    """The first rows of a file: keys that say something, and the first that is there whether or not it ever does."""

    def __init__(self) -> None:
        self.sure, self.often_true = _Group(), _Group()
        self.silent: str | None = None
        self.silent_sure: str | None = None

    def add(self, where: str, row: Mapping[str, Any]) -> None:
        shape = shape_of(row)
        if shape.exported:
            return
        self.silent = self.silent or next(iter((*shape.sure, *shape.often_true)), None)
        self.silent_sure = self.silent_sure or next(iter(shape.sure), None)
        for group, keys in ((self.sure, shape.sure), (self.often_true, shape.often_true)):
            said = {key: value(row, key) for key in keys}
            group.add(where, {k: v for k, v in said.items() if not is_empty(v) and not _is_query(row, shape, v)})


def _is_query(row: Mapping[str, Any], shape: Shape, said: Any) -> bool:
    return isinstance(said, str) and any(said == row[key] for key in shape.query)


def _are_peers(one: str | None, other: str) -> bool:
    return one is not None and (plain_key(one), plain_key(other)) in _PEERS


def _rank(key: str) -> int:
    ranks = {**_OFTEN_TRUE, **_SURE}
    return ranks[plain_key(key)]


_WHY = {"some rows": "each hold it in some rows", "the first rows": "are there, and the second is empty there"}


def _undecided(path: Path, where: str, keys: Sequence[str]) -> InputError:
    named = " and ".join(f"`{key}`" for key in keys[:3])
    said = _WHY.get(where, "hold different content")
    step = f"type the command again with {' or '.join(f'--reply-key {key}' for key in keys[:3])} (see {DOCUMENT})"
    return InputError("one key that holds the reply", f"{path}, {where}: {named} {said}, and any could be the reply", step)
