"""A QVHighlights submission, in any container: one row for each query of the split, for the report of the official evaluator."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from harness.predictions import files
from harness.predictions.keys import DOCUMENT, shape_of
from harness.predictions.match import Index
from harness.predictions.names import SALIENCY
from harness.predictions.read import HEAD
from harness.predictions.spans import literal
from tasks import highlights, moments
from tasks.answer import Answer
from tasks.errors import InputError
from tasks.formats import qvhighlights as formats_qvh
from tasks.sample import Sample

WINDOWS = "pred_relevant_windows"
PARTS = (WINDOWS, SALIENCY)


class Submission(NamedTuple):
    """One prediction a sample, in their order, and those of `PARTS` that any row has: the official evaluator reports no other."""

    predictions: list[Answer]
    parts: frozenset[str]


def is_submission(path: Path) -> bool:
    """Whether any of the first rows of a file is one of a submission as moment_detr writes it. Raises InputError."""
    return any(row.get(part) is not None for _, row in islice(files.rows(path), HEAD) for part in PARTS)


def read(path: Path, samples: Sequence[Sample], is_part: bool) -> Submission:
    """Read a submission to samples of the split, or to a part of them, where rows of others are passed over.

    Raises InputError where a row is of another shape, or the rows do not answer the samples one to one.
    """
    parts: set[str] = set()
    wanted = {sample.native_id for sample in samples}
    found = ((qid, prediction) for qid, prediction in _rows(path, samples, parts) if not is_part or qid in wanted)
    try:
        return Submission(formats_qvh.match_submission(found, samples), frozenset(parts))
    except ValueError as error:
        step = f"correct the file (see {DOCUMENT})"
        raise InputError("a submission as moment_detr writes it", f"{path}: {error}", step) from error


def report(path: Path, samples: Sequence[Sample], is_part: bool) -> dict[str, Any]:
    """The report of the official evaluator, and the mIoU that it computes but does not write; arguments and errors as `read`."""
    found, parts = read(path, samples, is_part)
    scored = ranked = None
    if WINDOWS in parts:
        scored = moments.moment_retrieval([moments.windows(p) for p in found], [s.truth.spans for s in samples], "float")
    if SALIENCY in parts:
        clips = [[score for (score,) in answer.clips or ()] for answer in found]
        ranked = highlights.highlight_detection(clips, [sample.truth.clips or () for sample in samples])
    written = formats_qvh.report(scored, ranked)
    if scored is not None:
        written["brief"]["MR-full-mIoU"] = round(moments.means(scored)["MR-full-mIoU"], 2)
    return written


def _rows(path: Path, samples: Sequence[Sample], parts: set[str]) -> Iterator[tuple[str, Answer]]:
    index = Index(samples)
    native = {sample.id: str(sample.native_id) for sample in samples}
    for where, row in files.rows(path):
        given: dict[str, Any] = {key: literal(row[key]) or row[key] if isinstance(row[key], str) else row[key] for key in row}
        given = {key: value for key, value in given.items() if key not in PARTS or value is not None}
        parts.update(part for part in PARTS if part in given)
        ids = index.find(row, shape_of(row), None).ids
        qid = native[ids[0]] if ids else formats_qvh.query_id(given, where)
        yield qid, formats_qvh.submitted(given, where)
