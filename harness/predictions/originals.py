"""Files in forms of their own: ActivityNet's submission, NExT-GQA's choices, and rows of MUSEG and E.T. Bench."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from harness.predictions.keys import shape_of
from harness.predictions.spans import Moment, moments
from harness.records import Record
from tasks.answer import Answer
from tasks.errors import InputError
from tasks.formats.published import shown
from tasks.protocol import LETTERS
from tasks.sample import Sample
from tasks.span import Span
from tasks.words import counted

CHOSEN = ("prediction", "option", "choice", "pred_option", "pred", "answer_pred")
"""Keys of the chosen option in a file of choices."""
NEXT = "see docs/predictions.md for every form with an example"
DETECTIONS = "results"

Records = dict[tuple[str, str], Record]


def letter(value: Any) -> str | None:
    """An option as a letter: `C`, `(C)`, `c.` or the index 2, from 0 on; None for null and an empty text.

    Raises:
        ValueError: It is none of them.
    """
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(LETTERS):
        return LETTERS[value]
    text = value.strip().strip("().:").upper() if isinstance(value, str) else ""
    if len(text) != 1 or text not in LETTERS:
        raise ValueError(f"expected the letter of an option, or its index from 0 on, found {shown(value)}")
    return text


def with_options(records: Records, samples: Sequence[Sample], path: Path, modes: Sequence[str], alone: bool = True) -> list[str]:
    """Put the choices of a file into records of spans; if `alone`, a sample that has only a choice gets a record.

    The file is an object of choices by id, each a letter, an index from 0 on, or an object with it.

    Returns:
        Notes on what was read.

    Raises:
        InputError: The file is none, or no id in it names a sample.
    """
    content = _json(path)
    if not isinstance(content, dict):
        raise InputError("an object of chosen options by sample", f"{path}: {shown(content)}", NEXT)
    named = {name: sample for sample in samples for name in (sample.id, sample.native_id) if name}
    counts = Counter(name in named for name in content)
    if not counts[True]:
        raise InputError("chosen options by id of the samples", f"{path}: none of {len(content):,} names one", NEXT)
    for name, value in content.items():
        if (sample := named.get(name)) is None:
            continue
        try:
            option = letter(_chosen(value))
        except ValueError as error:
            raise InputError("a letter or an index", f"{path}, {name[:80]!r}: {error}", NEXT) from error
        for mode in modes:
            if not alone and (sample.id, mode) not in records:
                continue
            before = records.get((sample.id, mode), {"error": None})
            if before["error"] is None:
                given = before.get("prediction") or before.get("read") or Answer()
                kept = None if given.spans else given.failure
                records[sample.id, mode] = {"error": None, "prediction": replace(given, option=option, failure=kept)}
    strangers = [f"{path.name}: {counts[False]:,} choices are of no sample of the split"] if counts[False] else []
    return [f"{path.name}: options of {counted(counts[True], 'sample')}", *strangers]


def _chosen(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    found = [key for key in CHOSEN if key in value]
    if len(found) != 1:
        raise ValueError(f"expected one key of {', '.join(CHOSEN)}, found {shown(list(value))}")
    return value[found[0]]


def detections(path: Path) -> Mapping[str, Sequence[Mapping[str, Any]]] | None:
    """The results of a submission in ActivityNet's form, by video; None for any other file."""
    with path.open("rb") as file:
        if file.read(1) != b"{" or path.suffix != ".json":
            return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None
    found = content.get(DETECTIONS) if isinstance(content, dict) else None
    if not isinstance(found, dict) or not found or not all(isinstance(rows, list) for rows in found.values()):
        return None
    rows = [row for rows in found.values() for row in rows]
    return found if rows and all(isinstance(row, dict) and {"label", "segment"} <= row.keys() for row in rows) else None


