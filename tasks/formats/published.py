"""Readers of the annotation formats found in the wild. Each turns the text of a file into rows, as published."""

import csv
import io
import json
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from tasks.sample import Sample, one_query
from tasks.span import Span

SLOWEST_FPS = 0.01
_ANSWER = re.compile(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)")
_SHORT = reprlib.Repr()
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_timestamps_json(text: str) -> list[Sample]:
    """`{video: {"duration": s, "timestamps": [[s, e], …], "sentences": […]}}`; query i has moment i.

    Charades-CD calls the duration `video_duration`; further keys are passed over.
    """
    return _by_video(text, ("timestamps", "sentences"))


def read_frames_json(text: str) -> list[Sample]:
    """TACoS: as `read_timestamps_json`, but moments are frame numbers, the video has `num_frames` at `fps`."""
    rows: list[Sample] = []
    for video, entry in videos(text):
        fps = seconds(get(entry, "fps", video))
        if fps < SLOWEST_FPS:
            raise ValueError(f"video {video!r} has {fps} frames a second")
        duration_s = seconds(get(entry, "num_frames", video)) / fps
        rows += _paired(video.removesuffix(".avi"), duration_s, entry, ("timestamps", "sentences"), fps)
    return rows


def read_queries_json(text: str) -> list[Sample]:
    """TimeLens-Bench: `{video: {"duration": s, "queries": […], "spans": [[s, e], …]}}`; query i has span i."""
    return _by_video(text, ("spans", "queries"))


def read_tvgbench(text: str) -> list[Sample]:
    """TVGBench: a list of rows with `path`, `question`, `answer` "start-end", `duration`, `start` and `end`.

    With `start` and `end` the row asks about that cut of the file; its answer and duration count from the cut's start.
    """
    rows = []
    for where, entry in listed(parse_json(text)):
        video = PurePosixPath(expect(get(entry, "path", where), str, f"a path in {where}")).stem
        answer = get(entry, "answer", where)
        match = _ANSWER.fullmatch(answer) if isinstance(answer, str) else None
        if match is None:
            raise ValueError(f"{where} has answer {shown(answer)}, not `start-end`")
        moment = Span(float(match[1]), float(match[2]))
        bounds = [entry.get("start"), entry.get("end")]
        clip = None if bounds == [None, None] else span(bounds)
        rows.append(
            one_query(video, seconds(get(entry, "duration", where)), sentence(get(entry, "question", where)), (moment,), clip)
        )
    return rows


def read_tall_text(text: str, durations_s: dict[str, float]) -> list[Sample]:
    """TALL's `VIDEO START END##QUERY`, one a line, split at the first `##` only (queries contain `#`).

    Args:
        durations_s: Duration in seconds by video; the format has none of its own.
    """
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        head, separator, query = line.partition("##")
        fields = head.split()
        if not separator or len(fields) != 3:
            raise ValueError(f"line {number} is not `VIDEO START END##QUERY`: {line[:80]!r}")
        video, start, end = fields
        if video not in durations_s:
            raise ValueError(f"line {number}: no duration is known for video {video!r}")
        rows.append(one_query(video, durations_s[video], query, (Span(seconds(float(start)), seconds(float(end))),)))
    return rows


def read_charades_durations(text: str) -> dict[str, float]:
    """Duration in seconds by video, from the `length` column of Charades' own csv. Raises ValueError on another shape."""
    return {row["id"]: written_seconds(row["length"]) for _, row in table(text, "id", "length")}


