"""Lists of spans: the default parser, but a span of no length does not take the others with it."""

from tasks.answer import Answer
from tasks.parsers.careful import found, spans_in


def parse(text: str, where: tuple[str, ...]) -> Answer:
    """Read spans as `tasks.parsers.careful` does; one with start = end stays in the list, where it can hit nothing.

    Returns:
        All spans in order, or a failure: those of the default parser, `empty-span` only where no span has a length.
    """
    scope = found(text, where)
    answer = spans_in(scope) if isinstance(scope, str) else scope
    if any(span.start_s > span.end_s for span in answer.spans):
        return Answer(failure="reversed-span")
    if answer.spans and all(span.start_s == span.end_s for span in answer.spans):
        return Answer(failure="empty-span")
    return answer
