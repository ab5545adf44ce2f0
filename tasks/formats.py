"""Readers of the annotation formats found in the wild. Each turns the text of a file into rows, as published."""

import csv
import json
from typing import Any

from tasks.sample import Row
from tasks.span import Span


def read_timestamps_json(text: str) -> list[Row]:
    """`{video: {"duration": s, "timestamps": [[s, e], …], "sentences": […]}}`; query i has moment i.

    Raises:
        ValueError: The text is not JSON, or not of this shape.
    """
    rows = []
    for video, entry in _expect(json.loads(text), dict, "an object of videos").items():
        _expect(entry, dict, f"an object for video {video!r}")
        missing = {"duration", "timestamps", "sentences"} - entry.keys()
        if missing:
            raise ValueError(f"video {video!r} has no {', '.join(sorted(missing))}")
        if len(entry["timestamps"]) != len(entry["sentences"]):
            raise ValueError(f"video {video!r} has {len(entry['timestamps'])} moments but {len(entry['sentences'])} sentences")
        for moment, sentence in zip(entry["timestamps"], entry["sentences"], strict=True):
            rows.append(Row(video, _seconds(entry["duration"]), _expect(sentence, str, "a sentence"), (_span(moment),)))
    return rows


def read_tall_text(text: str, durations_s: dict[str, float]) -> list[Row]:
    """TALL's `VIDEO START END##QUERY`, one a line, split at the first `##` only (queries contain `#`).

    Args:
        text: The file.
        durations_s: Duration in seconds by video; the format has none of its own.

    Raises:
        ValueError: A line is not of this shape, or its video has no duration.
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
        rows.append(Row(video, durations_s[video], query, (Span(float(start), float(end)),)))
    return rows


def read_charades_durations(text: str) -> dict[str, float]:
    """Duration in seconds by video, from the `length` column of Charades' own csv. Raises ValueError on another shape."""
    table = list(csv.DictReader(text.splitlines()))
    if not table or not {"id", "length"} <= table[0].keys():
        raise ValueError("the csv has no columns `id` and `length`")
    return {row["id"]: float(row["length"]) for row in table}


def _expect(value: Any, kind: type, what: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"expected {what}, found {str(value)[:80]!r}")
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
        raise ValueError(f"expected a time in seconds, found {str(value)[:80]!r}")
    return float(value)


def _span(value: Any) -> Span:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"expected a moment [start, end], found {str(value)[:80]!r}")
    return Span(_seconds(value[0]), _seconds(value[1]))
