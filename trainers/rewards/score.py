"""The reward for every kind of task: what the harness would score."""

import math
from collections.abc import Sequence
from typing import Any

from tasks import kinds
from tasks.answer import Answer
from tasks.parsers import reader
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.span import Span
from trainers.rewards.common import Completion, Targets, named, texts


def score(
    completions: Sequence[Completion],
    *,
    targets: Sequence[Targets],
    duration_s: Sequence[float],
    saliency: Sequence[Sequence[Sequence[float]] | None],
    queries: Sequence[Sequence[str]],
    options: Sequence[Sequence[str]],
    option: Sequence[str | None],
    grid: Sequence[Targets],
    protocol: Protocol | None = None,
    **_: Any,
) -> list[float | None]:
    """The main metric of the protocol's kind for each reply, in [0, 1]; its failure rules play no part.

    - Nothing to read: what the kind gives an empty answer, 0 for moments, the worth of equal scores for highlights.
    - A row without the truth that the kind needs: None. No protocol: `default`.
    """
    rule = protocol or named("default")
    kind, read = kinds.find(rule.kind), reader(rule)
    samples, answers = [], []
    rows = zip(texts(completions), targets, duration_s, saliency, queries, options, option, grid, strict=True)
    for text, spans, seconds, clips, asked, choices, right, bounds in rows:
        marks = None if clips is None else tuple(map(tuple, clips))
        truth = Answer(_spans(spans), clips=marks, option=right)
        sample = Sample(
            video="", duration_s=seconds, queries=tuple(asked), truth=truth, options=tuple(choices), grid=_spans(bounds)
        )
        samples.append(sample)
        answers.append(read(text, seconds))
    scored = [i for i, sample in enumerate(samples) if not kinds.lacking(kind, [sample])]
    found: list[float | None] = [None] * len(samples)
    if scored:
        values = kind.values([samples[i] for i in scored], [answers[i] for i in scored], rule)[kind.main].tolist()
        for place, i in enumerate(scored):
            found[i] = None if math.isnan(values[place]) else values[place]
    return found


def _spans(pairs: Targets) -> tuple[Span, ...]:
    return tuple(Span(*pair) for pair in pairs)
