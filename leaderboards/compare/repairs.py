"""The errors of a run of any kind: a type for each answer, and what the repair of each type alone would bring."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.scoring import Scored
from leaderboards.compare import errors, set_errors
from leaderboards.compare.errors import THRESHOLD, diagnose
from leaderboards.compare.set_errors import diagnose_sets


@dataclass(frozen=True)
class Repairs:
    """The errors of one run.

    Attributes:
        meanings: What each type is, in the order in which they are tried.
        types: `(n,)` type of each query; None where it does not count.
        count: Number of queries by type.
        points: Points by which a metric would rise if the answers of a type were perfect, by metric and type.
        clock: The unit, scale or offset that fits the whole run better than seconds, in words; None if none does.
        clock_gain: Points by which mIoU would rise if every answer were read by it.
    """

    meanings: Mapping[str, str]
    types: tuple[str | None, ...]
    count: Mapping[str, int]
    points: Mapping[str, Mapping[str, float]]
    clock: str | None = None
    clock_gain: float | None = None


def repairs(scored: Scored) -> Repairs:
    """Type every answer of a run: of kinds of one span by what moved it, of others by what is there too much or too little."""
    if scored.kind.single:
        one = diagnose(scored)
        points = {scored.main: one.miou, f"R1@{THRESHOLD}": one.r1}
        return Repairs(errors.TYPES, one.types, one.count, points, one.clock, one.clock_gain)
    found = diagnose_sets(scored)
    return Repairs(set_errors.TYPES, found.types, found.count, {scored.main: found.points})
