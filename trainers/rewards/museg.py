"""The segment matching of MUSEG: overlap of all segments together, plus overlap of each with its own."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from tasks.kinds.union import merged
from tasks.parsers.rewards.museg import parse
from trainers.rewards.common import Completion, Targets, texts

KINDS = ("moment", "windows", "pairs", "union", "instances", "retrieval", "seconds")
NOWHERE = (1e9, 1e9 + 1)  # Stands for a segment that has no counterpart
EPSILON = 1e-6
Segments = Sequence[tuple[float, float]]


def museg(completions: Sequence[Completion], *, targets: Sequence[Targets], **_: Any) -> list[float | None]:
    """R = global + local, in [0, 2] for targets that do not overlap one another.

    Global: F1 = 2PR / (P + R) of time covered, P = overlap / length of the reply's segments, merged, and R = overlap / length
    of the targets, with 1e-6 added to each denominator. Local: the mean of (1 + GIoU) / 2 over pairs in the order given, where
    GIoU = I / U - (H - U) / H with intersection I, union U (summed lengths - I) and hull H.

    Source: MUSEG src/train.py, reward_segment_matching (889565e), with `museg_format` beside it.

    - Reproduced: disjoint segments earn up to 0.5 (12.5-17.8 against 30-40: 0.278); the right segments in the wrong order lose
      local matching; a missing or surplus segment is paired with one at 1e9 s and earns about 0.
    - An empty answer tag counts as no segment: about 0. One bad item voids all; truncated, two answer tags: 0. Blanks beside a
      dash, or `to`, void it too.
    - Huge times: up to 0.5 in local matching. `nan` voids.
    - Not reproduced: `inf` (NaN there) voids; a reversed target (negative or more than 2 there) is passed over. None left: 0.
    - No targets: None.
    """
    return [_row(text, spans) for text, spans in zip(texts(completions), targets, strict=True)]


def maximum(_kind: str) -> float:
    """1 for time covered and 1 for pairs, of any kind."""
    return 2.0


def _row(text: str, targets: Targets) -> float | None:
    if not len(targets):
        return None
    prediction = parse(text)
    true = [(float(start), float(end)) for start, end in targets if start <= end]
    if not true or prediction.failure not in (None, "no-span"):
        return 0.0
    segments = [(float(start), float(end)) for start, end in prediction.spans]
    return _global(segments, true) + _local(segments, true)


def _global(segments: Segments, targets: Segments) -> float:
    covered: Segments = merged(segments)
    overlap = sum(max(0.0, min(e, end) - max(s, start)) for start, end in targets for s, e in covered)
    precision, recall = (overlap / (sum(end - start for start, end in spans) + EPSILON) for spans in (covered, targets))
    return 2 * precision * recall / (precision + recall + EPSILON)


def _local(segments: Segments, targets: Segments) -> float:
    """On a line, (1 + GIoU) / 2 is the summed lengths over twice the hull, whether the two overlap or not."""
    pairs = list(zip_longest(segments, targets, fillvalue=NOWHERE))
    return sum((a[1] - a[0] + b[1] - b[0]) / (max(a[1], b[1]) - min(a[0], b[0])) / 2 for a, b in pairs) / len(pairs)
