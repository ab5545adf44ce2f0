"""What holds for every parser on any text: it never raises, repeats itself, and gives finite spans or a named failure."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import protocol
from tasks.parsers import NAMES, parser, videochat_set
from tasks.parsers.common import SCOPES, scope
from tasks.parsers.rewards import time_r1 as time_r1_reward
from tasks.rules import AnswerRules

READERS = {name: parser(protocol.load(name).answer) for name in protocol.names()}
READERS |= {name: parser(AnswerRules(name, ("whole",), "")) for name in NAMES}
READERS |= {"rewards": time_r1_reward.parse}
WORDS = (
    *(
        "<answer>",
        "</answer>",
        "<think>",
        "</think>",
        " to ",
        " and ",
        "TO",
        "-",
        " – ",
        "\n",
        ".",
        "..",
        ":",
        ",",
        "s",
        "start",
        "!",
    ),
    *(
        "[",
        "(",
        ")",
        "]",
        "12.5",
        "17.83",
        "00:12",
        "1:02:03",
        "3.",
        "05",
        "٣",
        "²",
        "1e5",
        "9" * 400,
        "秒",
        "<sep>",
        "<sync>",
        "İ",
    ),
    *('{"start_time": "1"', ', "end_time": "7"}', "12 seconds, score: 3.3", "The scores are"),
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(WORDS), max_size=30).map("".join))


@pytest.mark.parametrize("name", READERS)
@given(text=TEXTS)
def test_total_and_consistent(name: str, text: str) -> None:
    prediction = READERS[name](text)
    assert READERS[name](text) == prediction
    assert prediction.spans == () or prediction.failure is None
    assert all(math.isfinite(time) for span in (*prediction.spans, *prediction.marks) for time in span)


@given(text=TEXTS)
def test_places_are_parts_of_the_text(text: str) -> None:
    for place in SCOPES:
        assert (found := scope(text, (place,))) is None or found in text
    assert scope(text, ("only-answer", "whole")) in (text, scope(text, ("only-answer",)))


@pytest.mark.parametrize(
    ("text", "first", "line", "last", "only"),
    [
        ("<answer>a</answer>", "a", "a", "a", "a"),
        ("<answer> a </answer> b <answer>c</answer>", " a ", "a", "c", None),
        ("<answer>\na\n</answer>", "\na\n", "a", "\na\n", "a"),
        ("<answer>a\nb</answer><answer>c</answer>", "a\nb", "c", "c", None),
        ("<answer>a<answer>\n</answer>", "a<answer>\n", "a<answer>", "a<answer>\n", None),
        ("<answer>a<answer>\nb</answer>", "a<answer>\nb", "b", "a<answer>\nb", None),
        ("<answer> </answer>", " ", "", " ", ""),
        ("</answer><answer>", None, None, None, None),
        ("<answer>a", None, None, None, None),
        ("", None, None, None, None),
    ],
)
def test_places(text: str, first: str | None, line: str | None, last: str | None, only: str | None) -> None:
    found = [scope(text, (place,)) for place in ("first-answer", "first-answer-line", "last-answer", "only-answer")]
    assert found == [first, line, last, only]


LISTS = {
    "[(12.54, 17.83)]": [(12.54, 17.83)],
    "[[1, 2], (3., .5)]": [(1, 2), (3, 0.5)],
    "((1, 2), (3, 4))": [(1, 2), (3, 4)],
    "(1, 2), (3, 4)": [(1, 2), (3, 4)],
    "((1, 2),)": [(1, 2)],
    "(1, 2),": [(1, 2)],
    "[(1, 2),]": [(1, 2)],
    " [\n(1e1, -2),\n] ": [(10, -2)],
    "[(007.5, 00)]": [(7.5, 0)],
    "((1, 2))": None,
    "(1, 2)": None,
    "[1, 2]": None,
    "[]": None,
    "[(1, 2) (3, 4)]": None,
    "[(1, 2, 3)]": None,
    "[(1, 2]]": None,
    "[(05, 9)]": None,
    "[('1', '2')]": None,
    "[(1, 2)] so": None,
    "[(1e999, 2)]": None,
    "1 to 2": None,
    "__import__('os').getcwd()": None,
}


@pytest.mark.parametrize("text", LISTS)
def test_lists_are_read_as_python_reads_them(text: str) -> None:
    """`ast.literal_eval` itself is the original; it agrees on each of these."""
    for reply in (text, f"<answer>{text}</answer> and [(8, 9)]"):
        prediction = videochat_set.parse(reply)
        expected = LISTS[text]
        assert [tuple(map(float, span)) for span in prediction.spans] == (expected or [])
        assert (prediction.failure is None) == (expected is not None)
