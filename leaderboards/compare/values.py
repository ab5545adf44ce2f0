"""Per-query values of one run under one protocol: what is compared, and what is diagnosed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from harness import scoring
from harness.scoring import MOMENTS, Record
from tasks import highlights, moments, rules
from tasks.answer import Answer
from tasks.metrics import Floats
from tasks.protocol import Protocol
from tasks.rules import Bools
from tasks.sample import Sample

CURVE = tuple(step / 20 for step in range(1, 20))
"""IoU thresholds of the curve."""


class Values(NamedTuple):
    """What a run answered, query by query.

    Attributes:
        metrics: Names of the m columns: mIoU, R1@t of the protocol, official metrics for tasks with saliency.
        table: `(n, m)` percentages whose mean over the counted queries is the metric; NaN where a query does not count.
        curve: `(n, t)` percentages, R1 at the thresholds of `CURVE`.
        spans: `(n, 2)` first span in seconds, NaN where none was read.
        failures: `(n,)` name of the error or of the parse failure, None where a span was read.
        cut_off: `(n,)` whether the length limit ended the reply.
    """

    metrics: tuple[str, ...]
    table: Floats
    curve: Floats
    spans: Floats
    failures: tuple[str | None, ...]
    cut_off: tuple[bool, ...] = ()


def values(samples: Sequence[Sample], records: Mapping[tuple[str, str], Record], protocol: Protocol, mode: str) -> Values:
    """Score every query of a run alone; the means are those that `harness score` gives.

    Args:
        samples: What is compared, in its order.
        records: Lines of `samples.jsonl` by sample id and mode, as for `harness.scoring.score`.
        protocol: How replies are read and compared.
        mode: Which replies.
    """
    thresholds = protocol.score.thresholds
    finer = replace(protocol, score=replace(protocol.score, thresholds=tuple(dict.fromkeys((*thresholds, *CURVE)))))
    outcomes = scoring.outcomes_of(samples, records, protocol, mode)
    _, table, kept = scoring.scored(samples, outcomes, finer)
    table = np.where(kept[:, None], 100 * table, np.nan)
    columns = {name: table[:, i] for i, name in enumerate(("mIoU", *finer.score.thresholds))}
    read = [outcome.prediction for outcome in outcomes]
    metrics = {"mIoU": columns["mIoU"], **{f"R1@{t}": columns[t] for t in thresholds}, **_official(samples, read, protocol)}
    return Values(
        metrics=tuple(metrics),
        table=np.stack(list(metrics.values()), axis=1),
        curve=np.stack([columns[t] for t in CURVE], axis=1),
        spans=np.array([p.spans[0] if p.spans else (np.nan, np.nan) for p in read], dtype=np.float64),
        failures=tuple(outcome.error or outcome.prediction.failure for outcome in outcomes),
        cut_off=tuple(outcome.cut_off for outcome in outcomes),
    )


def _official(samples: Sequence[Sample], read: Sequence[Answer], protocol: Protocol) -> dict[str, Floats]:
    """Columns of the official QVHighlights metrics, each of which is a mean over queries, for tasks with saliency.

    A metric of one range of lengths counts the queries that have a moment of this range.
    """
    saliency = [sample.truth.clips for sample in samples if sample.truth.clips is not None]
    if not samples or len(saliency) < len(samples):
        return {}
    comparison = "exact" if protocol.score.comparison == "exact" else "float"
    found = moments.moment_retrieval([moments.windows(p) for p in read], [s.truth.spans for s in samples], comparison)
    columns: dict[str, Floats] = {}
    for name, scores in found.items():
        of_range: dict[str, Floats | Bools] = {f"MR-{name}-mAP": scores.ap.mean(axis=1), f"MR-{name}-mIoU": scores.iou}
        for i, threshold in enumerate(moments.THRESHOLDS):
            of_range |= {f"MR-{name}-mAP@{threshold}": scores.ap[:, i], f"MR-{name}-R1@{threshold}": scores.hit[:, i]}
        columns |= {k: np.where(scores.counted, 100.0 * column, np.nan) for k, column in of_range.items() if k in MOMENTS}
    if protocol.score.saliency != "none" or any(p.clips is not None for p in read):
        clips = [rules.saliency(protocol, p, s.duration_s) for p, s in zip(read, samples, strict=True)]
        ranked = highlights.highlight_detection(clips, saliency)
        for i, level in enumerate(highlights.LEVELS):
            columns[f"HL-min-{level}-mAP"] = 100 * ranked.ap[:, i]
            columns[f"HL-min-{level}-Hit1"] = np.where(ranked.hit[:, i], 100.0, 0.0)
    return columns