def table(text: str, *columns: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows of a csv with the names of their places. Raises ValueError where one of these columns is missing, or a cell of one."""
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
            raise ValueError(f"the csv has no column {', '.join(missing)}")
        for row in reader:
            if empty := [name for name in columns if row[name] is None]:
                raise ValueError(f"line {reader.line_num} has no {', '.join(empty)}")
            yield f"line {reader.line_num}", row
    except csv.Error as error:
        raise ValueError(f"no csv: {error}") from error


def listed(rows: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Objects of a list with the names of their places. Raises ValueError on another shape."""
    for number, entry in enumerate(expect(rows, list, "a list of rows"), 1):
        yield f"row {number}", expect(entry, dict, f"an object as row {number}")


def listed_under(key: str, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Objects of a JSON list, or of the one under this key of an object, as `listed`. Raises ValueError on another shape."""
    document = parse_json(text)
    return listed(document.get(key) if isinstance(document, dict) else document)


def each(entries: Iterable[tuple[str, dict[str, Any]]], build: Callable[[dict[str, Any]], Sample]) -> list[Sample]:
    """A sample of every object. Raises ValueError that begins with the place of the first object that gives none."""
    samples = []
    for where, entry in entries:
        try:
            samples.append(build(entry))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
    return samples


def json_rows(build: Callable[[dict[str, Any]], Sample]) -> Callable[[str], list[Sample]]:
    """From what makes one row a sample to the reader of a JSON list of such rows."""
    return lambda text: each(listed(parse_json(text)), build)


def field(entry: Mapping[str, Any], key: str) -> Any:
    """The value under a key. Raises ValueError where there is none."""
    if key not in entry:
        raise ValueError(f"no {key}")
    return entry[key]


def spans(value: Any) -> tuple[Span, ...]:
    """`[[start, end], …]` in seconds, in their order; it may be empty. Raises ValueError."""
    return tuple(span(one) for one in expect(value, list, "a list of spans [[start, end], …]"))


def stem(path: Any) -> str:
    """The name of a video without folders and suffix. Raises ValueError."""
    return PurePosixPath(expect(path, str, "the path of a video")).stem


def objects(texts: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Objects of a JSONL file with the names of their lines; blank lines are passed over. Raises ValueError on another shape."""
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {number} is not JSON: {error}") from error
        if not isinstance(entry, dict):
            raise ValueError(f"line {number}: expected an object, found {text[:80]!r}")
        yield f"line {number}", entry


def parse_json(text: str) -> Any:
    """`json.loads` that also refuses nesting too deep for it by ValueError."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error


def shown(value: Any) -> str:
    """A value as a message shows it: short, however deep or long it is."""
    return _SHORT.repr(value) if isinstance(value, list | dict) else repr(str(value)[:80])


def expect(value: Any, kind: type | tuple[type, ...], what: str) -> Any:
    """The value, if it is of that kind. Raises ValueError."""
    if not isinstance(value, kind):
        raise ValueError(f"expected {what}, found {shown(value)}")
    return value


def sentence(value: Any) -> str:
    """A query. Raises ValueError if it is no text, or text that no file can hold."""
    text: str = expect(value, str, "a sentence")
    if _SURROGATE.search(text):
        raise ValueError(f"expected a sentence in Unicode, found {text[:80]!r}")
    return text


def seconds(value: Any) -> float:
    """A finite number of seconds. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        raise ValueError(f"expected a time in seconds, found {shown(value)}")
    return float(value)


def written_seconds(text: Any) -> float:
    """A finite number of seconds that is written as text. Raises ValueError."""
    try:
        return seconds(float(expect(text, str, "a number as text")))
    except ValueError as error:
        raise ValueError(f"expected a time in seconds, found {shown(text)}") from error


def length(value: Any) -> float:
    """A duration in seconds, above 0. Raises ValueError."""
    if (found := seconds(value)) <= 0:
        raise ValueError(f"a duration of {found:g} s")
    return found


def span(value: Any, fps: float = 1.0) -> Span:
    """`[start, end]`, in seconds or in frames at `fps`. Raises ValueError."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"expected a moment [start, end], found {shown(value)}")
    return Span(seconds(value[0]) / fps, seconds(value[1]) / fps)


def videos(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Entries of an object by video. Raises ValueError on another shape."""
    for video, entry in expect(parse_json(text), dict, "an object of videos").items():
        yield video, expect(entry, dict, f"an object for video {video!r}")


def get(entry: Mapping[str, Any], key: str, where: str) -> Any:
    """The value under a key. Raises ValueError that names the place where there is none."""
    if key not in entry:
        raise ValueError(f"{where!r} has no {key}")
    return entry[key]


def _by_video(text: str, keys: tuple[str, str]) -> list[Sample]:
    rows: list[Sample] = []
    for video, entry in videos(text):
        duration = entry["video_duration"] if "video_duration" in entry else get(entry, "duration", video)
        rows += _paired(video, seconds(duration), entry, keys)
    return rows


def _paired(video: str, duration_s: float, entry: dict[str, Any], keys: tuple[str, str], fps: float = 1.0) -> Iterator[Sample]:
    """Rows of one video from two lists of equal length: its moments and their sentences, under these keys."""
    moments, sentences = (expect(get(entry, key, video), list, f"a list of {key} for {video!r}") for key in keys)
    if len(moments) != len(sentences):
        raise ValueError(f"video {video!r} has {len(moments)} moments but {len(sentences)} sentences")
    for moment, text in zip(moments, sentences, strict=True):
        yield one_query(video, duration_s, sentence(text), (span(moment, fps),))
