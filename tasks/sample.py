"""One question about one video, and the identity of a list of them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tasks.answer import Answer
from tasks.span import Span

_JSON = json.JSONEncoder(check_circular=False).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What is asked about one video, with its ground truth."""

    video: str  # Video key, the name of the file without its suffix
    duration_s: float  # Annotated duration of the video (of the clip, where `clip` is set), in seconds
    queries: tuple[str, ...]  # The sentences as published; one, unless several are asked for together
    truth: Answer  # The ground truth, as published
    options: tuple[str, ...] = ()  # What may be chosen from, in the order of its letters
    clip: Span | None = None  # Bounds in seconds where the video is a cut of a longer file
    grid: tuple[Span, ...] = ()  # Bounds in seconds of the clips that have scores; empty where they are the whole clips of 2 s
    # Names and values by which results are broken down, such as a type of question; outside id and hash
    labels: tuple[tuple[str, str], ...] = ()
    native_id: str | None = None  # The id the annotations themselves give the query, by which prediction files name it
    # `task/video/digest`; the digest covers the content, so the id does not depend on row order or split. Readers of annotations
    # leave it to `make_samples`, as they do the next
    id: str = ""
    task: str = ""

    @property
    def query(self) -> str:
        """The sentence; of several, all of them, a line each."""
        return "\n".join(self.queries)

    def content(self) -> list[Any]:
        """What is asked and what is true, as JSON values; what few tasks have stands only where it is."""
        truth, query = self.truth, self.queries[0] if len(self.queries) == 1 else self.queries
        chosen = [self.options, truth.option] if self.options or truth.option is not None else []
        return [query, [list(map(float, span)) for span in truth.spans], self.clip, *chosen]


def one_query(
    video: str,
    duration_s: float,
    query: str,
    spans: Iterable[Span],
    clip: Span | None = None,
    native_id: str | None = None,
    clips: Sequence[Sequence[float]] | None = None,
) -> Sample:
    """The sample of an annotation of one sentence, still without an id; `clips` are scores of annotators by clip of 2 s."""
    truth = Answer(tuple(spans), clips=None if clips is None else tuple(map(tuple, clips)))
    return Sample(video=video, duration_s=duration_s, queries=(query,), truth=truth, clip=clip, native_id=native_id)


def make_samples(task: str, samples: Iterable[Sample]) -> list[Sample]:
    """Give samples their ids. Identical ones are told apart by a running number, so any order gives the same ids."""
    seen: Counter[str] = Counter()
    named = []
    for sample in samples:
        identifier = f"{task}/{sample.video}/{hashlib.sha256(_JSON(sample.content()).encode()).hexdigest()[:12]}"
        seen[identifier] += 1
        if seen[identifier] > 1:
            identifier += f"-{seen[identifier]}"
        named.append(replace(sample, id=identifier, task=task))
    return named


def split_sha256(samples: Iterable[Sample]) -> str:
    """Hash of everything in a split that can move a number; independent of row order."""
    digest = hashlib.sha256()
    for sample in sorted(samples, key=lambda s: s.id):
        query, *rest = sample.content()
        content = [sample.id, float(sample.duration_s), query, *rest]
        if sample.truth.clips is not None:
            content.append(sample.truth.clips)
        if sample.grid:
            content.append([list(map(float, span)) for span in sample.grid])
        digest.update(_JSON(content).encode() + b"\n")
    return digest.hexdigest()
