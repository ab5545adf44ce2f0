"""What is true of a sample, and what a parser read from a reply: one noun for both."""

from dataclasses import dataclass

from tasks.span import Span


@dataclass(frozen=True, slots=True)
class Answer:
    """Only the fields of its kind are filled; a ground truth is a perfect answer.

    Attributes:
        spans: Moments in seconds, in the order said. In a truth the protocol's kind says what several mean: alternatives, one
            region, or instances. The `careful` parser gives start < end; parsers that copy another project may give reversed
            or empty ones, which its IoU rule then scores.
        failure: None, or the name of the reason why nothing was read: `no-answer`, `unclosed-answer`, `no-span`,
            `reversed-span`, `empty-span`, `bad-number`, `ambiguous-time`, `other-unit`, `too-long`, `odd-numbers`, `no-list`.
        scores: Confidence of each span, in the same order; empty where none is given.
        marks: Pairs of a time in seconds and its saliency score, as a reply lists highlights.
        clips: Scores of each clip of 2 s: of every annotator (truth), or a single one (a file of predictions).
        option: Letter of the chosen option.
    """

    spans: tuple[Span, ...] = ()
    failure: str | None = None
    scores: tuple[float, ...] = ()
    marks: tuple[tuple[float, float], ...] = ()
    clips: tuple[tuple[float, ...], ...] | None = None
    option: str | None = None
