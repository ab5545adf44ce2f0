"""The content of `scores.json`, of replies that are read and judged."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from harness.scoring import Outcome, Records, Scored, judge, number
from tasks.metrics import Bools
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.span import Span
from tasks.statistics import interval

SCHEMA = "vtg-harness/scores/2"
ORACLE_MODE = "mixed-cot"


def score(samples: Sequence[Sample], records: Records, protocol: Protocol, modes: Sequence[str]) -> dict[str, Any]:
    """The content of `scores.json` without the identity of the split; arguments as for `judge`.

    What is missing or failed is counted by name, and scores 0 unless the protocol says else. With both modes `direct` and `cot`
    the paper's mixed row is added: per query the better of the two, which needs the ground truth and so is an oracle.

    Source: TempSamp-R1 (arXiv 2509.18056), section 4.2.
    """
    return scores_of({mode: judge(samples, records, protocol, mode) for mode in modes})


def scores_of(found: Mapping[str, Scored]) -> dict[str, Any]:
    """The content of `scores.json` from what was judged in each mode."""
    first = next(iter(found.values()))
    modes = {mode: _entry(scored) for mode, scored in found.items()}
    if {"direct", "cot"} <= found.keys():
        direct, cot = found["direct"], found["cot"]
        best = {name: np.fmax(column, cot.columns[name]) for name, column in direct.columns.items() if name in cot.columns}
        chosen = Scored(direct.samples, direct.protocol, direct.outcomes, best, direct.kept | cot.kept)
        modes[ORACLE_MODE] = {
            **_aggregate(chosen),
            "oracle": "per query the better of direct and cot, chosen with the ground truth",
            "samples": [
                {"id": s.id, "value": number(value)}
                for s, value in zip(chosen.samples, chosen.columns[chosen.main].tolist(), strict=True)
            ],
        }
    return {
        "schema": SCHEMA,
        "protocol": first.protocol.name,
        "protocol_sha256": first.protocol.sha256,
        "kind": first.protocol.kind,
        "main": first.main,
        "headings": first.headings,
        "modes": modes,
    }


def _entry(scored: Scored) -> dict[str, Any]:
    answered = np.array([outcome.error is None for outcome in scored.outcomes], dtype=np.bool_)
    values = scored.columns[scored.main].tolist()
    lines = zip(scored.samples, values, scored.outcomes, scored.kept.tolist(), strict=True)
    return {
        **_aggregate(scored),
        **_counted(scored.outcomes, scored.kept),
        "query_gap": number(scored.query_gap),
        "on_answered": scored.means(answered),
        "samples": [_line(*line) for line in lines],
    }


def _aggregate(scored: Scored) -> dict[str, Any]:
    table = np.stack(list(scored.columns.values()), axis=1)[scored.kept]
    weights = np.stack(list(scored.weights.values()), axis=1)[scored.kept] if scored.kind.weights else None
    videos = [sample.video for sample, keep in zip(scored.samples, scored.kept.tolist(), strict=True) if keep]
    bounds = np.clip(100 * interval(table, videos, weights=weights), 0, 100).tolist()
    intervals = {name: [number(low), number(high)] for name, (low, high) in zip(scored.columns, bounds, strict=True)}
    return {"aggregate": scored.means(), "interval_95": intervals}


def _counted(outcomes: Sequence[Outcome], kept: Bools) -> dict[str, Any]:
    answered = [o for o in outcomes if o.error is None]
    parsed = sum(1 for o in answered if o.failure is None)
    return {
        "counts": {
            "answered": len(answered),
            "parsed": parsed,
            "dropped": len(outcomes) - int(kept.sum()),
            "truncated": sum(outcome.cut_off for outcome in outcomes),
            "errors": dict(sorted(Counter(o.error for o in outcomes if o.error is not None).items())),
            "parse_failures": dict(sorted(Counter(o.failure for o in answered if o.failure is not None).items())),
        },
        "coverage": number(len(answered) / len(outcomes) if outcomes else np.nan),
        "parse_rate": number(parsed / len(answered) if answered else np.nan),
    }


def _line(sample: Sample, value: float, outcome: Outcome, keep: bool) -> dict[str, Any]:
    answer = outcome.answer
    line: dict[str, Any] = {"id": sample.id, "value": number(value), "spans": seconds(answer.spans), "failure": outcome.failure}
    line |= {"option": answer.option} if answer.option is not None else {}
    line |= {"marks": [list(map(float, mark)) for mark in answer.marks]} if answer.marks else {}
    return line if keep else {**line, "dropped": True}


def seconds(spans: Iterable[Span]) -> list[list[float]]:
    """Spans as JSON values."""
    return [list(map(float, span)) for span in spans]
