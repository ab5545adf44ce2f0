"""The localization reward of TempR1: one function for its five tasks, by the kind of the row."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from tasks import metrics
from tasks.errors import InputError, unknown
from tasks.metrics import Floats
from tasks.parsers import reader
from tasks.protocol import Protocol
from trainers.rewards.common import Completion, Targets, alternatives, named, region_iou, texts

KINDS = ("moment", "pairs", "union", "choice", "instances")
FORMS = {"moment": "tempr1", **{kind: f"tempr1-{kind}" for kind in KINDS[1:]}}
"""The protocol by which replies of each kind are read where none is given."""
SURPLUS = ("max", "gt", "strict")
LARGEST_COUNT = 3  # Of true instances, that a wrong number of spans is measured by


def tempr1(
    completions: Sequence[Completion],
    *,
    targets: Sequence[Targets],
    duration_s: Sequence[float],
    kind: Sequence[str],
    sigma: float = 1.0,
    number: bool = True,
    matching: str = "dp",
    surplus: str = "max",
    protocol: Protocol | None = None,
    **_: Any,
) -> list[float | None]:
    """IoU by the kind of the row, in [0, 1]; for `instances` the number of spans and the F1 of matched ones, in [0, 2].

    - `moment`, `pairs`: R = sum IoU(p_i, g_i) / max(m, N), i in the order said and asked (eq. 4, which has m = N).
    - `union`, `choice`: R = IoU of the union of all spans with the union of all targets (eq. 5).
    - `instances`: R = exp(-|m - n| / (min(n, 3) sigma)) + 2 sIoU / (m + n) (eq. 6 to 9). sIoU is the largest sum of IoU over
      pairs that keep the order of time, both lists sorted by start and end (algorithm 1).

    Source: TempR1 (arXiv 2512.03963), section 3.3; no code was found. Ours: what m != N is worth in eq. 4, sigma (not stated),
    and that a reply in which nothing is read earns 0 in eq. 9 too: by eq. 6 alone silence would earn 0.37.

    - As printed: the whole video on two instances earns 0.71 of 2, each of two instances said twice 1.03. Where spans of one
      list overlap one another, algorithm 1 can miss the best pairs.
    - Truncated, reversed or unreadable: 0. Several alternatives of a moment: the best. A span without length, said or true, hits
      nothing and counts as one. `nan` is no number. Huge times: near 0. No targets, or a row of another kind: None.

    Args:
        sigma: Of eq. 6; a smaller one forgives less.
        number: Whether eq. 9 has its first term (Table 3).
        matching: `dp` (algorithm 1), `sequential` (the i-th with the i-th, Table 3), or `best` (any one-to-one pairs).
        surplus: What m spans for N sentences are divided by: `max` of both, `gt` (N), or `strict`: 0 unless m = N.
        protocol: Whose parser to use; that of `FORMS` if None.

    Raises:
        InputError: A setting has none of these values.
    """
    for value, known, name in ((matching, MATCHINGS, "matching"), (surplus, SURPLUS, "surplus")):
        if value not in known:
            raise InputError(f"{name}: {', '.join(known)}", unknown(value, known), f"settings: {{{name}: {next(iter(known))}}}")
    if not sigma > 0:
        raise InputError("sigma above 0", str(sigma), "settings: {sigma: 1.0}")

    def located(name: str, text: str, spans: Targets, seconds: float) -> float | None:
        if name not in KINDS or not len(spans):
            return None
        rule = protocol or named(FORMS[name])
        said = [(float(start), float(end)) for start, end in reader(rule)(text, seconds).spans]
        if not said:
            return 0.0
        if name in ("union", "choice"):
            return region_iou(said, spans)
        if name == "instances":
            return _number(len(said), len(spans), sigma) * number + _f1(said, spans, MATCHINGS[matching])
        return max(_ordered(said, each, surplus) for each in alternatives(name, spans))

    return [located(*row) for row in zip(kind, texts(completions), targets, duration_s, strict=True)]


def maximum(kind: str, number: bool = True, **_: Any) -> float:
    """2 for `instances`, where the number of spans counts beside F1, else 1."""
    return 1.0 + (kind == "instances" and number)


def _ordered(said: Targets, targets: Targets, surplus: str) -> float:
    """Eq. 4."""
    m, n = len(said), len(targets)
    if surplus == "strict" and m != n:
        return 0.0
    left, right = (np.array(spans[: min(m, n)], dtype=np.float64) for spans in (said, targets))
    total = metrics.iou(left, right).sum()
    return float(total / (n if surplus == "gt" else max(m, n)))


def _number(m: int, n: int, sigma: float) -> float:
    """Eq. 6."""
    return math.exp(-abs(m - n) / (min(n, LARGEST_COUNT) * sigma))


def _f1(said: Targets, targets: Targets, matching: Callable[[Floats], float]) -> float:
    """Eq. 7 and 8: the harmonic mean of sIoU / m and sIoU / n, which is 2 sIoU / (m + n)."""
    left, right = (np.array(sorted(map(tuple, spans)), dtype=np.float64) for spans in (said, targets))
    m, n = len(left), len(right)
    table = metrics.iou(np.repeat(left, n, axis=0), np.concatenate([right] * m)).reshape(m, n)
    return 2 * matching(table) / (m + n)


def in_order(table: Floats) -> float:
    """Algorithm 1: the largest sum of `(m, n)` values over pairs of which each is below and to the right of the one before.

    D[i, j] = max(D[i-1, j], D[i, j-1], D[i-1, j-1] + I[i, j]), a row at a time: along a row, D[i, j-1] is a running maximum.
    """
    best = np.zeros(table.shape[1] + 1)
    for row in table:
        best[1:] = np.maximum.accumulate(np.maximum(best[1:], best[:-1] + row))
    return float(best[-1])


def _in_turn(table: Floats) -> float:
    return float(np.trace(table))


def _any(table: Floats) -> float:
    return float(table[linear_sum_assignment(table, maximize=True)].sum())


MATCHINGS: dict[str, Callable[[Floats], float]] = {"dp": in_order, "sequential": _in_turn, "best": _any}
