"""A user's own data: JSON Lines, described in docs/own-data.md. Stricter than the readers of published files."""

import re
from collections.abc import Iterable
from string import ascii_uppercase
from typing import Any, NamedTuple

from tasks.answer import Answer
from tasks.errors import InputError, quoted
from tasks.formats.published import expect, length, parse_json, sentence, shown, span
from tasks.highlights import CLIP_S
from tasks.sample import Sample
from tasks.span import Span

FORMAT = (
    'a JSON object a line: {"video": file name, "duration": seconds, "query": text, "spans": [[start, end], …]}, '
    'and if you like "id", "clip" and "split"; for other kinds of question other fields (see docs/own-data.md)'
)
MOMENTS = ("moment", "instances", "union", "retrieval", "windows")
SHAPES: dict[frozenset[str], tuple[str, ...]] = {
    frozenset({"query", "spans"}): MOMENTS,
    frozenset({"queries", "spans"}): ("pairs",),
    frozenset({"query", "options", "answer", "spans"}): ("choice",),
    frozenset({"query", "scores"}): ("highlights", "clips"),
    frozenset({"query", "scores", "spans"}): ("windows", "union", "highlights", "moment", "clips"),
    frozenset({"query", "scores", "clips"}): ("clips",),
    frozenset({"query", "scores", "clips", "spans"}): ("clips", *MOMENTS),
}
"""Kinds of question that rows with these fields can be asked, the usual one first."""
FIELDS = ("query", "queries", "options", "answer", "scores", "clips", "spans")
HIGHEST_SCORE = 1e15
LONGEST_LINE = 2**20
SHOWN = 10
RESERVED = ("all", "fit")
_SPLIT = re.compile(r"[\w.-]+")
CLIP_SLACK_S = 1.0


class _First(NamedTuple):
    """What the first good row says of all."""

    line: int
    shape: frozenset[str]
    split: str | None


def read_own(text: str, where: str, split: str | None = None, in_file_of: str | None = None) -> list[Sample]:
    """Rows of a user's file, which messages call `where`; blank lines are passed over.

    Args:
        text: The content of the file.
        where: Its name.
        split: Which of its rows are wanted; None for all.
        in_file_of: The split that the whole file is, None where its rows may say it.

    Raises:
        InputError: A row is none; the first ten are named, and what is wrong with each.
    """
    rows: list[Sample] = []
    problems: list[str] = []
    line_of_id: dict[str | None, int] = {}
    first: _First | None = None
    # Not splitlines: it also splits at characters that JSON allows inside a string.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = _object(line)
            shape = _shape(entry)
            row, of = _row(entry, shape), _split(entry)
            first = first or _First(number, shape, of)
            _check_like(first, shape, of, in_file_of)
            same = line_of_id.setdefault(row.native_id, number)
            if row.native_id is not None and same != number:
                raise ValueError(f"id {row.native_id!r} is already that of line {same}")
            if split in (None, of):
                rows.append(row)
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    if not rows and not problems:
        problems = ["no lines"]
    if problems:
        shown = [*problems[:SHOWN], *([f"and {len(problems) - SHOWN:,} more bad lines"] if len(problems) > SHOWN else [])]
        step = f"correct the file, then: harness data check {quoted(where)}"
        raise InputError(FORMAT, f"{where}\n          " + "\n          ".join(shown), step)
    return rows


def _check_like(first: _First, shape: frozenset[str], split: str | None, in_file_of: str | None) -> None:
    """Refuse a row that differs from the first in what all have in common. Raises ValueError."""
    if shape != first.shape:
        other = f"line {first.line} has {_named(first.shape)}"
        raise ValueError(f"the fields {_named(shape)}, but {other}: all rows of a file have the same")
    if (split is None) != (first.split is None):
        mine, other = ("none" if one is None else repr(one) for one in (split, first.split))
        raise ValueError(f"split: {mine}, but line {first.line} has {other}: all rows of a file have one, or none has")
    if in_file_of is not None and split not in (None, in_file_of):
        raise ValueError(f"split {split!r}, but the file is that of {in_file_of!r}")


def splits_of(lines: Iterable[str]) -> tuple[str, ...]:
    """Splits that the rows of a file name; none where its first row names none. Lines that are no rows are left to `read_own`."""
    found: dict[str, None] = {}
    for line in filter(str.strip, lines):
        try:
            split = _split(_object(line))
        except ValueError:
            continue
        if split is not None:
            found[split] = None
        elif not found:
            return ()
    return tuple(found)


def kinds_of(lines: Iterable[str]) -> tuple[str, ...]:
    """Kinds of question that a file with these lines can be asked, by its first row; of moments if it is unreadable."""
    try:
        return SHAPES.get(_shape(_object(next((line for line in lines if line.strip()), ""))), MOMENTS)
    except ValueError:
        return MOMENTS


def _object(line: str) -> dict[str, Any]:
    if len(line) > LONGEST_LINE:
        raise ValueError(f"{len(line):,} characters, {LONGEST_LINE:,} are allowed")
    entry: dict[str, Any] = expect(parse_json(line), dict, "an object")
    return entry


def _shape(entry: dict[str, Any]) -> frozenset[str]:
    return frozenset(name for name in FIELDS if entry.get(name) is not None)


def _check_shape(entry: dict[str, Any], shape: frozenset[str]) -> None:
    """Refuse a row without a video, and fields that make no question together. Raises ValueError."""
    needed = [name for name in ("query", "spans") if shape <= {"query", "spans"} and name not in shape]
    if missing := [*(name for name in ("video", "duration") if name not in entry), *needed]:
        raise ValueError(f"no {', '.join(missing)}")
    if shape not in SHAPES:
        known = "; ".join(map(_named, SHAPES))
        raise ValueError(f"the fields {_named(shape)} do not go together, these do: {known}")


