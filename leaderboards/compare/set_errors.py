"""What is wrong with wrong answers of several spans, of options and of clips: a type each, and the points that it costs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.scoring import Outcome, Scored
from leaderboards.compare.errors import THRESHOLD, UNREAD
from tasks.kinds import Kind
from tasks.sample import Sample

MISFITS = ("event-count", "no-option", "ambiguous-option", "no-such-option")
TYPES = {
    "right": "the main metric reaches a half; what is left is precision",
    "misfit": "another number of events than was asked, or no option of the question",
    "no answer": "no reply, or a reply that says nothing of what was asked",
    "format": "a reply that the protocol cannot read",
    "wrong option": "an option that is not the right one",
    "too few": "fewer spans than true ones",
    "too many": "more spans than true ones",
    "misplaced": "times that miss the true ones, or clips in another order",
}
"""In the order in which they are tried."""


@dataclass(frozen=True)
class SetDiagnosis:
    """The errors of one run.

    Attributes:
        types: `(n,)` type of each query, a key of `TYPES`; None where the query does not count.
        count: Number of queries of each type.
        points: Points by which the main metric would rise if the answers of a type were perfect.
    """

    types: tuple[str | None, ...]
    count: Mapping[str, int]
    points: Mapping[str, float]


def diagnose_sets(scored: Scored) -> SetDiagnosis:
    """Type every answer of a run, whatever its kind, by the main metric of the kind."""
    values, weights = scored.columns[scored.main], scored.weights[scored.main]
    counted = ~np.isnan(values)
    rows = zip(scored.samples, scored.outcomes, values.tolist(), strict=True)
    types = [_type(*row, scored.kind) if counts else None for row, counts in zip(rows, counted.tolist(), strict=True)]
    named, total = np.array(types, dtype=object), max(float(weights[counted].sum()), 1e-300)
    members = {name: np.asarray(named == name) for name in TYPES}
    count = {name: int(found.sum()) for name, found in members.items()}
    points = {name: 100 * float(((1 - values) * weights)[found].sum()) / total for name, found in members.items()}
    return SetDiagnosis(tuple(types), count, points)


def _type(sample: Sample, outcome: Outcome, value: float, kind: Kind) -> str:
    answer, truth = outcome.answer, sample.truth
    of_clips = "clips" in kind.needs
    # Clips that no reply gave a score to are in an order as well; no span is the right answer where nothing is true.
    if value >= THRESHOLD and not (of_clips and outcome.failure is not None):
        return "right"
    if outcome.failure in MISFITS:
        return "misfit"
    if outcome.failure is not None and answer.option is None:
        return "format" if UNREAD.get(outcome.failure) else "no answer"
    if answer.option is not None and answer.option != truth.option:
        return "wrong option"
    if of_clips or "option" in kind.needs or len(answer.spans) == len(truth.spans):
        return "misplaced"
    return "too few" if len(answer.spans) < len(truth.spans) else "too many"
