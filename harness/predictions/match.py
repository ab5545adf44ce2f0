"""Finds the sample that a row of a prediction file answers."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from harness.data.videos import SUFFIXES
from harness.predictions.keys import Shape, shape_of
from harness.predictions.names import KEY
from harness.predictions.spans import Moment, moments
from tasks.sample import Sample
from tasks.span import Span

_SUFFIX = re.compile(f"(?:{'|'.join(map(re.escape, SUFFIXES))})$", re.IGNORECASE)
_CUT = re.compile(r"_\d{1,6}(?:\.\d{1,9})?_\d{1,6}(?:\.\d{1,9})?$")
_PLACE = re.compile(r"[A-Za-z]+_(\d{1,9})")


class Match(NamedTuple):
    """What a row names.

    Attributes:
        ids: Samples it answers; several where the split asks the same query on the same video more than once.
        doubt: What speaks against its id, "" for nothing: `other-sample` where video and query name another sample (which
            counts), `other-number` where such an id is a number, which may as well count the rows, `stranger` where they are
            not those of the id's sample (nothing is answered).
        name: What the row calls its sample, where another one counts.
        named_by: The number by which alone the sample was looked for, None where video and query, or a name, were there.
    """

    ids: tuple[str, ...] = ()
    doubt: str = ""
    name: str = ""
    named_by: int | None = None


class Index:
    """The samples of a split by the names that foreign files give them."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._by_id = {sample.id: sample for sample in samples}
        self._order = [sample.id for sample in samples]
        self._native = {sample.native_id: sample.id for sample in samples if sample.native_id is not None}

    @cached_property
    def _queries(self) -> Mapping[tuple[str, str], list[str]]:
        return _by(self._by_id, lambda sample: (_stem(sample.video), plain(sample.query)))

    @cached_property
    def _of_video(self) -> Mapping[str, list[str]]:
        """Ids by video, in the order of the split, where videos are called without `v_` and without the bounds of a cut."""
        return _by(self._by_id, lambda sample: _loose(sample.video))

    def own(self, identifier: Any) -> tuple[str, ...]:
        """The sample with an id of ours, none if there is no such one."""
        return (identifier,) if isinstance(identifier, str) and identifier in self._by_id else ()

    def find(self, row: Mapping[str, Any], shape: Shape, reply: str | None) -> Match:
        """The samples that a row answers, none if it names none; the key of its reply says nothing of the truth."""
        video, query, target = _place(row, shape, reply)
        name = _name(row, shape)
        named = name if name in self._by_id else self._native.get(name) if name else None
        if video is None and query is None:
            named = named or self._at(name, target)
            return Match((named,) if named else (), named_by=_number(name))
        asked = self._asked(video, query, target, row) if video is not None else ()
        if named is None:
            return Match(asked or tuple(filter(None, [self._at(name, target)])))
        if named in asked:
            return Match((named,))
        is_number = _number(name) is not None
        if asked:
            return Match(asked, "other-number" if is_number else "other-sample", name)
        return Match((), "stranger") if is_number and not self._is_alike(named, video, query) else Match((named,))

    def within(self, row: Mapping[str, Any], question: str, true: Sequence[Moment]) -> tuple[str, ...]:
        """The samples of a row's video whose query stands in a question: those with the row's truth, or those it equals."""
        video, words = _text(row, shape_of(row).video), plain(question)
        asked = [self._by_id[i] for i in self._of_video.get(_loose(video or ""), ())]
        asked = [sample for sample in asked if plain(sample.query) in words]
        spans = [Span(*moment[:2]) for moment in true]
        same = [sample for sample in asked if not spans or list(sample.truth.spans) == spans]
        return tuple(sample.id for sample in same or asked if same or plain(sample.query) == words)

    def _asked(self, video: str, query: str | None, target: Any, row: Mapping[str, Any]) -> tuple[str, ...]:
        """Samples that ask this query on this video, of several those with the row's truth, if it gives one that fits any."""
        if query is None:
            return self._by_sentence(video, row)
        words = plain(query)
        ids: Sequence[str] = self._queries.get((_stem(video), words), ())
        if not ids and (others := self._of_video.get(_loose(video))):
            ids = [i for i in others if plain(self._by_id[i].query) == words]
        if len(ids) < 2:
            return tuple(ids)
        same = tuple(i for i in ids if _first(target) in self._by_id[i].truth.spans)
        # VUE-TR tells its repeated queries apart by this number, which other files give to something else.
        by_number = self._native.get(str(row.get("query_id")))
        return (by_number,) if by_number is not None and by_number in ids else same or tuple(ids)

    def _by_sentence(self, video: str, row: Mapping[str, Any]) -> tuple[str, ...]:
        """VTimeLLM's logs count the queries of a video: `info.sentence_id`."""
        info = row.get("info")
        number = info.get("sentence_id") if isinstance(info, dict) else None
        if isinstance(number, bool) or not isinstance(number, int) or row.get("task") not in (None, "grounding"):
            return ()
        ids = self._of_video.get(_loose(video), [])
        return (ids[number],) if 0 <= number < len(ids) else ()

    def _at(self, name: str, target: Any) -> str | None:
        """Time-R1's `charades_17` is the 17th row; where the row gives a truth, it must be that of the sample."""
        place = _PLACE.fullmatch(name)
        if place is None or int(place[1]) >= len(self._order):
            return None
        found, truth = self._order[int(place[1])], _first(target)
        return found if truth is None or truth in self._by_id[found].truth.spans else None

    def _is_alike(self, identifier: str, video: str | None, query: str | None) -> bool:
        sample = self._by_id[identifier]
        is_video = video is not None and _loose(video) == _loose(sample.video)
        return is_video or (query is not None and plain(sample.query) in plain(query))


