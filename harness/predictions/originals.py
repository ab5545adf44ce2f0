"""Files in forms of their own: ActivityNet's submission, MUSEG's output, and the choices that NExT-GQA keeps apart."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from harness.predictions.spans import moments
from harness.records import Record
from tasks.answer import Answer
from tasks.errors import InputError
from tasks.formats.published import shown
from tasks.protocol import LETTERS
from tasks.sample import Sample
from tasks.span import Span

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
    return [f"{path.name}: options of {counts[True]:,} samples", *strangers]


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


def museg(path: Path) -> list[dict[str, Any]] | None:
    """Rows that MUSEG's evaluator writes, without the figures that it puts behind them; None for any other file."""
    with path.open("rb") as file:
        if path.suffix != ".json" or file.read(1) != b"[":
            return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None
    rows = [row for row in content if isinstance(row, dict) and "tot" not in row] if isinstance(content, list) else []
    return rows if rows and all({"video", "question", "groundtruth", "result"} <= row.keys() for row in rows) else None


def of_museg(
    rows: Sequence[Mapping[str, Any]], samples: Sequence[Sample], path: Path, modes: Sequence[str], read: Callable[[str], Answer]
) -> tuple[Records, list[str]]:
    """Records of rows of MUSEG: a row answers the sample of its video whose sentence stands in the question, with its spans.

    Raises:
        InputError: A row is not of this form, or none names a sample.

    Source: MUSEG src/eval_grounding.py (889565e).
    """
    by_video: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_video[sample.video].append(sample)
    records: Records = {}
    strangers = 0
    for number, row in enumerate(rows, 1):
        try:
            name, question, spans = str(row["video"]), str(row["question"]).casefold(), moments(row["groundtruth"])
            *_, (_, _, text) = (part.partition(": ") for part in row["result"]["conversation"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            found = f"{path}, entry {number}: {error!r}"
            raise InputError("a row with groundtruth and result.conversation, as MUSEG writes it", found, NEXT) from error
        true = [(float(start), float(end)) for start, end, *_ in spans]
        fitting = [
            sample
            for sample in by_video.get(PurePosixPath(name).stem, ())
            if sample.query.strip().casefold().removesuffix(".") in question and _same(sample, true)
        ]
        strangers += not fitting
        records |= {(sample.id, mode): {"error": None, "text": text, "read": read(text)} for sample in fitting for mode in modes}
    if not records:
        raise InputError("rows of MUSEG about samples of the split", f"{path}: none of {len(rows):,}", NEXT)
    notes = [f"{path.name}: written by MUSEG; the reply is the last turn of `conversation`"]
    return records, [*notes, *([f"{path.name}: rows that answer no sample: {strangers:,}"] if strangers else [])]


def _same(sample: Sample, spans: Sequence[tuple[float, float]]) -> bool:
    return [(float(start), float(end)) for start, end in sample.truth.spans] == list(spans)
