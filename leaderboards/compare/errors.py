"""What is wrong with wrong answers: each gets one type, and each type the points that its repair alone would bring.

In the spirit of TIDE (Bolya et al., arXiv 2008.08115) and DETAD (Alwassel et al., arXiv 1807.10706): the repair of a type is an
oracle that replaces its answers by the true moment. So the points missing of mIoU are divided among the types without rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.scoring import Scored
from leaderboards.compare.clocks import Clock, best_iou, other_units, wrong_clock
from tasks.kinds import moment
from tasks.metrics import Bools, Floats, iou
from tasks.sample import Sample

CURVE = tuple(step / 20 for step in range(1, 20))
"""IoU thresholds of the curve of a run."""
THRESHOLD = 0.5
"""IoU from which an answer is right, and another reading or another moment is taken to be what was meant."""
NEIGHBOURS = 256
"""Other queries of the same video whose moments an answer is compared with."""

TYPES = {
    "right": "IoU reached; what is left is precision",
    "no answer": "no reply, or a reply that says no time",
    "format": "a reply that the protocol cannot read",
    "inverted": "ends before it starts",
    "wrong clock": "right in another unit, or by the scale or offset that fits the whole run",
    "out of video": "starts at the end of the video or later, or ends at its start",
    "wrong event": "right for another query of the same video",
    "too long": "cutting it would help most",
    "too short": "stretching it would help most",
    "shifted": "moving it would help most, or it misses its moment altogether",
}
"""In the order in which they are tried."""

FORMATS = (
    *("no-answer", "unclosed-answer", "bad-number", "odd-numbers", "no-list"),
    *("ambiguous-time", "other-unit", "too-long"),
)
UNREAD = {"reversed-span": "inverted", "empty-span": "too short", **dict.fromkeys(FORMATS, "format")}
"""Types by name of the parse failure; other failures and errors are no answer."""


@dataclass(frozen=True)
class Diagnosis:
    """The errors of one run.

    Attributes:
        types: `(n,)` type of each query, a key of `TYPES`; None where the query does not count.
        count: Number of queries of each type.
        miou: Points by which mIoU would rise if the answers of a type were perfect.
        r1: Points by which R1 at the threshold would rise.
        clock: The unit, scale or offset that fits the whole run better than seconds, in words; None if none does.
        clock_gain: Points by which mIoU would rise if every answer were read by it.
    """

    types: tuple[str | None, ...]
    count: dict[str, int]
    miou: dict[str, float]
    r1: dict[str, float]
    clock: str | None
    clock_gain: float | None


def curve(scored: Scored) -> Floats:
    """`(n, t)` percentages, R1 at the thresholds of `CURVE`; NaN where a sample does not count. For kinds of one span."""
    finer = replace(scored.protocol, score=replace(scored.protocol.score, thresholds=CURVE))
    found = moment.values(scored.samples, [outcome.answer for outcome in scored.outcomes], finer)
    return np.stack([np.where(scored.kept, 100 * found[f"R1@{threshold}"], np.nan) for threshold in CURVE], axis=1)


def diagnose(scored: Scored) -> Diagnosis:
    """Type every answer of a run under a protocol of one span."""
    first = [outcome.answer.spans[0] if outcome.answer.spans else (np.nan, np.nan) for outcome in scored.outcomes]
    finer = replace(scored.protocol, score=replace(scored.protocol.score, thresholds=(THRESHOLD,)))
    found = moment.values(scored.samples, [outcome.answer for outcome in scored.outcomes], finer)
    return typed(
        scored.samples,
        scored.columns[scored.main],
        found[f"R1@{THRESHOLD}"] * scored.kept > 0,
        np.array(first, dtype=np.float64).reshape(-1, 2),
        [outcome.failure for outcome in scored.outcomes],
    )


def typed(samples: Sequence[Sample], ious: Floats, right: Bools, spans: Floats, failures: Sequence[str | None]) -> Diagnosis:
    """Type every answer of a run.

    Args:
        samples: n queries with their moments.
        ious: `(n,)` IoU of each answer in [0, 1], as the protocol counts it; NaN where a query does not count.
        right: `(n,)` whether it reaches the threshold.
        spans: `(n, 2)` first span of each answer in seconds, NaN where there is none.
        failures: `(n,)` why there is none.
    """
    counted = ~np.isnan(ious)
    answered = counted & ~np.isnan(spans).any(axis=1)
    types, clock = _typed(samples, np.where(answered[:, None], spans, 0.0))
    for i in np.flatnonzero(~answered).tolist():
        types[i] = UNREAD.get(str(failures[i]), "no answer")
    types[right] = "right"
    types[~counted] = None
    n = max(1, int(counted.sum()))
    members = {name: np.asarray(types == name) for name in TYPES}
    return Diagnosis(
        types=tuple(types.tolist()),
        count={name: int(found.sum()) for name, found in members.items()},
        miou={name: float((1 - ious[found]).sum()) / n * 100 for name, found in members.items()},
        r1={name: int((found & ~right).sum()) / n * 100 for name, found in members.items()},
        clock=None if clock is None else clock[0].name,
        clock_gain=None if clock is None else clock[1] * len(samples) / n * 100,
    )


def _typed(samples: Sequence[Sample], spans: Floats) -> tuple[NDArray[np.object_], tuple[Clock, float] | None]:
    """Types of n spans by their place alone, and the clock of the run."""
    targets = np.zeros((len(samples), max(len(sample.truth.spans) for sample in samples), 2))
    for row, sample in zip(targets, samples, strict=True):
        row[: len(sample.truth.spans)] = sample.truth.spans
    duration_s = np.array([sample.duration_s for sample in samples], dtype=np.float64)
    clock = wrong_clock(spans, targets, duration_s, [sample.video for sample in samples])
    readings = other_units(spans, duration_s) + ([] if clock is None else [clock[0].read(spans, duration_s)])
    by_clock = np.max([best_iou(reading, targets) for reading in readings], axis=0)
    other = _best_other(samples, spans, targets)
    cut, stretch, move = _changes(spans, targets)
    rules = {
        "inverted": spans[:, 1] < spans[:, 0],
        "wrong clock": by_clock >= THRESHOLD,
        "out of video": (spans[:, 0] >= duration_s) | (spans[:, 1] <= 0),
        "wrong event": (other >= THRESHOLD) & (other > best_iou(spans, targets)),
        "too long": (cut > 0) & (cut >= np.maximum(stretch, move)),
        "too short": (cut > 0) & (stretch >= move) | (spans[:, 1] == spans[:, 0]),
    }
    return np.select(list(rules.values()), list(rules), "shifted").astype(object), clock


def _best_other(samples: Sequence[Sample], spans: Floats, targets: Floats) -> Floats:
    """`(n,)` best IoU of each span with the moments of (at most 256) other queries of its video."""
    groups: dict[tuple[str, object], list[int]] = {}
    for i, sample in enumerate(samples):
        groups.setdefault((sample.video, sample.clip), []).append(i)
    best = np.zeros(len(samples))
    for step in range(1, min(max(map(len, groups.values())), NEIGHBOURS + 1)):
        turned = [(group, group[step:] + group[:step]) for group in groups.values() if len(group) > step]
        own, other = (np.concatenate(side) for side in zip(*turned, strict=True))
        best[own] = np.maximum(best[own], best_iou(spans[own], targets[other]))
    return best


def _changes(spans: Floats, targets: Floats) -> tuple[Floats, ...]:
    """`(n,)` IoU with the target that fits best after cutting, stretching or moving each span as well as can be."""
    pairs = iou(np.repeat(spans, targets.shape[1], axis=0), targets.reshape(-1, 2)).reshape(targets.shape[:2])
    target = targets[np.arange(len(spans)), pairs.argmax(axis=1)]
    overlap = np.maximum(np.minimum(spans[:, 1], target[:, 1]) - np.maximum(spans[:, 0], target[:, 0]), 0.0)
    hull = np.maximum(spans[:, 1], target[:, 1]) - np.minimum(spans[:, 0], target[:, 0])
    length, true_length = spans[:, 1] - spans[:, 0], target[:, 1] - target[:, 0]
    shorter, longer = np.minimum(length, true_length), np.maximum(length, true_length)
    with np.errstate(divide="ignore", invalid="ignore"):
        return tuple(map(np.nan_to_num, (overlap / true_length, true_length / hull, shorter / longer)))
