"""Questions with options and evidence: NExT-GQA in its two published forms, and ReXTime."""

import re
from collections.abc import Mapping
from string import ascii_uppercase
from typing import Any

from tasks.answer import Answer
from tasks.formats.published import each, expect, field, json_rows, length, parse_json, sentence, shown, span, spans, stem, table
from tasks.sample import Sample

_LETTER = re.compile(r"\(([A-Z])\)")
_COLUMNS = ("video_id", "qid", "question", "answer", "type")
_OPTIONS = ("a0", "a1", "a2", "a3", "a4")


@json_rows
def read_nextgqa_json(entry: dict[str, Any]) -> Sample:
    """VideoChat-R1's form: rows with `options` "(A) …", an `answer` "(C)" and a list of evidence windows, `glue`."""
    return Sample(
        video=stem(field(entry, "video")),
        duration_s=length(field(entry, "duration")),
        queries=(sentence(field(entry, "question")),),
        truth=Answer(spans(field(entry, "glue")), option=_letter(field(entry, "answer"))),
        options=_options(field(entry, "options")),
        labels=(("type", sentence(field(entry, "type"))),),
        native_id=sentence(field(entry, "id")),
    )


def read_nextgqa_csv(questions: str, windows: str) -> list[Sample]:
    """NExT-GQA's own form: a csv of questions, and windows by video and question id.

    The csv names the answer by its text. Of two equal options the last is meant: so the JSON form keys the one such question.
    """
    evidence = expect(parse_json(windows), dict, "an object of videos")
    return each(table(questions, *_COLUMNS, *_OPTIONS), lambda row: _joined(row, evidence))


def _joined(row: Mapping[str, str], evidence: Mapping[str, Any]) -> Sample:
    options = tuple(sentence(row[name]) for name in _OPTIONS)
    if row["answer"] not in options:
        raise ValueError(f"the answer {row['answer'][:80]!r} is none of the options")
    last = max(place for place, option in enumerate(options) if option == row["answer"])
    video = row["video_id"]
    entry = expect(evidence.get(video), dict, f"an object for video {video!r} in the file of windows")
    location = expect(field(entry, "location"), dict, f"windows by question for video {video!r}")
    return Sample(
        video=video,
        duration_s=length(field(entry, "duration")),
        queries=(sentence(row["question"]),),
        truth=Answer(spans(location.get(row["qid"])), option=ascii_uppercase[last]),
        options=options,
        labels=(("type", row["type"]),),
        native_id=f"{video}_{row['qid']}",
    )


@json_rows
def read_rextime(entry: dict[str, Any]) -> Sample:
    """ReXTime's `rextime_val.json`: rows with `options`, the letter `ans` of one, and the `span` of the evidence."""
    return Sample(
        video=sentence(field(entry, "vid")),
        duration_s=length(field(entry, "duration")),
        queries=(sentence(field(entry, "question")),),
        truth=Answer((span(field(entry, "span")),), option=_letter(f"({field(entry, 'ans')})")),
        options=tuple(sentence(option) for option in expect(field(entry, "options"), list, "a list of options")),
        labels=(("category", sentence(field(entry, "category"))),),
        native_id=sentence(field(entry, "qid")),
    )


def _options(value: Any) -> tuple[str, ...]:
    """Options without their letters, which must be those of their places."""
    given = [sentence(option) for option in expect(value, list, "a list of options")]
    for place, option in enumerate(given):
        if not option.startswith(f"({ascii_uppercase[place : place + 1]}) "):
            raise ValueError(f"expected option {place + 1} to begin with its letter in brackets, found {option[:80]!r}")
    return tuple(option[len("(A) ") :] for option in given)


def _letter(value: Any) -> str | None:
    """The letter of "(C)", which may be that of no option; None stands for a question without an answer."""
    if value is None:
        return None
    match = _LETTER.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"expected an answer such as (C), found {shown(value)}")
    return match[1]
