"""Which spans of one list belong to which of another: pairs of all rows at once, as arrays."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from tasks.metrics import Bools, Floats, union
from tasks.span import Span

Ints = NDArray[np.intp]
BLOCK = 1 << 22
"""Pairs held in memory at once."""


class Pairs(NamedTuple):
    """Pairs of a predicted and a true span of the same row.

    Attributes:
        left: `(k,)` numbers of the predicted spans, counted over all rows.
        right: `(k,)` numbers of the true ones.
        iou: `(k,)` their IoU.
    """

    left: Ints
    right: Ints
    iou: Floats

    def reaching(self, threshold: float) -> "Pairs":
        """Those of them with at least this IoU."""
        kept = self.iou >= threshold
        return Pairs(self.left[kept], self.right[kept], self.iou[kept])


def overlapping(predicted: Sequence[Sequence[Span]], true: Sequence[Sequence[Span]], least: float, dtype: type) -> Pairs:
    """All pairs within a row whose IoU, overlap over summed lengths minus overlap, is at least `least`.

    Args:
        predicted: Spans in seconds of n rows.
        true: True spans of the same rows.
        least: IoU below which a pair is left out; above 0.
        dtype: Width of the arithmetic; the IoU that comes back is float64.
    """
    p, q = _array(predicted, dtype), _array(true, dtype)
    m, n = (np.array([len(spans) for spans in rows], dtype=np.intp) for rows in (predicted, true))
    first_p, first_q = np.cumsum(m) - m, np.cumsum(n) - n
    found, start = [Pairs(*(np.zeros(0, np.intp),) * 2, np.zeros(0))], 0
    ends = np.cumsum(m * n)
    while start < len(m):
        begun = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, begun + BLOCK, side="right")))
        rows = np.repeat(np.arange(start, stop), (m * n)[start:stop])
        place = np.arange(len(rows)) - (ends - m * n - begun)[rows]
        left, right = first_p[rows] + place // n[rows], first_q[rows] + place % n[rows]
        with np.errstate(over="ignore", invalid="ignore"):
            iou = union(p[left], q[right])
        kept = iou >= np.array(least, dtype)
        found.append(Pairs(left[kept], right[kept], iou[kept].astype(np.float64)))
        start = stop
    return Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def most_pairs(pairs: Pairs, sizes: tuple[int, int]) -> Bools:
    """`(predicted,)` spans that have a partner where as many pairs as possible are made, each span in one at most."""
    graph = csr_array((np.ones(len(pairs.left), dtype=np.int8), (pairs.left, pairs.right)), shape=sizes)
    return np.asarray(maximum_bipartite_matching(graph, perm_type="column") >= 0)


def in_turn(pairs: Pairs, turn: Ints, sizes: tuple[int, int]) -> Bools:
    """`(predicted,)` spans that have a partner where each takes, in turn, the free true span that it fits best.

    Spans with the same turn choose together, the pair of highest IoU first.

    Args:
        pairs: The pairs that may be made.
        turn: `(predicted,)` low numbers choose first.
        sizes: Number of predicted and of true spans.
    """
    order = np.lexsort((pairs.right, pairs.left, -pairs.iou, turn[pairs.left]))
    left, right = pairs.left[order], pairs.right[order]
    taken = np.zeros(sizes[0], dtype=np.bool_)
    while len(left):
        # A pair that comes first for both its spans is made, whatever the others do.
        rank = np.arange(len(left))
        first_left, first_right = np.full(sizes[0], len(left)), np.full(sizes[1], len(left))
        np.minimum.at(first_left, left, rank)
        np.minimum.at(first_right, right, rank)
        made = (first_left[left] == rank) & (first_right[right] == rank)
        gone = np.zeros(sizes[1], dtype=np.bool_)
        taken[left[made]] = gone[right[made]] = True
        free = ~(taken[left] | gone[right])
        left, right = left[free], right[free]
    return taken


def _array(rows: Sequence[Sequence[Span]], dtype: type) -> NDArray[np.floating]:
    table = np.fromiter(chain.from_iterable(chain.from_iterable(rows)), dtype=np.float64).reshape(-1, 2)
    with np.errstate(over="ignore"):
        return table.astype(dtype)
