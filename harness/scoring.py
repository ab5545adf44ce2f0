"""From recorded replies to `scores.json`: a pure function of samples, records and protocol."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from harness.records import is_cut_off
from tasks import highlights, moments, rules
from tasks.answer import Answer
from tasks.metrics import Floats
from tasks.parsers import parser
from tasks.protocol import Protocol
from tasks.rules import Bools
from tasks.sample import Sample
from tasks.span import Span
from tasks.statistics import interval

SCHEMA = "vtg-harness/scores/1"
ORACLE_MODE = "mixed-cot"
MOMENTS = (
    *("MR-full-mAP", "MR-full-mAP@0.5", "MR-full-mAP@0.75", "MR-short-mAP", "MR-middle-mAP", "MR-long-mAP"),
    *("MR-full-R1@0.5", "MR-full-R1@0.7", "MR-full-mIoU"),
)
"""What QVHighlights papers report of moment retrieval."""
OFFICIAL = {"MR-mAP": "MR-full-mAP", "HL-mAP": "HL-min-VeryGood-mAP", "HIT@1": "HL-min-VeryGood-Hit1"}
"""Columns that tables have for tasks with saliency, with the official names of what stands in them."""

NEIGHBOURS = 32
"""Other queries of the same video that an answer is compared with, so that one long video cannot take quadratic time."""
NEAR = 1e-3
"""IoU this near a threshold is compared with it in decimal arithmetic."""

Record = Mapping[str, Any]


class Outcome(NamedTuple):
    """What was read of a sample.

    Attributes:
        prediction: In seconds.
        spans: Its spans in the unit of the protocol.
        error: Why there is no reply.
        earlier: What was read of earlier rows for the sample, where the mean over its rows counts.
        cut_off: Whether the length limit ended the reply.
    """

    prediction: Answer
    spans: tuple[Span, ...]
    error: str | None
    earlier: "tuple[Outcome, ...]" = ()
    cut_off: bool = False


def score(
    samples: Sequence[Sample], records: Mapping[tuple[str, str], Record], protocol: Protocol, modes: Sequence[str]
) -> dict[str, Any]:
    """Score every sample of a split; what is missing or failed is counted by name, and scores 0 unless the protocol says else.

    Args:
        samples: The split, in its order.
        records: Lines of `samples.jsonl` by sample id and mode; samples without one count as `not-run`. A record with a
            `prediction` needs no text: its spans are seconds. One with `read` has been through the protocol's parser. With
            `earlier` records for the sample, the mean of the values of all counts; the rest is said of the record itself.
        protocol: How replies are read and compared.
        modes: Modes that were asked for. With both `direct` and `cot`, the paper's mixed row (per query the better of the
            two, which needs the ground truth and so is an oracle; TempSamp-R1, section 4.2) is added.
    """
    names = _metric_names(protocol)
    result: dict[str, Any] = {"schema": SCHEMA, "protocol": protocol.name, "protocol_sha256": protocol.sha256, "modes": {}}
    tables, kept = {}, {}
    for mode in modes:
        outcomes = outcomes_of(samples, records, protocol, mode)
        spans, tables[mode], kept[mode] = scored(samples, outcomes, protocol)
        measured = qvhighlights(samples, (outcome.prediction for outcome in outcomes), protocol)
        # The mean over several replies belongs to no one span that could be held against other queries.
        averaged = any(outcome.earlier for outcome in outcomes)
        result["modes"][mode] = {
            **_aggregate(tables[mode], samples, kept[mode], names),
            **_counts(outcomes, kept[mode]),
            "query_gap": None if averaged else _number(query_gap(samples, spans, tables[mode][:, 0], kept[mode], protocol)),
            "on_answered": _means(tables[mode][[outcome.error is None for outcome in outcomes]], names),
            **({"qvhighlights": measured} if measured else {}),
            "samples": [
                _line(sample, value, outcome, keep)
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
    """`n` and the metrics of one mode in percent, as `score` gives them, without intervals or per-sample values.

    `parsed` counts the replies with a span.
    """
    outcomes = outcomes_of(samples, records, protocol, mode)
    _, table, kept = scored(samples, outcomes, protocol)
    return {**_means(table[kept], _metric_names(protocol)), "parsed": sum(1 for outcome in outcomes if outcome.spans)}


def means_of(samples: Sequence[Sample], spans: Sequence[Span], protocol: Protocol) -> dict[str, Any]:
    """`n` and the metrics of one span in seconds a sample, which no reply had to say."""
    answers: list[tuple[Span, ...]] = [(span,) for span in spans]
    if protocol.answer.unit == "percent":
        answers = [_scaled(answer, 100 / sample.duration_s) for answer, sample in zip(answers, samples, strict=True)]
    nobody = [False] * len(samples)
    table = _table(samples, answers, protocol)[rules.counted(samples, nobody, nobody, protocol.score)]
    return _means(table, _metric_names(protocol))


def official(
    samples: Sequence[Sample], records: Mapping[tuple[str, str], Record], protocol: Protocol, mode: str
) -> dict[str, float | None]:
    """The official QVHighlights metrics of one mode, as `score` gives them; empty for tasks without saliency."""
    return qvhighlights(samples, (o.prediction for o in outcomes_of(samples, records, protocol, mode)), protocol)


def qvhighlights(samples: Sequence[Sample], predictions: Iterable[Answer], protocol: Protocol) -> dict[str, float | None]:
    """The official metrics in percent; highlights where there are clip scores or a rule for them. Empty without saliency.

    Where every prediction is one of clip scores alone, there are no metrics of moments.

    Args:
        samples: The split.
        predictions: One a sample, with spans in seconds.
        protocol: Only its comparison and saliency rules apply.
    """
    saliency = [sample.truth.clips for sample in samples if sample.truth.clips is not None]
    if not samples or len(saliency) < len(samples):
        return {}
    given = list(predictions)
    comparison = "exact" if protocol.score.comparison == "exact" else "float"
    values: dict[str, float] = {}
    if all(p.clips is None for p in given) or any(p.spans or p.failure is not None for p in given):
        found = moments.moment_retrieval([moments.windows(p) for p in given], [s.truth.spans for s in samples], comparison)
        values = {name: value for name, value in moments.means(found).items() if name in MOMENTS}
    if protocol.score.saliency != "none" or any(p.clips is not None for p in given):
        clips = [rules.saliency(protocol, p, s.duration_s) for p, s in zip(given, samples, strict=True)]
        values |= highlights.means(highlights.highlight_detection(clips, saliency))
    return {name: _number(value) for name, value in values.items()}


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
    targets, durations = [samples[j].truth.spans for j in others], [samples[i].duration_s for i in answers]
    values = rules.ious(protocol, [spans[i] for i in answers], targets, durations)
    sums, counts = (np.bincount(answers, weights=w, minlength=len(samples)) for w in (values, np.ones(len(values))))
    compared = counts > 0
    return float(np.mean(own[compared] - sums[compared] / counts[compared]) * 100)


def outcomes_of(
    samples: Sequence[Sample], records: Mapping[tuple[str, str], Record], protocol: Protocol, mode: str
) -> list[Outcome]:
    """What is scored of each sample under a protocol, in order."""
    read = parser(protocol.answer)
    given = [records.get((sample.id, mode)) for sample in samples]
    outcomes = [_outcome(record, read, sample, protocol) for record, sample in zip(given, samples, strict=True)]
    for i, record in enumerate(given):
        if record is not None and "earlier" in record:
            earlier = tuple(_outcome(one, read, samples[i], protocol) for one in record["earlier"])
            outcomes[i] = outcomes[i]._replace(earlier=earlier)
    return outcomes


def scored(
    samples: Sequence[Sample], outcomes: Sequence[Outcome], protocol: Protocol
) -> tuple[list[tuple[Span, ...]], Floats, Bools]:
    """The spans that are scored of each sample, the table of `_table`, and which samples count."""
    spans = [_scored_spans(outcome, sample, protocol) for outcome, sample in zip(outcomes, samples, strict=True)]
    failed, missing = [not o.prediction.spans and o.error is None for o in outcomes], [o.error is not None for o in outcomes]
    table, kept = _table(samples, spans, protocol), rules.counted(samples, failed, missing, protocol.score)
    if several := [i for i, outcome in enumerate(outcomes) if outcome.earlier]:
        asked = rules.counted(samples, [False] * len(samples), [False] * len(samples), protocol.score)
        for i in several:
            table[i], counts = _mean(samples[i], (*outcomes[i].earlier, outcomes[i]._replace(earlier=())), protocol)
            kept[i] = counts and asked[i]
    return spans, table, kept


def _mean(sample: Sample, outcomes: Sequence[Outcome], protocol: Protocol) -> tuple[Floats, bool]:
    """The row of the table for several replies to one sample, a mean over those that count, and whether any does."""
    rows = [scored([sample], [outcome], protocol) for outcome in outcomes]
    counted = [table[0] for _, table, kept in rows if kept[0]]
    return np.mean(counted or [rows[-1][1][0]], axis=0), bool(counted)


def _metric_names(protocol: Protocol) -> list[str]:
    return ["mIoU", *(f"R1@{threshold}" for threshold in protocol.score.thresholds)]


def _outcome(record: Record | None, read: Any, sample: Sample, protocol: Protocol) -> Outcome:
    if record is None:
        return Outcome(Answer(), (), "not-run")
    if record["error"] is not None:
        return Outcome(Answer(), (), str(record["error"]["type"]))
    percent, duration_s, cut_off = protocol.answer.unit == "percent", sample.duration_s, is_cut_off(record)
    given: Answer | None = record.get("prediction")
    if given is not None:
        return Outcome(given, _scaled(given.spans, 100 / duration_s) if percent else given.spans, None, cut_off=cut_off)
    said: Answer = record["read"] if "read" in record else read(record["text"])
    in_seconds = replace(said, spans=_scaled(said.spans, duration_s / 100)) if percent else said
    return Outcome(in_seconds, said.spans, None, cut_off=cut_off)


def _scored_spans(outcome: Outcome, sample: Sample, protocol: Protocol) -> tuple[Span, ...]:
    rule = protocol.score.failure if outcome.error is None else protocol.score.error
    if not outcome.spans and rule == "out-of-video":
        return (Span(sample.duration_s + 10, sample.duration_s + 20),)
    return outcome.spans


def _table(samples: Sequence[Sample], spans: Sequence[rules.Spans], protocol: Protocol) -> Floats:
    """`(n, 1 + thresholds)`: IoU and hits of each sample, 0 where there is no span."""
    targets, durations = [sample.truth.spans for sample in samples], [sample.duration_s for sample in samples]
    values = rules.ious(protocol, spans, targets, durations)
    hits = _hits(protocol, values, spans, targets, durations)
    return np.stack([values, *(hits[t].astype(np.float64) for t in protocol.score.thresholds)], axis=1)


def _hits(
    protocol: Protocol, values: Floats, spans: Sequence[rules.Spans], targets: Sequence[rules.Spans], durations: Sequence[float]
) -> dict[float, Bools]:
    """`rules.hits`; thresholds that are compared in decimals are looked at only where the IoU is near one of them.

    Farther than any rounding error of floats: targets of a millisecond or more would have to lie years into a video.
    """
    score = protocol.score
    if (score.comparison, score.iou, score.round_iou, score.float_bits) != ("exact", "span", None, 64):
        return rules.hits(protocol, values, spans, targets, durations)
    distance = np.abs(values[:, None] - np.array(score.thresholds))
    near = np.flatnonzero((distance < NEAR).any(axis=1)).tolist()
    asked = [spans[i] for i in near], [targets[i] for i in near], [durations[i] for i in near]
    hits = {threshold: values >= threshold for threshold in score.thresholds}
    for threshold, reached in rules.hits(protocol, values[near], *asked).items():
        hits[threshold][near] = reached
    return hits


def _means(table: Floats, names: Sequence[str]) -> dict[str, Any]:
    means = table.mean(axis=0) * 100 if len(table) else np.full(len(names), np.nan)
    return {"n": len(table), **{name: _number(mean) for name, mean in zip(names, means, strict=True)}}


def _aggregate(table: Floats, samples: Sequence[Sample], kept: Bools, names: Sequence[str]) -> dict[str, Any]:
    table, videos = table[kept], [sample.video for sample, keep in zip(samples, kept, strict=True) if keep]
    bounds = np.clip(interval(table * 100, videos), 0, 100)
    return {
        "aggregate": _means(table, names),
        "interval_95": {name: [_number(low), _number(high)] for name, (low, high) in zip(names, bounds, strict=True)},
    }


def _counts(outcomes: Sequence[Outcome], kept: Bools) -> dict[str, Any]:
    answered = [o for o in outcomes if o.error is None]
    parsed = sum(1 for o in answered if o.prediction.failure is None)
    return {
        "counts": {
            "answered": len(answered),
            "parsed": parsed,
            "dropped": len(outcomes) - int(kept.sum()),
            "truncated": sum(outcome.cut_off for outcome in outcomes),
            "errors": dict(sorted(Counter(o.error for o in outcomes if o.error is not None).items())),
            "parse_failures": dict(sorted(Counter(o.prediction.failure for o in answered if o.prediction.failure).items())),
        },
        "coverage": _number(len(answered) / len(outcomes) if outcomes else np.nan),
        "parse_rate": _number(parsed / len(answered) if answered else np.nan),
    }


def _line(sample: Sample, value: float, outcome: Outcome, keep: bool) -> dict[str, Any]:
    line = {
        "id": sample.id,
        "iou": float(value),
        "spans": [[float(time) for time in span] for span in outcome.prediction.spans],
        "failure": outcome.error or outcome.prediction.failure,
    }
    return line if keep else {**line, "dropped": True}


def _scaled(spans: Sequence[Span], factor: float) -> tuple[Span, ...]:
    return tuple(Span(*(float(time) * factor for time in span)) for span in spans)


def _number(value: float) -> float | None:
    """JSON has no NaN: a mean over nothing is null."""
    return None if np.isnan(value) else float(value)