def of_detections(
    found: Mapping[str, Sequence[Mapping[str, Any]]], samples: Sequence[Sample], path: Path, modes: Sequence[str]
) -> tuple[Records, list[str]]:
    """Records of a submission: the detections of a class in a video answer the question about that class.

    Names of videos are compared without `v_`, those of classes without case, blanks and underscores. A question without a
    detection is answered by no span; detections of other classes of a video, and of unknown ones, are counted.

    Raises:
        InputError: A detection is not of this form, or none is of a video of the split.
    """
    asked = {(_video(sample.video), _label(sample.query)): sample for sample in samples}
    classes, videos = {label for _, label in asked}, {video for video, _ in asked}
    given: dict[str, list[tuple[Span, float]]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for video, rows in found.items():
        for number, row in enumerate(rows, 1):
            where = f"{path}, {video[:80]!r}, detection {number}"
            try:
                ((start, end, *_),), score = moments([row["segment"]]), float(row.get("score", 1.0))
            except (ValueError, TypeError) as error:
                raise InputError("a detection with a segment [start, end] and a score", f"{where}: {error}", NEXT) from error
            label = _label(str(row["label"]))
            if (sample := asked.get((_video(video), label))) is not None:
                given[sample.id].append((Span(start, end), score))
                continue
            kind = "of a video that is not in the split" if _video(video) not in videos else "of another class of their video"
            counts["of a class that the task does not have" if label not in classes else kind] += 1
    if not given:
        told = ", ".join(f"{n:,} {kind}" for kind, n in counts.items())
        raise InputError("detections in videos of the split", f"{path}: none ({told})", NEXT)
    records: Records = {}
    for sample in samples:
        pairs = given.get(sample.id, [])
        spans, scores = tuple(span for span, _ in pairs), tuple(score for _, score in pairs)
        answer = Answer(spans, failure=None if spans else "no-span", scores=scores)
        records |= {(sample.id, mode): {"error": None, "prediction": answer} for mode in modes}
    notes = [f"{path.name}: a submission of ActivityNet; {len(given):,} of {len(samples):,} questions have detections"]
    return records, [*notes, *(f"{path.name}: detections {kind}: {n:,}" for kind, n in counts.items())]


def _video(name: str) -> str:
    return name.removeprefix("v_")


def _label(name: str) -> str:
    return "".join(name.replace("_", " ").split()).casefold()


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError("a JSON file", f"{path}: {error}", NEXT) from error


class Said(NamedTuple):
    """What a row says: its question, in which the sentence of the sample stands, true moments where it has them, its reply."""

    question: str
    true: Sequence[Moment]
    reply: str | None


def of_museg(row: Mapping[str, Any]) -> Said | None:
    """A row of MUSEG's evaluator; None for the figures that it puts behind them.

    Source: MUSEG src/eval_grounding.py (889565e).
    """
    if "tot" in row:
        return None
    *_, (_, _, text) = (part.partition(": ") for part in row["result"]["conversation"])
    return Said(str(row["question"]), moments(row["groundtruth"]), text)


def of_etbench(row: Mapping[str, Any]) -> Said:
    """A row of E.T. Bench's annotations with the reply in `a`; for highlights they hold a list of windows by annotator.

    Source: ETBench docs/BENCHMARK.md (278cfa2) and evaluation/compute_metrics.py, vhd_eval (445f620).
    """
    question, true, reply = row["q"], row.get("tgt"), row.get("a")
    if not isinstance(question, str) or not isinstance(reply, str | None):
        raise ValueError(f"q and a are {shown([question, reply])}")
    if isinstance(true, list) and all(isinstance(each, list) and each and isinstance(each[0], list) for each in true):
        true = list(chain.from_iterable(true))
    return Said(question, [] if true is None else moments(true), reply)


Reader = Callable[[Mapping[str, Any]], Said | None]
ROWS: Mapping[Reader, str] = {
    of_museg: "written by MUSEG; the reply is the last turn of `conversation`",
    of_etbench: "written for E.T. Bench; the reply is read from `a`",
}
"""Readers of rows that hold a whole question and no id, and what the notes say of each."""


def reader(row: Mapping[str, Any]) -> Reader | None:
    """The one of `ROWS` for a file that begins with this row, None for any other file.

    Keys of one letter can be anything in other files: a row of E.T. Bench has no other key that names a sample or holds a reply.
    """
    if row.keys() >= {"video", "question", "groundtruth", "result"}:
        return of_museg
    shape = shape_of(row)
    is_etbench = row.keys() >= {"idx", "task", "q", "a"} and shape.video and not (shape.ids or shape.query or shape.sure)
    return of_etbench if is_etbench else None
