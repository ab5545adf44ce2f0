"""The same replies under every protocol: how far the number moves, and which rule moves it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.predictions.collect import LAST, Collected
from harness.predictions.read import Row, as_record
from harness.records import Record
from harness.scoring import OFFICIAL, means, official
from tasks.answer import Answer
from tasks.parsers import parser
from tasks.protocol import AnswerRules, Protocol, ScoreRules
from tasks.sample import Sample

GROUPS: dict[str, tuple[str, ...]] = {
    "round": ("round_prediction", "round_iou"),
    "clamp": ("clamp_targets",),
    "compare": ("comparison", "iou", "float_bits"),
    "denominator": ("failure", "error", "duplicates"),
}
"""Scoring rules by what a column of the table isolates; the parser is the fifth."""

Readings = dict[AnswerRules, dict[tuple[str, str], Record]]


def read_all(rows: Iterable[Row], protocols: Sequence[Protocol], mode: str, duplicates: str = LAST) -> tuple[Readings, list[str]]:
    """Read each reply once with every distinct parser; texts are not kept.

    Args:
        rows: Predictions with the samples they answer.
        protocols: Whose parsers to use.
        mode: The mode that rows without one answer; rows of other modes are passed over.
        duplicates: Which of several rows for one sample counts, as for `Collected`.

    Returns:
        The readings, and what must be told of several rows for one sample.
    """
    readers: dict[AnswerRules, Callable[[str], Answer]] = {p.answer: parser(p.answer) for p in protocols}
    found = {answer: Collected((mode,), duplicates) for answer in readers}
    for row in rows:
        if row.mode in ("", mode):
            for answer, read in readers.items():
                found[answer].add(row, as_record(row, read))
    return {answer: collected.records for answer, collected in found.items()}, next(iter(found.values())).notes


def table(
    samples: Sequence[Sample], readings: Readings, base: Protocol, protocols: Sequence[Protocol], mode: str
) -> list[dict[str, Any]]:
    """One row a protocol: its metrics, and how each group of its rules alone moves the base protocol's R1@0.5 and mIoU.

    Args:
        samples: The split.
        readings: From `read_all`, with the parsers of `base` and of all `protocols`.
        base: The protocol whose rules are replaced one group at a time.
        protocols: The rows.
        mode: The mode to score.
    """
    known: dict[tuple[AnswerRules, ScoreRules], Mapping[str, Any]] = {}

    def scored(protocol: Protocol) -> Mapping[str, Any]:
        key = (protocol.answer, protocol.score)
        if key not in known:
            known[key] = means(samples, readings[protocol.answer], protocol, mode)
        return known[key]

    reference = scored(base)
    result = []
    for protocol in protocols:
        beside = official(samples, readings[protocol.answer], protocol, mode)
        row: dict[str, Any] = {"protocol": protocol.name, **_shown(scored(protocol), beside)}
        alone = {"parse": replace(base, answer=protocol.answer)}
        for name, fields in GROUPS.items():
            changed = {field: getattr(protocol.score, field) for field in fields}
            alone[name] = replace(base, score=replace(base.score, **changed))
        for name, variant in alone.items():
            moved = scored(variant)
            row[name] = " ".join(_signed(moved, reference, metric) for metric in ("R1@0.5", "mIoU"))
        result.append(row)
    return result


def _shown(scores: Mapping[str, Any], beside: Mapping[str, Any]) -> dict[str, str]:
    values = {name: scores.get(name) for name in ("mIoU", "R1@0.3", "R1@0.5", "R1@0.7")}
    if beside:
        values |= {column: beside.get(name) for column, name in OFFICIAL.items()}
    shown = {name: "-" if value is None else f"{value:.2f}" for name, value in values.items()}
    return {"n": str(scores["n"]), "read": str(scores["parsed"]), **shown}


def _signed(moved: Mapping[str, Any], reference: Mapping[str, Any], metric: str) -> str:
    old, new = reference.get(metric), moved.get(metric)
    if old is None or new is None:
        return "-"
    return "0" if abs(new - old) < 0.005 else f"{new - old:+.2f}"