def _named(shape: frozenset[str]) -> str:
    return ", ".join(sorted(shape, key=FIELDS.index))


def _row(entry: dict[str, Any], shape: frozenset[str]) -> Sample:
    _check_shape(entry, shape)
    duration_s = length(entry["duration"])
    queries = _queries(entry["queries"]) if "queries" in shape else (_query(entry["query"]),)
    spans = _spans(entry["spans"]) if "spans" in shape else ()
    if "queries" in shape and len(spans) != len(queries):
        raise ValueError(f"{len(queries)} queries need one span each, found {len(spans)}")
    options = _options(entry["options"]) if "options" in shape else ()
    clips = _scores(entry["scores"]) if "scores" in shape else None
    return Sample(
        video=_video(entry["video"]),
        duration_s=duration_s,
        queries=queries,
        truth=Answer(spans, option=_answer(entry["answer"], options) if options else None, clips=clips),
        options=options,
        clip=_clip(entry.get("clip"), duration_s),
        grid=_grid(entry, shape, duration_s, len(clips or ())),
        native_id=_id(entry.get("id")),
    )


def _query(value: Any) -> str:
    query = sentence(value)
    if not query.strip():
        raise ValueError("an empty query")
    return query


def _queries(value: Any) -> tuple[str, ...]:
    queries = tuple(_query(query) for query in expect(value, list, "a list of sentences"))
    if not queries:
        raise ValueError("no query")
    return queries


def _spans(value: Any) -> tuple[Span, ...]:
    moments = tuple(_moment(moment) for moment in expect(value, list, "a list of spans [[start, end], …]"))
    if not moments:
        raise ValueError("no span")
    return moments


def _options(value: Any) -> tuple[str, ...]:
    options = tuple(sentence(option) for option in expect(value, list, "a list of options"))
    if not 2 <= len(options) <= len(ascii_uppercase) or len(set(options)) < len(options) or not all(map(str.strip, options)):
        raise ValueError(f"expected 2 to {len(ascii_uppercase)} different options that are not empty, found {shown(value)}")
    return options


def _answer(value: Any, options: tuple[str, ...]) -> str:
    letters = ascii_uppercase[: len(options)]
    if not isinstance(value, str) or len(value) != 1 or value not in letters:
        raise ValueError(f"expected an answer of {letters[0]} to {letters[-1]}, the letter of an option, found {shown(value)}")
    return value


def _scores(value: Any) -> tuple[tuple[float, ...], ...]:
    """Scores by clip: a number, or a list with one of every annotator."""
    rows = [row if isinstance(row, list) else [row] for row in expect(value, list, "a list of scores by clip")]
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        raise ValueError("scores need at least one clip, and every clip a score of every annotator")
    return tuple(tuple(_score(score) for score in row) for row in rows)


def _score(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < HIGHEST_SCORE:
        raise ValueError(f"expected a score that is a finite number, found {shown(value)}")
    return float(value)


def _grid(entry: dict[str, Any], shape: frozenset[str], duration_s: float, count: int) -> tuple[Span, ...]:
    """Bounds of the clips that have scores; without any these are the whole clips of 2 s."""
    if "scores" not in shape:
        return ()
    if "clips" not in shape:
        if count != int(duration_s / CLIP_S):
            expected = f"{int(duration_s / CLIP_S)} whole clips of {CLIP_S:g} s in {duration_s:g} s"
            raise ValueError(f"{count} scores for {expected}; bounds of other clips are given as clips")
        return ()
    bounds = tuple(_moment(one) for one in expect(entry["clips"], list, "a list of clips [[start, end], …]"))
    if len(bounds) != count or not all(start < end for start, end in bounds):
        raise ValueError(f"{count} scores need as many clips [start, end] with start < end, found {len(bounds)}")
    return bounds


def _moment(value: Any) -> Span:
    moment = span(value)
    if not 0 <= moment.start_s <= moment.end_s:
        raise ValueError(f"a span [start, end] needs 0 <= start <= end, found {value}")
    return moment


def _clip(value: Any, duration_s: float) -> Span | None:
    if value is None:
        return None
    clip = span(value)
    if not 0 <= clip.start_s < clip.end_s:
        raise ValueError(f"a clip [start, end] needs 0 <= start < end, found {value}")
    length_s = float(clip.end_s) - float(clip.start_s)
    if abs(length_s - duration_s) > CLIP_SLACK_S:
        raise ValueError(
            f"a clip of {length_s:g} s with a duration of {duration_s:g} s: both duration and spans are those of the clip"
        )
    return clip


def _video(value: Any) -> str:
    name: str = expect(value, str, "the file name of a video")
    if not name.isprintable() or not name.strip(". ") or "/" in name or "\\" in name:
        raise ValueError(f"video {name[:80]!r} is not a plain file name; folders are given with --videos")
    return name


def _split(entry: dict[str, Any]) -> str | None:
    value = entry.get("split")
    if value is None:
        return None
    if not isinstance(value, str) or not _SPLIT.fullmatch(value):
        raise ValueError(f"expected the name of a split (letters, digits, . _ -), such as train or test, found {shown(value)}")
    if value in RESERVED or value.startswith("fewshot-"):
        raise ValueError(f"a split cannot be called {value!r}: the harness makes splits of that name")
    return value


def _id(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).isprintable() or not str(value):
        raise ValueError(f"expected a text or a whole number as id, found {shown(value)}")
    return str(value)
