"""Highlights with clips of their own: TVSum and YouTube Highlights as lighthouse publishes them, an object a line."""

from collections.abc import Callable
from typing import Any

from tasks.answer import Answer
from tasks.formats.published import SLOWEST_FPS, each, expect, field, length, objects, seconds, sentence, shown, spans
from tasks.sample import Sample
from tasks.span import Span


def read_tvsum(text: str) -> list[Sample]:
    """TVSum: `label` holds the scores of all annotators by clip of 1 s."""
    return each(objects(text.split("\n")), lambda entry: _sample(entry, lambda clips: _seconds(clips)))


def read_youtube(text: str) -> list[Sample]:
    """YouTube Highlights: `label` holds 0 or 1 by clip, whose first and last frames are in `clip`; frames lie `fps` a second."""
    return each(objects(text.split("\n")), lambda entry: _sample(entry, lambda _: _frames(entry)))


def _sample(entry: dict[str, Any], grid: Callable[[int], tuple[Span, ...]]) -> Sample:
    clips = tuple(_scores(row) for row in expect(field(entry, "label"), list, "a list of scores by clip"))
    bounds = grid(len(clips))
    if not clips or len(bounds) != len(clips) or len({len(row) for row in clips}) != 1:
        raise ValueError(f"{len(bounds)} clips with {len(clips)} rows of scores, which need one length and one clip each")
    return Sample(
        video=sentence(field(entry, "vid")),
        duration_s=length(field(entry, "duration")),
        queries=(sentence(field(entry, "query")),),
        truth=Answer(clips=clips),
        grid=bounds,
        labels=(("domain", sentence(field(entry, "domain"))),),
        native_id=sentence(field(entry, "qid")),
    )


def _scores(row: Any) -> tuple[float, ...]:
    if not isinstance(row, list) or not row:
        raise ValueError(f"expected a list of the annotators' scores of a clip, found {shown(row)}")
    return tuple(seconds(score) for score in row)


def _seconds(clips: int) -> tuple[Span, ...]:
    return tuple(Span(float(start), float(start + 1)) for start in range(clips))


def _frames(entry: dict[str, Any]) -> tuple[Span, ...]:
    fps = seconds(field(entry, "fps"))
    if fps < SLOWEST_FPS:
        raise ValueError(f"{fps:g} frames a second")
    return tuple(Span(start / fps, end / fps) for start, end in map(_floats, spans(field(entry, "clip"))))


def _floats(bounds: Span) -> tuple[float, float]:
    return float(bounds.start_s), float(bounds.end_s)
