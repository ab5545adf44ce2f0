"""What a parser read from a reply."""

from dataclasses import dataclass

from tasks.span import Span


@dataclass(frozen=True, slots=True)
class Answer:
    """Spans in the order of the reply, or the name of the reason why there are none.

    Attributes:
        spans: Moments read, empty on failure. The `careful` parser gives start < end; parsers that copy another project's
            may give reversed or empty ones, which its IoU rule then scores.
        failure: None, or a fixed name: `no-answer`, `unclosed-answer`, `no-span`, `reversed-span`, `empty-span`, `bad-number`,
            `ambiguous-time`, `other-unit`, `too-long`, `odd-numbers`, `no-list`.
        scores: Confidence of each span, in the same order; empty where the reply gives none.
        highlights: Pairs of a time in seconds and its saliency score, as the reply lists them.
        saliency: One score per clip of 2 s, where a prediction file gives them directly.
    """

    spans: tuple[Span, ...] = ()
    failure: str | None = None
    scores: tuple[float, ...] = ()
    highlights: tuple[tuple[float, float], ...] = ()
    saliency: tuple[float, ...] | None = None
