"""The parser of E.T. Bench's action localization: all pairs of its grounding parser."""

from tasks.answer import Answer
from tasks.parsers.common import read, scope
from tasks.parsers.etbench import pairs
from tasks.span import Span


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read what `tasks.parsers.etbench` reads, every pair of it; reversed ones are swapped.

    Source: ETBench evaluation/compute_metrics.py, tvg_format and tal_eval (445f620).
    """
    found = read(pairs((scope(text, where) or "").lower()))
    return Answer(tuple(Span(min(span), max(span)) for span in found.spans), found.failure)
