"""What the keys of a row are for, and which of them holds the reply: decided once for a file, held against every row of it."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from harness.predictions.names import IDS, KEY, OF_MOMENTS, OFTEN_TRUE, QUERY, SURE, TARGET, VIDEO, plain_key
from harness.predictions.reply import agree
from tasks.errors import InputError
from tasks.formats.published import shown

DOCUMENT = "docs/predictions.md"
SHOWN = 20

PEERS = ("filteredresps", "resps")
"""What lmms-eval scores, and what that was made from, plain: the first is read."""

EXPORTED = frozenset({"id", "mode", "spans", "targets", "counted"})
"""Keys of every row that `harness export` writes."""


class Shape(NamedTuple):
    """Which keys of a row are for what, as they are tried; those of the reply can be nothing else, or are often the truth."""

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
    return Shape(ids, video, query, target, said(SURE), said(OFTEN_TRUE), exported=names.keys() >= EXPORTED)


def is_of_moments(key: str) -> bool:
    """Whether texts under a key are moments where they spell moments."""
    return plain_key(key) in OF_MOMENTS


def value(row: Mapping[str, Any], key: str) -> Any:
    """What stands under a key; for the key of a start, start and end together."""
    end = _end(key)
    return [row[key], row[end]] if end is not None and key in row and end in row else row.get(key)


def in_words(key: str) -> str:
    """The key of a reply; for that of a start, both keys."""
    return " and ".join(f"`{name}`" for name in (key, _end(key)) if name is not None)


@lru_cache(1024)
def _end(key: str) -> str | None:
    """The key of the end that belongs to a key of a start, None for other keys."""
    end = re.sub("start|begin", lambda found: "End" if found[0].istitle() else "end", key, flags=re.IGNORECASE)
    return end if end != key else None


def is_empty(said: Any) -> bool:
    """Whether a value says nothing."""
    return said is None or (isinstance(said, str | list | dict) and not said) or (isinstance(said, float) and math.isnan(said))


class ReplyKey:
    """The key that holds the reply in every row of a file: `name`, None where no row has one (clip scores, errors, exports)."""

    def __init__(self, path: Path, rows: Iterable[tuple[str, dict[str, Any]]], asked: str | None = None) -> None:
        """Decide by the first rows of a file, each with where it stands, unless the user asks for a key.

        Raises:
            InputError: Several keys could be the reply and differ, or no row has the key that was asked for.
        """
        self._path, self._asked, self._is_sure = path, asked, False
        self._ways: dict[Shape, tuple[str, ...]] = {}
        self.name = self._chosen(rows) if asked is None else _found(path, rows, asked)

    def _chosen(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> str | None:
        """The best key that says something, or else the first that could and never does."""
        sure, often_true, silent = _Group(), _Group(), None
        for where, row in rows:
            shape = shape_of(row)
            if not shape.exported:
                sure.add(where, row, shape, shape.sure)
                often_true.add(where, row, shape, shape.often_true)
                silent = silent or next(iter((*shape.sure, *shape.often_true)), None)
        self._is_sure = bool(sure.counts)
        if self._is_sure:
            return sure.choose(self._path)
        if often_true.counts and sure.first:
            raise _undecided(self._path, "the first rows", [often_true.choose(self._path), sure.first])
        return often_true.choose(self._path) if often_true.counts else silent

    def of(self, where: str, row: Mapping[str, Any], shape: Shape) -> str | None:
        """The key to read in a row, None if the row lacks it. Raises InputError where another key could be it and differs."""
        if (rivals := self._ways.get(shape)) is None:
            rivals = self._ways[shape] = self._rivals(shape)
        for rival, other in _said(row, shape, rivals).items() if rivals else ():
            mine = None if self.name is None else value(row, self.name)
            if is_empty(mine) or not agree(mine, other):
                raise _undecided(self._path, where, [key for key in (self.name, rival) if key])
        return self.name if self.name in row else None

    def _rivals(self, shape: Shape) -> tuple[str, ...]:
        """Keys of a row that could be the reply as well as the one that is read."""
        could = () if self._asked is not None else shape.sure if self._is_sure else (*shape.sure, *shape.often_true)
        return tuple(key for key in could if key != self.name and not _are_peers(self.name, key))


class _Group:
    """Keys of one kind in the first rows: the first of all, and how many rows each says something in."""

    def __init__(self) -> None:
        self.rows, self.counts = 0, Counter[str]()
        self.first: str | None = None
        self.differ: tuple[str, list[str]] | None = None

    def add(self, where: str, row: Mapping[str, Any], shape: Shape, keys: tuple[str, ...]) -> None:
        said = _said(row, shape, keys)
        self.rows += bool(said)
        self.counts.update(said.keys())
        self.first = self.first or next(iter(keys), None)
        best = next(iter(said), "")
        for key in list(said)[1:]:
            if self.differ is None and not _are_peers(best, key) and not agree(said[best], said[key]):
                self.differ = where, [best, key]

    def choose(self, path: Path) -> str:
        """The key that every row has, the first in rank of several that agree. Raises InputError."""
        if self.differ is not None:
            raise _undecided(path, *self.differ)
        ranked = sorted(self.counts, key=lambda key: {**OFTEN_TRUE, **SURE}[plain_key(key)])
        if always := [key for key in ranked if self.counts[key] == self.rows]:
            return always[0]
        raise _undecided(path, "some rows", ranked)


def _found(path: Path, rows: Iterable[tuple[str, dict[str, Any]]], asked: str) -> str:
    keys: dict[str, None] = {}
    for _, row in rows:
        keys |= dict.fromkeys(list(row)[:SHOWN])
        if asked in row:
            return asked
    known = [key for key in keys if key != KEY]
    raise InputError(f"rows with the key {asked!r}", f"{path}: keys {shown(known)}", f"--reply-key KEY ({DOCUMENT})")


def _said(row: Mapping[str, Any], shape: Shape, keys: Iterable[str]) -> dict[str, Any]:
    """What stands under keys, where it says something and not the query."""
    found = {key: value(row, key) for key in keys}
    queries = [row[key] for key in shape.query]
    return {key: said for key, said in found.items() if not (is_empty(said) or (isinstance(said, str) and said in queries))}


def _are_peers(one: str | None, other: str) -> bool:
    return one is not None and (plain_key(one), plain_key(other)) == PEERS


_WHY = {"some rows": "each hold it in some rows", "the first rows": "are there, and the second is empty there"}


def _undecided(path: Path, where: str, keys: Sequence[str]) -> InputError:
    named = " and ".join(f"`{key}`" for key in keys[:3])
    said = _WHY.get(where, "hold different content")
    step = f"type the command again with {' or '.join(f'--reply-key {key}' for key in keys[:3])} (see {DOCUMENT})"
    return InputError("one key that holds the reply", f"{path}, {where}: {named} {said}, and any could be the reply", step)
