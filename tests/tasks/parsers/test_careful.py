"""The default parser: what it reads, what it refuses and by which name, and that no text makes it slow or raise."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.parsers.careful import parse
from tasks.span import Span

TAGGED = ("answer", "after-think")
WHOLE = ("answer", "after-think", "whole")

READ = {
    "12.54 to 17.83": (12.54, 17.83),
    "12.54 TO 17.83.": (12.54, 17.83),
    "12.5s to 17.8s": (12.5, 17.8),
    "12.5s - 17.8s": (12.5, 17.8),
    "12.5 seconds – 17.8 seconds": (12.5, 17.8),
    "12-17": (12, 17),
    "12.5to17.8": (12.5, 17.8),
    "[12.5, 17.8]": (12.5, 17.8),
    "[12,17]": (12, 17),
    "[(12.54, 17.83)]": (12.54, 17.83),
    "from 12.5 sec until 17.8 sec": (12.5, 17.8),
    "between 5 and 10 seconds": (5, 10),
    "00:12 - 00:17 seconds": (12, 17),
    "01:05.5 to 01:20": (65.5, 80),
    "1:02:03.5 to 1:02:10": (3723.5, 3730),
    "1 min 5 s to 1 min 20 s": (65, 80),
    "1m05s-1m20s": (65, 80),
    "1 h 1 min to 1 h 2 min 3 seconds": (3660, 3723),
    "The start time for this event is 0 seconds, and the end time is 12 seconds.": (0, 12),
    "start: 12.5, end: 17.8": (12.5, 17.8),
    '{"start": 5, "end": 9}': (5, 9),
    "start_time: 5.0,\n end_time: 9.0": (5, 9),
    "frames 1-4 show it: 5 - 9 s": (5, 9),
}
REFUSED = {
    "17.83 to 12.54": "reversed-span",
    "5 to 5.0": "empty-span",
    "12.5": "no-span",
    "": "no-span",
    "10% to 20%": "no-span",
    "-5 to 10": "no-span",
    "−5 to 10": "no-span",
    "5 to -10": "no-span",
    "1,5 to 2,5": "no-span",
    "1.5 min to 2 min": "no-span",
    "500 ms to 900 ms": "no-span",
    "frame 5 to frame 9": "no-span",
    "12.5.3 to 40": "no-span",
    "1e5 to 2e5": "no-span",
    "5 to 99999999": "no-span",
    "nan to inf": "no-span",
    "5 to 9th": "no-span",
    "video_12 to 20x": "no-span",
}


@pytest.mark.parametrize("text", READ)
def test_reads(text: str) -> None:
    prediction = parse(f"<answer>{text}</answer>", TAGGED)
    assert prediction.failure is None
    assert tuple(float(time) for time in prediction.spans[0]) == READ[text]


@pytest.mark.parametrize("text", REFUSED)
def test_refuses_by_name(text: str) -> None:
    prediction = parse(f"<answer>{text}</answer>", TAGGED)
    assert (prediction.failure, prediction.spans) == (REFUSED[text], ())


def test_place_of_the_answer() -> None:
    assert parse("<answer>1 to 2</answer> <answer>3 to 4</answer> 5 to 6", TAGGED).spans == (Span(Decimal(3), Decimal(4)),)
    assert parse("<think>1 to 2</think> 3 to 4", TAGGED).spans == (Span(Decimal(3), Decimal(4)),)
    assert parse("<think>1 to 2</think> <ANSWER>\n3 to 4\n</Answer>", TAGGED).spans == (Span(Decimal(3), Decimal(4)),)
    assert parse("12.5 to 17.8", TAGGED).failure == "no-answer"
    assert parse("<think>1 to 2", TAGGED).failure == "no-answer"
    assert parse("12.5 to 17.8", WHOLE).spans == (Span(Decimal("12.5"), Decimal("17.8")),)


def test_a_cut_answer_is_not_guessed() -> None:
    assert parse("<answer>12.54 to 17.8", TAGGED).failure == "unclosed-answer"
    assert parse("<answer>1 to 2</answer> <answer>12.54 to 17.8", WHOLE).failure == "unclosed-answer"


def test_all_pairs_are_kept_in_order() -> None:
    assert parse("9 to 10, 1.5 to 2", WHOLE).spans == (Span(Decimal(9), Decimal(10)), Span(Decimal("1.5"), Decimal(2)))


def test_digits_beyond_a_float_are_kept() -> None:
    assert parse("0 to 53.457499999999995123", WHOLE).spans[0].end_s == Decimal("53.457499999999995123")


@given(st.text(alphabet=st.sampled_from("0123456789 .:,-–[]()<>/answerthinktoms%\n"), max_size=300))
def test_never_raises_and_is_consistent(text: str) -> None:
    prediction = parse(text, WHOLE)
    assert bool(prediction.spans) == (prediction.failure is None)
    assert all(0 <= span.start_s < span.end_s for span in prediction.spans)
    assert parse(text, WHOLE) == prediction


@given(st.decimals(0, 9_999_999, places=2), st.decimals(0, 9_999_999, places=2), st.sampled_from([" to ", " - ", "-", "–", ", "]))
def test_every_pair_of_decimals_reads_back(a: Decimal, b: Decimal, separator: str) -> None:
    prediction = parse(f"<answer> {a}{separator}{b} </answer>", TAGGED)
    expected = {-1: (None, (Span(a, b),)), 0: ("empty-span", ()), 1: ("reversed-span", ())}[int(a.compare(b))]
    assert (prediction.failure, prediction.spans) == expected
