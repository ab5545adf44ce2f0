"""One reply, many readings: what each project's own parser makes of it, executed in the originals and copied from there.

Rows 1-19 are section 6 of the protocol reference; the others are further replies on which the originals, run on them, differ.
"""

import pytest

from tasks.answer import Answer
from tasks.parsers import etbench, lmms_charades, museg, timechat, timelens, timezero, videochat_set
from tasks.parsers.rewards import tempsamp as tempsamp_reward
from tasks.parsers.rewards import time_r1 as time_r1_reward

Span = tuple[float, float]
COLUMNS = {
    "TZ": lambda text: timezero.parse(text, ("whole",)),
    "RW": lambda text: time_r1_reward.parse(text, ("last-answer",)),
    "MU": lambda text: museg.parse(text, ("only-answer",)),
    "TL": lambda text: timelens.parse(text, ("whole",)),
    "TS": lambda text: timelens.parse(text, ("first-answer-line", "whole")),
    "TSr": lambda text: tempsamp_reward.parse(text, ("first-answer", "whole")),
    "TC": lambda text: timechat.parse(text, ("whole",)),
    "LC": lambda text: lmms_charades.parse(text, ("whole",)),
    "ET": lambda text: etbench.parse(text, ("whole",)),
}
A, B, C, D = (12.54, 17.83), (12.5, 17.8), (12.0, 17.0), (2.0, 5.0)
THINK, FRAMES = (3.0, 8.0), (1.0, 4.0)
SENTENCES = "The start time for this event is 0 seconds, and the end time is 12 seconds."

ROWS: dict[str, tuple[str, tuple[Span | None, ...]]] = {
    #                                                TZ  RW    MU    TL     TS  TSr   TC    LC     ET
    "1": (
        "<think>The event seems to start at 3.00 to 8.00 first.</think><answer>12.54 to 17.83</answer>",
        (A, A, A, THINK, A, A, None, THINK, THINK),
    ),
    "2": ("<think>Answer is 12.5 to 17.8.</think><answer>12.5-17.8</answer>", (B, None, B, B, B, B, B, B, B)),
    "3": ("<answer> 12.5s to 17.8s </answer>", (None, None, B, C, C, C, None, B, None)),
    "4": ("<answer>17.83 to 12.54</answer>", (A[::-1], A[::-1], None, A[::-1], A[::-1], A[::-1], None, A, A)),
    "5": ("The event happens in 12.5 - 17.8 seconds.", (None, None, None, B, B, B, B, B, B)),
    "6": ("The event happens in 00:12 - 00:17 seconds.", (None, None, None, C, C, (12.0, 0.0), (0.0, 12.0), C, (0.0, 12.0))),
    "8": (SENTENCES, (None, None, None, (0.0, 12.0), (0.0, 12.0), (0.0, 12.0), None, None, None)),
    "9": ("The event happens from 12.5 seconds to 17.8 seconds.", (None, None, None, B, B, B, None, None, None)),
    "10": ("<answer>[(12.54, 17.83)]</answer>", (None, None, A, A, A, A, None, None, None)),
    "11": ("<answer>2.0 to 5.0, 10.0 to 14.0</answer>", ((10.0, 14.0), (10.0, 14.0), D, D, D, (10.0, 14.0), None, D, D)),
    "13": ("<ANSWER>12.5 TO 17.8</ANSWER>", (None, None, None, B, B, B, None, B, B)),
    "15": (
        "<think>Frames 1-4 show a tomato.</think> The event happens in 12.5 - 17.8 seconds.",
        (None, None, None, FRAMES, FRAMES, B, FRAMES, FRAMES, FRAMES),
    ),
    "17": ("<answer>12.54 to 17.83", (A, None, None, A, A, A, None, A, A)),
    "19": ("<answer>12.5 – 17.8</answer>", (None, None, B, B, B, B, None, B, None)),
    "and": ("<answer>12.5 and 17.8</answer>", (B, B, B, B, B, B, None, None, None)),
    "two blanks": ("<answer>12.5  to  17.8</answer>", (None, None, B, B, B, B, None, B, B)),
    "glued": ("<answer>12.5to17.8</answer>", (None, None, B, (12.0, 8.0), (12.0, 8.0), B, None, B, None)),
    "line breaks at the edges": (
        "1 to 2 <answer>\n12.5 to 17.8\n</answer>",
        (B, B, B, (1.0, 2.0), B, B, None, (1.0, 2.0), (1.0, 2.0)),
    ),
    "a line break inside": (
        "1 to 2 <answer>so\n12.5 to 17.8</answer>",
        (B, B, B, (1.0, 2.0), (1.0, 2.0), B, None, (1.0, 2.0), (1.0, 2.0)),
    ),
    "two answers": (
        "<answer>2.0 to 5.0</answer><answer>12.5 to 17.8</answer>",
        (B, B, None, D, D, D, None, D, D),
    ),
    "three numbers": ("<answer>12.5-17.8-99</answer>", (None, None, None, B, B, B, B, B, B)),
    "two points": (
        "<answer>12..5-17.8</answer>",
        (None, None, None, (5.0, 17.8), (5.0, 17.8), (5.0, 17.8), None, (5.0, 17.8), None),
    ),
    "a clock in a sentence": (
        "It starts at 0:12.\nIt ends at 0:17.",
        (None, None, None, C, C, (0.0, 12.0), (0.0, 0.0), C, (0.0, 0.0)),
    ),
    "two lines": ("Start time: 12.5\nEnd time: 17.8", (None, None, None, B, B, B, B, B, B)),
    "keyword elsewhere": ("12.5 to 17.8! The end.", (B, None, None, B, B, B, None, None, B)),
    "a minus sign": (
        "<answer>-5 to 10</answer>",
        ((5.0, 10.0), (5.0, 10.0), (5.0, 10.0), (5.0, 10.0), (5.0, 10.0), (5.0, 10.0), None, (5.0, 10.0), (5.0, 10.0)),
    ),
    "percent": (
        "<answer>10% to 20%</answer>",
        (None, None, (10.0, 20.0), (10.0, 20.0), (10.0, 20.0), (10.0, 20.0), None, None, None),
    ),
    "nothing": ("I cannot tell.", (None,) * 9),
}
CASES = [(name, column) for name in ROWS for column in COLUMNS]


