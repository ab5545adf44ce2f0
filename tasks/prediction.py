"""What a parser read from a reply."""

from dataclasses import dataclass

from tasks.span import Span


@dataclass(frozen=True, slots=True)
class Prediction:
    """Spans in the order of the reply, or the name of the reason why there are none.

    Attributes:
        spans: Moments read, every one with start < end; empty on failure.
        failure: None, or a fixed name: `no-answer`, `unclosed-answer`, `no-span`, `reversed-span`, `empty-span`.
    """

    spans: tuple[Span, ...] = ()
    failure: str | None = None
