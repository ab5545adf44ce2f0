"""Parts of a split, by what is easy or hard about a query: of the video, of its moment, of its sentence."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.metrics import Floats
from tasks.sample import Sample

QUARTERS = (0.25, 0.5, 0.75)
THIRDS = (1 / 3, 2 / 3)
WINDOWS = (1, 2, 3)


class Stratum(NamedTuple):
    """Some of the queries: what they have in common, in which range of it they lie, and `(n,)` which they are."""

    feature: str
    label: str
    members: NDArray[np.bool_]


def strata(samples: Sequence[Sample]) -> list[Stratum]:
    """Queries by duration, moment length, moment position, query length and number of windows.

    Durations and lengths are cut at the quartiles of these queries, positions at the thirds of the video. Where a query has
    several moments, the longest gives length and position. A feature that does not vary is left out, and so are moments where a
    sample has none. Labels that the samples carry, such as a type of question, come last.
    """
    duration = np.array([sample.duration_s for sample in samples], dtype=np.float64)
    words = np.array([len(sample.query.split()) for sample in samples], dtype=np.float64)
    about_video, about_query = _cut("video duration, s", duration), _cut("query length, words", words)
    labels = _labels(samples)
    if not all(sample.truth.spans for sample in samples):
        return [*about_video, *about_query, *labels]
    longest = [max(sample.truth.spans, key=lambda t: float(t.end_s) - float(t.start_s)) for sample in samples]
    bounds = np.array(longest, dtype=np.float64)
    windows = np.array([len(sample.truth.spans) for sample in samples], dtype=np.float64)
    return [
        *about_video,
        *_cut("moment length, s", bounds[:, 1] - bounds[:, 0]),
        *_cut("moment position, share of the video", bounds.mean(axis=1) / duration, THIRDS),
        *about_query,
        *_cut("number of windows", windows, WINDOWS),
        *labels,
    ]


def _labels(samples: Sequence[Sample]) -> list[Stratum]:
    """The values of each label, in the order in which they first stand; a sample without the label is in none."""
    given = [dict(sample.labels) for sample in samples]
    values = dict.fromkeys(pair for labels in given for pair in labels.items())
    return [Stratum(name, value, np.array([labels.get(name) == value for labels in given])) for name, value in values]


def _cut(feature: str, values: Floats, edges: Sequence[float] | None = None) -> list[Stratum]:
    """Ranges (low, high] between edges (quartiles), named by the least and greatest value inside; none if it is one."""
    edges = np.quantile(values, QUARTERS).tolist() if edges is None else edges
    parts = np.searchsorted(np.unique(edges), values, side="left")
    found = [parts == part for part in np.unique(parts)]
    if len(found) < 2:
        return []
    return [Stratum(feature, _range(values[members]), members) for members in found]


def _range(values: Floats) -> str:
    low, high = (f"{bound:.3g}" for bound in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"