def first(prediction: Answer) -> Span | None:
    assert bool(prediction.spans) == (prediction.failure is None)
    return tuple(map(float, prediction.spans[0])) if prediction.spans else None  # type: ignore[return-value]


@pytest.mark.parametrize(("name", "column"), CASES, ids=[f"{name}-{column}" for name, column in CASES])
def test_each_parser_reads_as_its_original(name: str, column: str) -> None:
    text, expected = ROWS[name]
    assert first(COLUMNS[column](text)) == expected[list(COLUMNS).index(column)]


@pytest.mark.parametrize("name", ROWS)
def test_lmms_evals_timelens_equals_timelens(name: str) -> None:
    """Its last step allows a bare point at the end of a number, which leaves the value as it is."""
    text, expected = ROWS[name]
    assert first(timelens.parse(text)) == expected[list(COLUMNS).index("TL")]


def test_row_10_in_videochat_r1_5() -> None:
    assert first(videochat_set.parse(ROWS["10"][0])) == A


def test_row_1_in_vtimellm() -> None:
    from tasks.parsers import vtimellm

    assert first(vtimellm.parse("<answer>12.54 to 17.83</answer>")) == (54.0, 17.0)


def test_all_pairs_are_kept_where_the_original_keeps_them() -> None:
    assert museg.parse("<answer>00:12-00:17</answer>").spans == ((0.0, 12.0), (0.0, 17.0))
    assert timelens.parse("1 - 2, 3 - 4, 5").spans == ((1.0, 2.0), (3.0, 4.0))
    assert len(videochat_set.parse("<answer>[(1, 2), (5, 4)]</answer>").spans) == 2
