"""What was asked, what is true and what was answered, sample by sample, as columns of JSON values. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from harness.paths import without_folders
from harness.records import Record
from harness.scoring import Scored
from leaderboards.compare.errors import THRESHOLD
from tasks.kinds import clips, highlights
from tasks.metrics import Bools
from tasks.sample import Sample
from tasks.span import Span


def finite(number: float, digits: int) -> float | None:
    """A rounded number; JSON has neither NaN nor infinity, they are null."""
    return round(number, digits) if math.isfinite(number) else None


def asked_and_true(samples: Sequence[Sample], videos: Sequence[str]) -> dict[str, Any]:
    """Columns of n samples; one that no sample fills is null. `video` is a place in `videos`.

    `query` is the sentence; of several, `queries` has each, in the order of `targets`.
    """
    place = {video: i for i, video in enumerate(videos)}
    found: dict[str, list[Any]] = {
        "queries": [list(sample.queries) if len(sample.queries) > 1 else [] for sample in samples],
        "options": [list(sample.options) for sample in samples],
        "option": [sample.truth.option for sample in samples],
        "from_s": [float(one.clip.start_s) if one.clip else 0 for one in samples],
        "grid": [_flat(sample.grid) for sample in samples],
        "saliency": [_liked(sample) for sample in samples],
    }
    liked = [score for scores in found["saliency"] for score in scores]
    return {
        "id": [sample.id for sample in samples],
        "video": [place[sample.video] for sample in samples],
        "query": [sample.query for sample in samples],
        "duration_s": [finite(float(sample.duration_s), 3) for sample in samples],
        "targets": [_flat(sample.truth.spans) for sample in samples],
        **{name: column if any(column) else None for name, column in found.items()},
        "saliency_range": [min(0.0, *liked), max(liked)] if liked else None,
    }


def answers(
    records: Mapping[tuple[str, str], Record], mode: str, found: Scored, types: Sequence[str | None], named: Sequence[str]
) -> dict[str, Any]:
    """Columns of the n answers of one mode; types are places in `named`."""
    given: list[Record] = [records.get((sample.id, mode), {}) for sample in found.samples]
    options = [outcome.answer.option for outcome in found.outcomes]
    return {
        "value": [finite(value, 4) for value in found.columns[found.main].tolist()],
        "spans": [_flat(outcome.answer.spans) for outcome in found.outcomes],
        "option": options if any(options) else None,
        **_matched(found),
        "type": [None if name is None else named.index(name) for name in types],
        "failure": [outcome.failure for outcome in found.outcomes],
        "text": [record.get("text") for record in given],
        "error": [without_folders(record["error"]["message"]) if record.get("error") else None for record in given],
        "cut_off": [outcome.cut_off for outcome in found.outcomes],
        "tokens": [record["tokens"]["new"] if record.get("tokens") else None for record in given],
        "seconds": [finite(float(record.get("seconds", 0)), 2) for record in given],
        "clips": _clips(found),
    }


def _matched(found: Scored) -> dict[str, list[list[int]] | None]:
    """Which said spans have a partner of IoU >= 0.5 among the true ones, 1 or 0 each, and which true ones were found.

    Each span has one partner at most. Spans of either side are those of some greatest matching, and there is always one that
    holds both (Mendelsohn and Dulmage, Canadian Journal of Mathematics 10, 1958).
    """
    if found.protocol.kind != "instances":
        return {"matched": None, "found": None}
    # Here, because it imports scipy, which no other kind needs.
    from tasks import matching

    said, true = [outcome.answer.spans for outcome in found.outcomes], [sample.truth.spans for sample in found.samples]
    dtype = np.float32 if found.protocol.score.float_bits == 32 else np.float64
    pairs = matching.overlapping(said, true, THRESHOLD, dtype)
    m, n = (sum(map(len, rows)) for rows in (said, true))
    turned = matching.Pairs(pairs.right, pairs.left, pairs.iou)
    return {
        "matched": _by_row(matching.most_pairs(pairs, (m, n)), said),
        "found": _by_row(matching.most_pairs(turned, (n, m)), true),
    }


def _by_row(flags: Bools, rows: Sequence[Sequence[Span]]) -> list[list[int]]:
    ends = np.cumsum([len(spans) for spans in rows])
    return [part.astype(int).tolist() for part in np.split(flags, ends[:-1])]


def _clips(found: Scored) -> list[list[float | None]] | None:
    """Scores of the clips as they were judged; None where none were asked for."""
    rules, pairs = found.protocol, zip(found.outcomes, found.samples, strict=True)
    if rules.kind == "clips":
        every = [clips.clip_scores(sample, outcome.answer, rules) for outcome, sample in pairs]
    elif rules.score.saliency != "none":
        every = [highlights.clip_scores(rules, outcome.answer, sample.duration_s) for outcome, sample in pairs]
    else:
        return None
    return [[finite(score, 2) for score in scores] for scores in every]


def _liked(sample: Sample) -> list[float]:
    """Mean score of the annotators for each clip."""
    return [round(sum(scores) / len(scores), 2) for scores in sample.truth.clips or () if scores]


def _flat(spans: Iterable[Iterable[Any]]) -> list[float | None]:
    """Starts and ends in turn, in seconds."""
    return [finite(time, 3) for span in spans for time in map(float, span)]
