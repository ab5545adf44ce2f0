"""Oddities of published annotations: kept as they are, never corrected, but counted and listed."""

from collections.abc import Callable, Sequence

from tasks.sample import Sample

RULES: dict[str, Callable[[Sample], bool]] = {
    "moment ends before it starts": lambda s: any(t.end_s < t.start_s for t in s.truth.spans),
    "moment of zero length": lambda s: any(t.end_s == t.start_s for t in s.truth.spans),
    "moment ends after the duration": lambda s: any(t.end_s > s.duration_s for t in s.truth.spans),
    "moment starts after the duration": lambda s: any(t.start_s >= s.duration_s for t in s.truth.spans),
    "moment starts before 0": lambda s: any(t.start_s < 0 for t in s.truth.spans),
    "blanks around the query": lambda s: s.query != s.query.strip(),
    "double blanks or line breaks in the query": lambda s: " ".join(s.query.split()) != s.query.strip(),
    "`#` in the query": lambda s: "#" in s.query,
    "empty query": lambda s: not s.query.strip(),
}


def anomalies(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """Samples by anomaly, only those anomalies that occur."""
    found = {name: [sample for sample in samples if rule(sample)] for name, rule in RULES.items()}
    return {name: hits for name, hits in found.items() if hits}
