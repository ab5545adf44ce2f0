"""Files of QVHighlights: the released annotations, submissions in the form of moment_detr, and the official score report."""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tasks import highlights, moments
from tasks.answer import Answer
from tasks.errors import InputError
from tasks.formats.published import objects, shown
from tasks.sample import Sample, one_query
from tasks.span import Span

ANNOTATORS = 3
LONGEST_S = 86400
SHOWN = 3
_BRIEF = ("full-R1@0.5", "full-R1@0.7", "full-mAP", "full-mAP@0.5", "full-mAP@0.75", "long-mAP", "middle-mAP", "short-mAP")
Report = dict[str, dict[str, Any]]


def read_release(text: str) -> list[Sample]:
    """Rows of `{train,val,test_with_gt}.jsonl`: one object a line, several windows and three annotators each.

    Saliency covers the whole video: int(duration / 2) clips, zeros where no clip is listed.
    """
    return [_row(entry, line) for line, entry in objects(text.split("\n"))]


def _row(entry: Mapping[str, Any], line: str) -> Sample:
    wanted = {"qid", "query", "vid", "duration", "relevant_windows", "relevant_clip_ids", "saliency_scores"}
    if missing := wanted - entry.keys():
        raise ValueError(f"{line} has no {', '.join(sorted(missing))}")
    if not isinstance(entry["query"], str) or not isinstance(entry["vid"], str):
        raise ValueError(f"{line}: expected text as `query` and `vid`")
    (duration,) = _numbers([entry["duration"]], 1, f"{line}, duration")
    targets = tuple(Span(*_numbers(window, 2, f"{line}, window")) for window in _list(entry["relevant_windows"], line))
    if not targets:
        raise ValueError(f"{line} has no window")
    if not 0 < duration <= LONGEST_S:
        raise ValueError(f"{line}: expected a duration of at most {LONGEST_S} s, found {duration}")
    none = (0.0,) * ANNOTATORS
    saliency = [none] * int(duration / highlights.CLIP_S)
    clips, scores = _list(entry["relevant_clip_ids"], line), _list(entry["saliency_scores"], line)
    if len(clips) != len(scores):
        raise ValueError(f"{line} has {len(clips)} clips but {len(scores)} saliency scores")
    for clip, values in zip(clips, scores, strict=True):
        if isinstance(clip, bool) or not isinstance(clip, int) or not 0 <= clip < len(saliency):
            raise ValueError(f"{line}: expected a clip of 0 to {len(saliency) - 1}, found {shown(clip)}")
        saliency[clip] = tuple(_numbers(values, ANNOTATORS, f"{line}, saliency"))
    return one_query(entry["vid"], duration, entry["query"], targets, None, query_id(entry, line), tuple(saliency))


def read_submission(lines: Iterable[str]) -> Iterator[tuple[str, Answer]]:
    """Predictions by query id, one a line: `pred_relevant_windows` [[start, end, score], …], `pred_saliency_scores` [score, …].

    Windows keep their order, and reversed or empty ones their place, because they hold a rank. Either key may be absent, and
    so may the scores of all windows of a row.
    """
    for line, entry in objects(lines):
        yield query_id(entry, line), submitted(entry, line)


def submitted(entry: Mapping[str, Any], line: str) -> Answer:
    """What one row of a submission predicts, as `read_submission` describes it. Raises ValueError that names the line."""
    rows = _list(entry.get("pred_relevant_windows", []), line)
    width = len(rows[0]) if rows and isinstance(rows[0], list) and len(rows[0]) == 2 else 3
    windows = [_numbers(row, width, f"{line}, window") for row in rows]
    saliency = entry.get("pred_saliency_scores")
    return Answer(
        spans=tuple(Span(window[0], window[1]) for window in windows),
        failure=None if windows or saliency else "no-span",
        scores=tuple(window[2] for window in windows) if width == 3 else (),
        clips=None if saliency is None else tuple((score,) for score in _numbers(saliency, None, f"{line}, saliency")),
    )


def match_submission(predictions: Iterable[tuple[str, Answer]], samples: Sequence[Sample]) -> list[Answer]:
    """Predictions in the order of the samples, matched by `native_id`. Raises InputError unless the ids match one to one."""
    wanted = {sample.native_id for sample in samples}
    found: dict[str, Answer] = {}
    counts: Counter[str] = Counter()
    first: dict[str, list[str]] = defaultdict(list)

    def wrong(kind: str, identifier: str) -> None:
        counts[kind] += 1
        if counts[kind] <= SHOWN:
            first[kind].append(identifier)

    for identifier, prediction in predictions:
        if identifier not in wanted:
            wrong("of no sample", identifier)
        elif identifier in found:
            wrong("repeated", identifier)
        else:
            found[identifier] = prediction
    for sample in samples:
        if sample.native_id not in found:
            wrong("missing", str(sample.native_id))
    if counts:
        told = "; ".join(
            f"{counts[kind]} {kind} ({', '.join(ids)}{' …' * (counts[kind] > SHOWN)})" for kind, ids in sorted(first.items())
        )
        raise InputError(
            f"one prediction for each of the {len(samples)} query ids of the split", told, "harness show qvhighlights"
        )
    return [found[str(sample.native_id)] for sample in samples]


def report(
    moment_scores: Mapping[str, moments.MomentScores] | None, highlight_scores: highlights.HighlightScores | None
) -> Report:
    """What the official evaluator prints, as percentages with two decimals: `brief`, then a block by level and by length."""
    ranking = _rounded(highlights.means(highlight_scores)) if highlight_scores is not None else {}
    mean = _rounded(moments.means(moment_scores)) if moment_scores is not None else {}
    blocks: Report = {"brief": {**{f"MR-{key}": mean[f"MR-{key}"] for key in _BRIEF if mean}, **ranking}}
    for name in (f"HL-min-{level}" for level in highlights.LEVELS if ranking):
        blocks[name] = {"HL-mAP": ranking[f"{name}-mAP"], "HL-Hit1": ranking[f"{name}-Hit1"]}
    for name in sorted(moment_scores or ()):
        ap = {str(t): mean[f"MR-{name}-mAP@{t}"] for t in moments.THRESHOLDS}
        hit = {str(t): mean[f"MR-{name}-R1@{t}"] for t in moments.THRESHOLDS}
        blocks[name] = {"MR-mAP": {**ap, "average": mean[f"MR-{name}-mAP"]}, "MR-R1": hit}
    return blocks


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.2f}") for name, value in values.items()}


def query_id(entry: Mapping[str, Any], line: str) -> str:
    """The `qid` of a row. Raises ValueError that names the line where it has none."""
    value = entry.get("qid")
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{line}: expected a query id as `qid`, found {shown(value)}")
    return str(value)


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{what}: expected a list, found {shown(value)}")
    return value


def _numbers(value: Any, count: int | None, what: str) -> list[float]:
    """A list of `count` finite numbers, any number of them for None."""
    values = _list(value, what)
    # Comparing, unlike converting, bears integers too long for a float.
    numeric = all(isinstance(x, int | float) and not isinstance(x, bool) and abs(x) <= sys.float_info.max for x in values)
    if not numeric or count not in (None, len(values)):
        raise ValueError(f"{what}: expected {count or 'only'} finite numbers, found {shown(value)}")
    return [float(x) for x in values]
