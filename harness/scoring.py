"""From recorded replies to `scores.json`: a pure function of samples, records and protocol."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from tasks import highlights, moments, rules
from tasks.metrics import Floats
from tasks.parsers import parser
from tasks.prediction import Prediction
from tasks.protocol import Protocol
from tasks.rules import Bools
from tasks.sample import Sample
from tasks.span import Span
from tasks.statistics import cluster_bootstrap

SCHEMA = "vtg-harness/scores/1"
ORACLE_MODE = "mixed-cot"
MOMENTS = (
    *("MR-full-mAP", "MR-full-mAP@0.5", "MR-full-mAP@0.75", "MR-short-mAP", "MR-middle-mAP", "MR-long-mAP"),
    *("MR-full-R1@0.5", "MR-full-R1@0.7", "MR-full-mIoU"),
)
"""What QVHighlights papers report of moment retrieval."""

NEIGHBOURS = 32
"""Other queries of the same video that an answer is compared with, so that one long video cannot take quadratic time."""

Record = Mapping[str, Any]


class _Outcome(NamedTuple):
    prediction: Prediction
    error: str | None


def score(
    samples: Sequence[Sample], records: Mapping[tuple[str, str], Record], protocol: Protocol, modes: Sequence[str]
) -> dict[str, Any]:
    """Score every sample of a split; what is missing or failed is counted by name, and scores 0 unless the protocol says else.

    Args:
        samples: The split, in its order.
        records: Lines of `samples.jsonl` by sample id and mode; samples without one count as `not-run`. A record with a
            `prediction` has been read already.
        protocol: How replies are read and compared.
        modes: Modes that were asked for. With both `direct` and `cot`, the paper's mixed row (per query the better of the
            two, which needs the ground truth and so is an oracle; TempSamp-R1, section 4.2) is added.
    """
    names = _metric_names(protocol)
    result: dict[str, Any] = {"schema": SCHEMA, "protocol": protocol.name, "protocol_sha256": protocol.sha256, "modes": {}}
    tables, kept = {}, {}
    for mode in modes:
        outcomes, spans, tables[mode], kept[mode] = _scored(samples, records, protocol, mode)
        result["modes"][mode] = {
            **_aggregate(tables[mode], samples, kept[mode], names),
            **_counts(outcomes, kept[mode]),
            "query_gap": _number(query_gap(samples, spans, tables[mode][:, 0], kept[mode], protocol)),
            "on_answered": _means(tables[mode][[outcome.error is None for outcome in outcomes]], names),
            **_qvhighlights(samples, [outcome.prediction for outcome in outcomes], protocol),
            "samples": [
                _line(sample, value, outcome, keep, protocol)
                for sample, value, outcome, keep in zip(samples, tables[mode][:, 0], outcomes, kept[mode], strict=True)
            ],
        }
    if {"direct", "cot"} <= tables.keys():
        best = np.maximum(tables["direct"], tables["cot"])
        result["modes"][ORACLE_MODE] = {
            **_aggregate(best, samples, kept["direct"] | kept["cot"], names),
            "oracle": "per query the better of direct and cot, chosen with the ground truth",
            "samples": [{"id": s.id, "iou": float(row[0])} for s, row in zip(samples, best, strict=True)],
        }
    return result


def means(samples: Sequence[Sample], records: Mapping[tuple[str, str], Record], protocol: Protocol, mode: str) -> dict[str, Any]:
    """`n` and the metrics of one mode in percent, as `score` gives them, without intervals or per-sample values."""
    outcomes, _, table, kept = _scored(samples, records, protocol, mode)
    parsed = sum(1 for outcome in outcomes if outcome.prediction.spans)
    return {**_means(table[kept], _metric_names(protocol)), "parsed": parsed}


def query_gap(samples: Sequence[Sample], spans: Sequence[rules.Spans], own: Floats, kept: Bools, protocol: Protocol) -> float:
    """How much better answers fit their own query than the other queries of the same video, in points of mIoU.

    A model that answers without regard to the sentence, always the same in a video, has a gap of exactly 0.

    Args:
        samples: The split.
        spans: Predicted spans of each sample, in the unit of the protocol.
        own: `(n,)` IoU of each answer with its own query.
        kept: `(n,)` samples in the denominator; only they are compared.
        protocol: Its IoU is used.

    Returns:
        Mean own IoU minus mean over answers of the mean IoU with (at most 32) other queries, times 100; NaN where no video
        has two queries.
    """
    videos: dict[tuple[str, Any], list[int]] = {}
    for i in np.flatnonzero(kept).tolist():
        videos.setdefault((samples[i].video, samples[i].clip), []).append(i)
    answers, others = [], []
    for group in videos.values():
        for step in range(1, min(len(group), NEIGHBOURS + 1)):
            answers += group
            others += group[step:] + group[:step]
    if not answers:
        return float("nan")
    targets, durations = [samples[j].targets for j in others], [samples[i].duration_s for i in answers]
    values = rules.ious(protocol, [spans[i] for i in answers], targets, durations)
    sums, counts = (np.bincount(answers, weights=w, minlength=len(samples)) for w in (values, np.ones(len(values))))
    compared = counts > 0
    return float(np.mean(own[compared] - sums[compared] / counts[compared]) * 100)


def _qvhighlights(samples: Sequence[Sample], predictions: Sequence[Prediction], protocol: Protocol) -> dict[str, Any]:
    """The official metrics in percent, for tasks with saliency; highlights where there are clip scores or a rule for them."""
    saliency = [sample.saliency for sample in samples if sample.saliency is not None]
    if not samples or len(saliency) < len(samples):
        return {}
    comparison = "exact" if protocol.score.comparison == "exact" else "float"
    found = moments.moment_retrieval([moments.windows(p) for p in predictions], [s.targets for s in samples], comparison)
    values = {name: value for name, value in moments.means(found).items() if name in MOMENTS}
    if protocol.score.saliency != "none" or any(p.saliency is not None for p in predictions):
        clips = [rules.saliency(protocol, p, s.duration_s) for p, s in zip(predictions, samples, strict=True)]
        values |= highlights.means(highlights.highlight_detection(clips, saliency))
    return {"qvhighlights": {name: _number(value) for name, value in values.items()}}


def _scored(
    samples: Sequence[Sample], records: Mapping[tuple[str, str], Record], protocol: Protocol, mode: str
) -> tuple[list[_Outcome], list[tuple[Span, ...]], Floats, Bools]:
    """What was read of each sample, the spans that are scored, the table of `_table`, and which samples count."""
    read = parser(protocol.answer)
    outcomes = [_outcome(records.get((sample.id, mode)), read, sample, protocol) for sample in samples]
    spans = [_scored_spans(outcome, sample, protocol) for outcome, sample in zip(outcomes, samples, strict=True)]
    failed, missing = [not o.prediction.spans and o.error is None for o in outcomes], [o.error is not None for o in outcomes]
    return outcomes, spans, _table(samples, spans, protocol), rules.counted(samples, failed, missing, protocol.score)


def _metric_names(protocol: Protocol) -> list[str]:
    return ["mIoU", *(f"R1@{threshold}" for threshold in protocol.score.thresholds)]


def _outcome(record: Record | None, read: Any, sample: Sample, protocol: Protocol) -> _Outcome:
    if record is None:
        return _Outcome(Prediction(), "not-run")
    if record["error"] is not None:
        return _Outcome(Prediction(), str(record["error"]["type"]))
    parsed = record.get("prediction")
    if parsed is None:
        return _Outcome(read(record["text"]), None)
    if protocol.answer.unit == "percent":
        parsed = replace(parsed, spans=_scaled(parsed.spans, 100 / sample.duration_s))
    return _Outcome(parsed, None)


def _scored_spans(outcome: _Outcome, sample: Sample, protocol: Protocol) -> tuple[Span, ...]:
    rule = protocol.score.failure if outcome.error is None else protocol.score.error
    if not outcome.prediction.spans and rule == "out-of-video":
        return (Span(sample.duration_s + 10, sample.duration_s + 20),)
    return outcome.prediction.spans


def _table(samples: Sequence[Sample], spans: Sequence[rules.Spans], protocol: Protocol) -> Floats:
    """`(n, 1 + thresholds)`: IoU and hits of each sample, 0 where there is no span."""
    targets, durations = [sample.targets for sample in samples], [sample.duration_s for sample in samples]
    values = rules.ious(protocol, spans, targets, durations)
    hits = rules.hits(protocol, values, spans, targets, durations)
    return np.stack([values, *(hits[t].astype(np.float64) for t in protocol.score.thresholds)], axis=1)


def _means(table: Floats, names: Sequence[str]) -> dict[str, Any]:
    means = table.mean(axis=0) * 100 if len(table) else np.full(len(names), np.nan)
    return {"n": len(table), **{name: _number(mean) for name, mean in zip(names, means, strict=True)}}


def _aggregate(table: Floats, samples: Sequence[Sample], kept: Bools, names: Sequence[str]) -> dict[str, Any]:
    table, videos = table[kept], [sample.video for sample, keep in zip(samples, kept, strict=True) if keep]
    bounds = cluster_bootstrap(table, videos) * 100
    interval = {name: [_number(low), _number(high)] for name, (low, high) in zip(names, bounds, strict=True)}
    return {"aggregate": _means(table, names), "interval_95": interval}


def _counts(outcomes: Sequence[_Outcome], kept: Bools) -> dict[str, Any]:
    answered = [o for o in outcomes if o.error is None]
    parsed = sum(1 for o in answered if o.prediction.failure is None)
    return {
        "counts": {
            "answered": len(answered),
            "parsed": parsed,
            "dropped": len(outcomes) - int(kept.sum()),
            "errors": dict(sorted(Counter(o.error for o in outcomes if o.error is not None).items())),
            "parse_failures": dict(sorted(Counter(o.prediction.failure for o in answered if o.prediction.failure).items())),
        },
        "coverage": _number(len(answered) / len(outcomes) if outcomes else np.nan),
        "parse_rate": _number(parsed / len(answered) if answered else np.nan),
    }


def _line(sample: Sample, value: float, outcome: _Outcome, keep: bool, protocol: Protocol) -> dict[str, Any]:
    in_seconds = sample.duration_s / 100 if protocol.answer.unit == "percent" else 1.0
    line = {
        "id": sample.id,
        "iou": float(value),
        "spans": [[float(time) for time in span] for span in _scaled(outcome.prediction.spans, in_seconds)],
        "failure": outcome.error or outcome.prediction.failure,
    }
    return line if keep else {**line, "dropped": True}


def _scaled(spans: Sequence[Span], factor: float) -> tuple[Span, ...]:
    return tuple(Span(*(float(time) * factor for time in span)) for span in spans)


def _number(value: float) -> float | None:
    """JSON has no NaN: a mean over nothing is null."""
    return None if np.isnan(value) else float(value)
