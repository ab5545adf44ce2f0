"""Ego4D Natural Language Queries, as the consortium publishes them."""

from typing import Any

from tasks.formats.published import field, get, length, listed, listed_under, seconds, sentence
from tasks.sample import Sample, one_query
from tasks.span import Span


def read_nlq(text: str) -> list[Sample]:
    """`nlq_{train,val}.json`: videos of clips of annotations of `language_queries`; the video of a sample is the clip.

    Times count from the start of the clip. A query without text is kept as an empty one.
    """
    rows: list[Sample] = []
    for where, video in listed_under("videos", text):
        for place, clip in listed(get(video, "clips", where)):
            try:
                rows += _clip(clip)
            except ValueError as error:
                raise ValueError(f"{where}, clip {place}: {error}") from error
    return rows


def _clip(clip: dict[str, Any]) -> list[Sample]:
    name = sentence(field(clip, "clip_uid"))
    duration_s = length(seconds(field(clip, "clip_end_sec")) - seconds(field(clip, "clip_start_sec")))
    rows: list[Sample] = []
    for _, annotation in listed(field(clip, "annotations")):
        uid = sentence(field(annotation, "annotation_uid"))
        for place, (_, query) in enumerate(listed(field(annotation, "language_queries"))):
            times = Span(seconds(field(query, "clip_start_sec")), seconds(field(query, "clip_end_sec")))
            asked = sentence(query.get("query") or "")
            rows.append(one_query(name, duration_s, asked, (times,), native_id=f"{name}_{uid}_{place}"))
    return rows
