"""Oddities of published annotations: kept as they are, never corrected, but counted and listed."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from string import ascii_uppercase

from tasks.highlights import CLIP_S
from tasks.sample import Sample

RULES: dict[str, Callable[[Sample], bool]] = {
    "moment ends before it starts": lambda s: any(t.end_s < t.start_s for t in s.truth.spans),
    "moment of zero length": lambda s: any(t.end_s == t.start_s for t in s.truth.spans),
    "moment ends after the duration": lambda s: any(t.end_s > s.duration_s for t in s.truth.spans),
    "moment starts after the duration": lambda s: any(t.start_s >= s.duration_s for t in s.truth.spans),
    "moment starts before 0": lambda s: any(t.start_s < 0 for t in s.truth.spans),
    "moments of one query overlap": lambda s: len(s.queries) == 1 and _overlap(s),
    "no moment": lambda s: not s.truth.spans and s.truth.clips is None,
    "queries that are not in order of their starts": lambda s: len(s.queries) > 1 and not _in_order(s),
    "two equal queries of one video": lambda s: len(set(s.queries)) < len(s.queries),
    "two equal options": lambda s: len(set(s.options)) < len(s.options),
    "options without an answer": lambda s: bool(s.options) and s.truth.option is None,
    "answer outside the options": lambda s: s.truth.option not in (None, *ascii_uppercase[: len(s.options)]),
    "clips end before the video": lambda s: s.truth.clips is not None and _clips_end(s) <= s.duration_s - _clip_s(s),
    "clips end after the video": lambda s: s.truth.clips is not None and _clips_end(s) > s.duration_s,
    "blanks around the query": lambda s: any(query != query.strip() for query in s.queries),
    "double blanks or line breaks in the query": lambda s: any(" ".join(q.split()) != q.strip() for q in s.queries),
    "`#` in the query": lambda s: any("#" in query for query in s.queries),
    "empty query": lambda s: any(not query.strip() for query in s.queries),
}
REPEATED = "id of the annotations that stands twice"


def anomalies(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """Samples by anomaly, only those anomalies that occur."""
    found = {name: [sample for sample in samples if rule(sample)] for name, rule in RULES.items()}
    counts = Counter(sample.native_id for sample in samples)
    found[REPEATED] = [s for s in samples if s.native_id is not None and counts[s.native_id] > 1]
    return {name: hits for name, hits in found.items() if hits}


def _overlap(sample: Sample) -> bool:
    spans = sorted((float(start), float(end)) for start, end in sample.truth.spans if start < end)
    return any(later[0] < earlier[1] for earlier, later in pairwise(spans))


def _in_order(sample: Sample) -> bool:
    return all(earlier.start_s <= later.start_s for earlier, later in pairwise(sample.truth.spans))


def _clips_end(sample: Sample) -> float:
    return max((float(end) for _, end in sample.grid), default=CLIP_S * len(sample.truth.clips or ()))


def _clip_s(sample: Sample) -> float:
    """The length of the longest clip."""
    return max((float(end) - float(start) for start, end in sample.grid), default=CLIP_S)
