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
    protocol: Protocol | None = None,
    **_: Any,
) -> list[float | None]:
    """The main metric of the protocol's kind for each reply, in [0, 1]; its failure rules play no part.

    - Nothing to read: what the kind gives an empty answer, 0 for moments, the worth of equal scores for highlights.
    - A row without the truth that the kind needs: None.

    Args:
        completions: n replies.
        targets: True spans of each row in seconds.
        duration_s: Length of each video in seconds.
        saliency: Per row None, or per clip of 2 s one score an annotator.
        protocol: Whose rules to use; `default` if None.
    """
    rule = protocol or named("default")
    kind, read = kinds.find(rule.kind), reader(rule)
    rows = zip(texts(completions), targets, duration_s, saliency, strict=True)
    found: list[float | None] = []
    for text, spans, seconds, clips in rows:
        truth = Answer(tuple(Span(*span) for span in spans), clips=None if clips is None else tuple(map(tuple, clips)))
        sample = Sample(video="", duration_s=seconds, queries=("",), truth=truth)
        if kinds.lacking(kind, [sample]):
            found.append(None)
            continue
        value = kind.values([sample], [read(text, seconds)], rule)[kind.main].item()
        found.append(None if math.isnan(value) else float(value))
    return found
