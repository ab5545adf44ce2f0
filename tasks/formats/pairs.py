"""Several sentences of one video asked together, each with a span of its own."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from tasks.answer import Answer
from tasks.sample import Sample
from tasks.span import Span


def together(read: Callable[..., list[Sample]]) -> Callable[..., list[Sample]]:
    """A reader that gives one sample a video (a cut, where there are cuts), from one that gives one a sentence."""
    return lambda *texts: grouped(read(*texts))


def grouped(samples: Iterable[Sample]) -> list[Sample]:
    """One sample a video and cut, with sentences and spans in the order of the samples; ids of the sentences are left out.

    Raises:
        ValueError: A sentence has not exactly one span, or a video has two durations.
    """
    parts: dict[tuple[str, Span | None], list[Sample]] = {}
    for sample in samples:
        if len(sample.truth.spans) != 1:
            count = len(sample.truth.spans)
            raise ValueError(f"video {sample.video!r}: {sample.query[:80]!r} has {count} spans, exactly one can be paired")
        parts.setdefault((sample.video, sample.clip), []).append(sample)
    return [_joined(part) for part in parts.values()]


def _joined(part: list[Sample]) -> Sample:
    if len(durations := sorted({sample.duration_s for sample in part})) > 1:
        raise ValueError(f"video {part[0].video!r} has several durations: {', '.join(f'{found:g} s' for found in durations)}")
    queries = tuple(query for sample in part for query in sample.queries)
    spans = tuple(span for sample in part for span in sample.truth.spans)
    return replace(part[0], queries=queries, truth=Answer(spans), native_id=None)
