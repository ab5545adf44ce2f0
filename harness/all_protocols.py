"""The same replies under every protocol: how far the number moves, and which rule moves it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from harness.predictions.collect import LAST, Collected
from harness.predictions.read import Row, as_record
from harness.records import Record
from harness.scoring import Scored, judge
from tasks.answer import Answer
from tasks.parsers import parser
from tasks.protocol import Protocol
from tasks.rules import AnswerRules, ScoreRules
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
    """Read each reply once with every distinct parser; texts are not kept, and rows of other modes are passed over.

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
    """One row a protocol: its metrics, and how each group of its rules alone moves the base protocol's numbers.

    Args:
        readings: From `read_all`, with the parsers of `base` and of all `protocols`.
        base: The protocol whose rules are replaced one group at a time.
        protocols: The rows; rules of another kind than that of `base` are not put into it.

    Returns:
        Rows of `protocol`, `n`, `read`, the metrics that tables show ("-" where a protocol has no such), and one column a group
        of rules: by how much R1@0.5 and mIoU move, or the main metric of a base of another kind.
    """
    known: dict[tuple[str, AnswerRules, ScoreRules], Scored] = {}

    def scored(protocol: Protocol) -> Scored:
        key = (protocol.kind, protocol.answer, protocol.score)
        if key not in known:
            known[key] = judge(samples, readings[protocol.answer], protocol, mode)
        return known[key]

    found = [scored(protocol) for protocol in protocols]
    headings = {title: "-" for one in (scored(base), *found) for title in one.headings.values()}
    reference = scored(base).means()
    compared: list[str] = [name for name in ("R1@0.5", "mIoU") if name in reference] or [scored(base).main]
    result = []
    for protocol, one in zip(protocols, found, strict=True):
        means, parsed = one.means(), sum(1 for outcome in one.outcomes if outcome.failure is None)
        numbers = {title: means[name] for name, title in one.headings.items()}
        row: dict[str, Any] = {"protocol": protocol.name, "n": str(means["n"]), "read": str(parsed), **headings}
        row |= {title: "-" if value is None else f"{value:.2f}" for title, value in numbers.items()}
        alone = {"parse": replace(base, answer=protocol.answer)}
        for name, fields in GROUPS.items():
            alone[name] = replace(base, score=replace(base.score, **{key: getattr(protocol.score, key) for key in fields}))
        for name, variant in alone.items():
            moved = scored(variant).means() if protocol.kind == base.kind else {}
            row[name] = " ".join(_signed(moved.get(metric), reference[metric]) for metric in compared)
        result.append(row)
    return result


def _signed(new: float | None, old: float | None) -> str:
    if old is None or new is None:
        return "-"
    return "0" if abs(new - old) < 0.005 else f"{new - old:+.2f}"
