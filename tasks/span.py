"""A moment in a video."""

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple


class Span(NamedTuple):
    """A moment: start and end in seconds from the start of the video.

    Annotations are kept as published, so a span may be reversed or reach past the end of its video. Spans read from a reply
    hold the decimals that were written, which may have more digits than a float.
    """

    start_s: float | Decimal
    end_s: float | Decimal


def exact(value: float | Decimal) -> Fraction:
    """The decimal number that was written: `exact(0.1)` is 1/10, not its binary neighbour."""
    return Fraction(value) if isinstance(value, Decimal) else Fraction(repr(float(value)))


def exact_iou(a: Span, b: Span) -> Fraction:
    """Temporal intersection over union in exact decimal arithmetic; 0 if either span is empty or reversed."""
    a_start, a_end, b_start, b_end = (exact(x) for x in (*a, *b))
    if a_end <= a_start or b_end <= b_start:
        return Fraction(0)
    intersection = min(a_end, b_end) - max(a_start, b_start)
    if intersection <= 0:
        return Fraction(0)
    return intersection / ((a_end - a_start) + (b_end - b_start) - intersection)
