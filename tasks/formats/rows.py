"""Benchmarks of moments whose files are lists of rows, each with names of its own for the same few fields."""

from typing import Any

from tasks.answer import Answer
from tasks.formats.durations import known, second_durations
from tasks.formats.published import each, field, json_rows, length, listed_under, seconds, sentence, shown, span, spans, stem
from tasks.sample import Sample, one_query
from tasks.span import Span

CHUNK_S = 5
VUE_TR_LABELS = ("duration_category", "query_format", "query_modality")


@json_rows
def read_vue_tr(entry: dict[str, Any]) -> Sample:
    """VUE-TR: `gt` holds all true spans, and may be empty; three attributes of the query are its labels."""
    return Sample(
        video=sentence(field(entry, "video_id")),
        duration_s=length(field(entry, "duration")),
        queries=(sentence(field(entry, "query")),),
        truth=Answer(spans(field(entry, "gt"))),
        labels=tuple((name, sentence(field(entry, name))) for name in VUE_TR_LABELS),
        native_id=_id(field(entry, "query_id")),
    )


@json_rows
def read_timerft(entry: dict[str, Any]) -> Sample:
    """TimeRFT, the training rows of Time-R1: `timestamp` counts from the start of the file that `video` names."""
    return Sample(
        video=stem(field(entry, "video")),
        duration_s=length(field(entry, "duration")),
        queries=(sentence(field(entry, "sentence")),),
        truth=Answer((span(field(entry, "timestamp")),)),
        native_id=sentence(field(entry, "qid")),
    )


def read_extreme_when(text: str) -> list[Sample]:
    """ExtremeWhenBench: rows, or an object that holds them as `questions`, with `correct_interval` and `video_duration_s`."""
    return each(listed_under("questions", text), _extreme_when)


def _extreme_when(entry: dict[str, Any]) -> Sample:
    return Sample(
        video=sentence(field(entry, "video_id")),
        duration_s=length(field(entry, "video_duration_s")),
        queries=(sentence(field(entry, "question")),),
        truth=Answer((span(field(entry, "correct_interval")),)),
        labels=tuple((name, sentence(field(entry, name))) for name in ("source_corpus", "category")),
        native_id=sentence(field(entry, "qid")),
    )


def read_momentseeker(text: str, durations: str) -> list[Sample]:
    """MomentSeeker's `t2v.json`: `answering_time_interval` holds all true spans.

    Args:
        text: The rows, which have no durations.
        durations: A csv with `video` and `seconds`.
    """
    durations_s = second_durations(durations)

    def build(entry: dict[str, Any]) -> Sample:
        video = stem(field(entry, "src_video_path"))
        return Sample(
            video=video,
            duration_s=known(durations_s, video),
            queries=(sentence(field(entry, "qry_text")),),
            truth=Answer(spans(field(entry, "answering_time_interval"))),
            labels=(("task", sentence(field(entry, "task"))),),
        )

    return json_rows(build)(text)


@json_rows
def read_didemo(entry: dict[str, Any]) -> Sample:
    """DiDeMo: `times` holds the first and last chunk of 5 s by annotator, the video is `num_segments` chunks long."""
    chunks = dict.fromkeys(spans(field(entry, "times")))
    return one_query(
        stem(field(entry, "video")),
        length(seconds(field(entry, "num_segments")) * CHUNK_S),
        sentence(field(entry, "description")),
        tuple(Span(float(first) * CHUNK_S, (float(last) + 1) * CHUNK_S) for first, last in chunks),
        native_id=_id(field(entry, "annotation_id")),
    )


def _id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"expected a text or a whole number as id, found {shown(value)}")
    return sentence(str(value))
