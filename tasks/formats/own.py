"""A user's own data: JSON Lines, described in docs/own-data.md. Stricter than the readers of published files."""

from typing import Any

from tasks.errors import InputError
from tasks.formats.published import expect, parse_json, seconds, sentence, shown, span
from tasks.sample import Sample, one_query
from tasks.span import Span

FORMAT = (
    'a JSON object a line: {"video": file name, "duration": seconds, "query": text, "spans": [[start, end], …]}, '
    'and if you like "id" and "clip" (see docs/own-data.md)'
)
LONGEST_LINE = 2**20
SHOWN = 10
CLIP_SLACK_S = 1.0


def read_own(text: str, where: str) -> list[Sample]:
    """Rows of a user's file; blank lines are passed over.

    Args:
        text: The file.
        where: Its path, for messages.

    Raises:
        InputError: Names the first ten bad lines and what is wrong with each.
    """
    rows: list[Sample] = []
    problems: list[str] = []
    line_of_id: dict[str | None, int] = {}
    # Not splitlines: it also splits at characters that JSON allows inside a string.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = _row(line)
            first = line_of_id.setdefault(row.native_id, number)
            if row.native_id is not None and first != number:
                raise ValueError(f"id {row.native_id!r} is already that of line {first}")
            rows.append(row)
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    if not rows and not problems:
        problems = ["no lines"]
    if problems:
        shown = [*problems[:SHOWN], *([f"and {len(problems) - SHOWN:,} more bad lines"] if len(problems) > SHOWN else [])]
        raise InputError(
            FORMAT, f"{where}\n          " + "\n          ".join(shown), f"correct the file, then: harness data check {where}"
        )
    return rows


def _row(line: str) -> Sample:
    if len(line) > LONGEST_LINE:
        raise ValueError(f"{len(line):,} characters, {LONGEST_LINE:,} are allowed")
    entry = expect(parse_json(line), dict, "an object")
    if missing := [key for key in ("video", "duration", "query", "spans") if key not in entry]:
        raise ValueError(f"no {', '.join(missing)}")
    duration_s = seconds(entry["duration"])
    if duration_s <= 0:
        raise ValueError(f"a duration of {duration_s:g} s")
    query = sentence(entry["query"])
    if not query.strip():
        raise ValueError("an empty query")
    moments = tuple(_moment(moment) for moment in expect(entry["spans"], list, "a list of spans [[start, end], …]"))
    if not moments:
        raise ValueError("no span")
    return one_query(
        _video(entry["video"]), duration_s, query, moments, _clip(entry.get("clip"), duration_s), _id(entry.get("id"))
    )


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


def _id(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).isprintable() or not str(value):
        raise ValueError(f"expected a text or a whole number as id, found {shown(value)}")
    return str(value)
