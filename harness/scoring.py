"""From recorded replies to `scores.json`: a pure function of samples, records and protocol."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tasks.metrics import Floats, top1
from tasks.parsers import parser
from tasks.prediction import Prediction
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.statistics import cluster_bootstrap

SCHEMA = "vtg-harness/scores/1"
ORACLE_MODE = "mixed-cot"
Record = Mapping[str, Any]


class _Outcome(NamedTuple):
    prediction: Prediction
    error: str | None


def score(
    samples: Sequence[Sample], records: Mapping[tuple[str, str], Record], protocol: Protocol, modes: Sequence[str]
) -> dict[str, Any]:
    """Score every sample of a split; what is missing or failed scores 0 and is counted by name.

    Args:
        samples: The split, in its order.
        records: Lines of `samples.jsonl` by sample id and mode; samples without one count as `not-run`. A record with a
            `prediction` has been read already.
        protocol: How replies are read and compared.
        modes: Modes that were asked for. With both `direct` and `cot`, the paper's mixed row (per query the better of the
            two, which needs the ground truth and so is an oracle; TempSamp-R1, section 4.2) is added.
    """
    read = parser(protocol.answer)
    videos = [sample.video for sample in samples]
    names = _metric_names(protocol)
    result: dict[str, Any] = {"schema": SCHEMA, "protocol": protocol.name, "protocol_sha256": protocol.sha256, "modes": {}}
    tables = {}
    for mode in modes:
        outcomes = [_outcome(records.get((sample.id, mode)), read) for sample in samples]
        tables[mode] = _table(samples, outcomes, protocol)
        result["modes"][mode] = {
            **_aggregate(tables[mode], videos, names),
            **_counts(outcomes),
            "on_answered": _means(tables[mode][[o.error is None for o in outcomes]], names),
            "samples": [
                _line(sample.id, row[0], outcome) for sample, row, outcome in zip(samples, tables[mode], outcomes, strict=True)
            ],
        }
    if {"direct", "cot"} <= tables.keys():
        best = np.maximum(tables["direct"], tables["cot"])
        result["modes"][ORACLE_MODE] = {
            **_aggregate(best, videos, names),
            "oracle": "per query the better of direct and cot, chosen with the ground truth",
            "samples": [{"id": s.id, "iou": float(row[0])} for s, row in zip(samples, best, strict=True)],
        }
    return result


def _metric_names(protocol: Protocol) -> list[str]:
    return ["mIoU", *(f"R1@{threshold}" for threshold in protocol.score.thresholds)]


def _outcome(record: Record | None, read: Any) -> _Outcome:
    if record is None:
        return _Outcome(Prediction(), "not-run")
    if record["error"] is not None:
        return _Outcome(Prediction(), str(record["error"]["type"]))
    parsed = record.get("prediction")
    return _Outcome(parsed if parsed is not None else read(record["text"]), None)


def _table(samples: Sequence[Sample], outcomes: Sequence[_Outcome], protocol: Protocol) -> Floats:
    """`(n, 1 + thresholds)`: IoU and hits of each sample, 0 where there is no span."""
    first = [o.prediction.spans[0] if o.prediction.spans else None for o in outcomes]
    values, hits = top1(first, [sample.targets for sample in samples], protocol.score.thresholds)
    return np.stack([values, *(hits[t].astype(np.float64) for t in protocol.score.thresholds)], axis=1)


def _means(table: Floats, names: Sequence[str]) -> dict[str, Any]:
    means = table.mean(axis=0) * 100 if len(table) else np.full(len(names), np.nan)
    return {"n": len(table), **{name: _number(mean) for name, mean in zip(names, means, strict=True)}}


def _aggregate(table: Floats, videos: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    bounds = cluster_bootstrap(table, videos) * 100
    interval = {name: [_number(low), _number(high)] for name, (low, high) in zip(names, bounds, strict=True)}
    return {"aggregate": _means(table, names), "interval_95": interval}


def _counts(outcomes: Sequence[_Outcome]) -> dict[str, Any]:
    answered = [o for o in outcomes if o.error is None]
    parsed = sum(1 for o in answered if o.prediction.failure is None)
    return {
        "counts": {
            "answered": len(answered),
            "parsed": parsed,
            "errors": dict(sorted(Counter(o.error for o in outcomes if o.error is not None).items())),
            "parse_failures": dict(sorted(Counter(o.prediction.failure for o in answered if o.prediction.failure).items())),
        },
        "coverage": _number(len(answered) / len(outcomes) if outcomes else np.nan),
        "parse_rate": _number(parsed / len(answered) if answered else np.nan),
    }


def _line(identifier: str, value: float, outcome: _Outcome) -> dict[str, Any]:
    return {
        "id": identifier,
        "iou": float(value),
        "spans": [[float(time) for time in span] for span in outcome.prediction.spans],
        "failure": outcome.error or outcome.prediction.failure,
    }


def _number(value: float) -> float | None:
    """JSON has no NaN: a mean over nothing is null."""
    return None if np.isnan(value) else float(value)