def _by(samples: Mapping[str, Sample], name: Callable[[Sample], Any]) -> Mapping[Any, list[str]]:
    ids = defaultdict(list)
    for sample in samples.values():
        ids[name(sample)].append(sample.id)
    return dict(ids)


class Numbered:
    """The numbers by which alone rows name their samples: counted by hand, those that happen to be ids name none."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        ids = [sample.native_id for sample in samples if sample.native_id is not None]
        self._highest = max((int(each) for each in ids if each.isascii() and each.isdigit()), default=-1)
        self._rows = self._known = self._sum = self._first = self._last = 0

    def add(self, number: int, is_known: bool) -> None:
        """Count a row with this number, and whether that is the id of a sample."""
        self._first = number if not self._rows else min(self._first, number)
        self._last = max(self._last, number)
        self._rows, self._known, self._sum = self._rows + 1, self._known + is_known, self._sum + number

    def accident(self) -> str | None:
        """What is wrong, if the numbers count the rows from 0 or 1 in some order and only some are ids; None otherwise.

        Ids that count themselves, of which a file answers more than the split asks, are no accident.
        """
        counts_rows = self._first <= 1 and self._last - self._first + 1 == self._rows
        counts_rows = counts_rows and 2 * self._sum == self._rows * (self._first + self._last)
        if self._rows < 2 or self._known in (0, self._rows) or not counts_rows or self._highest <= self._last:
            return None
        return f"its rows are numbered {self._first:,} to {self._last:,}, and {self._known:,} of these happen to be ids"


def names_a_sample(row: Mapping[str, Any], shape: Shape) -> bool:
    """Whether a row has a key that could name its sample."""
    return bool(shape.ids or shape.video) or KEY in row or isinstance(row.get("doc"), dict)


def _place(row: Mapping[str, Any], shape: Shape, reply: str | None) -> tuple[str | None, str | None, Any]:
    """Video, query and truth that a row gives: its own, those of lmms-eval's `doc`, or those of a key `video>>>query>>>span`."""
    doc = row.get("doc")
    if isinstance(doc, dict):
        return _place(doc, shape_of(doc), None)
    video, query = _text(row, shape.video), _text(row, shape.query)
    target = next((row[key] for key in shape.target if key != reply and row[key] is not None), None)
    key = row.get(KEY)
    if not isinstance(key, str):
        return video, query, target
    if ">>>" in key:
        first, *middle = key.split(">>>")
        span = middle.pop() if len(middle) > 1 else None
        video, query, target = video or first, query or ">>>".join(middle), span or target
    return video or (key if query is not None else None), query, target


def _text(row: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    for key in keys:
        found = row.get(key)
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        if isinstance(found, str):
            return found
    return None


def _name(row: Mapping[str, Any], shape: Shape) -> str:
    """What a row calls its sample, "" where it does not: the first of its ids, or the key of the object that holds it."""
    for key in shape.ids:
        found = row[key]
        if isinstance(found, str | int) and not isinstance(found, bool):
            return str(found)
        if isinstance(found, float) and found.is_integer():
            return str(int(found))
    return str(row.get(KEY, ""))


def _number(name: str) -> int | None:
    return int(name) if name.isascii() and name.isdigit() and len(name) < 10 else None


def _first(target: Any) -> Span | None:
    try:
        found = moments(target)
    except ValueError:
        return None
    return Span(*found[0][:2]) if found else None


def plain(query: str) -> str:
    """A query without what peers' cleaning rules change: blanks, case, final full stop."""
    return " ".join(query.split()).casefold().rstrip(". ")


@lru_cache(4096)
def _stem(video: str) -> str:
    return _SUFFIX.sub("", video.replace("\\", "/").rstrip("/").rpartition("/")[2])


@lru_cache(4096)
def _loose(video: str) -> str:
    return _CUT.sub("", _stem(video).removeprefix("v_"))
