"""One question about one video, and the identity of a list of them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tasks.span import Span


@dataclass(frozen=True, slots=True)
class Sample:
    """One query with its ground truth.

    Attributes:
        id: `task/video/digest`; the digest covers the content, so the id does not depend on row order or split.
        task: Task name.
        video: Video key, the name of the file without its suffix.
        duration_s: Annotated duration of the video (of the clip, where `clip` is set), in seconds.
        query: The sentence as published.
        targets: All ground-truth moments, as published.
        clip: Bounds in seconds where the video is a cut of a longer file.
        native_id: The id the annotations themselves give the query, by which prediction files name it.
        saliency: Per clip of 2 s, one score an annotator; None for tasks without highlights.
    """

    id: str
    task: str
    video: str
    duration_s: float
    query: str
    targets: tuple[Span, ...]
    clip: Span | None = None
    native_id: str | None = None
    saliency: tuple[tuple[float, ...], ...] | None = None


class Row(NamedTuple):
    """What an annotation file says about one query; rows become samples through `make_samples`."""

    video: str
    duration_s: float
    query: str
    targets: tuple[Span, ...]
    clip: Span | None = None
    native_id: str | None = None
    saliency: tuple[tuple[float, ...], ...] | None = None


def make_samples(task: str, rows: Iterable[Row]) -> list[Sample]:
    """Give rows their ids. Identical rows are told apart by a running number, so any row order gives the same ids."""
    seen: Counter[str] = Counter()
    samples = []
    for row in rows:
        content = json.dumps([row.query, [[float(x) for x in t] for t in row.targets], row.clip])
        identifier = f"{task}/{row.video}/{hashlib.sha256(content.encode()).hexdigest()[:12]}"
        seen[identifier] += 1
        if seen[identifier] > 1:
            identifier += f"-{seen[identifier]}"
        samples.append(Sample(identifier, task, *row))
    return samples


def split_sha256(samples: Iterable[Sample]) -> str:
    """Hash of everything in a split that can move a number; independent of row order."""
    digest = hashlib.sha256()
    for sample in sorted(samples, key=lambda s: s.id):
        targets = [[float(x) for x in target] for target in sample.targets]
        content: list[Any] = [sample.id, float(sample.duration_s), sample.query, targets, sample.clip]
        if sample.saliency is not None:
            content.append(sample.saliency)
        digest.update(json.dumps(content).encode() + b"\n")
    return digest.hexdigest()
