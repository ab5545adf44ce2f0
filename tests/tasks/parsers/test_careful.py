"""The default parser: what it reads, what it refuses and by which name, and that no text makes it slow or raise.

`replies.jsonl` is the table: replies in the shape of models' and users', each with the exact decimals or the name of the failure.
A wrong value is worse than a refusal, an ordinary reply must be read.
"""

import json
import re
import string
import time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.parsers.careful import LONGEST, parse
from tasks.parsers.reading.characters import plain
from tasks.parsers.reading.pairs import MOST_SPANS, read
from tasks.parsers.reading.tokens import tokens
from tasks.span import Span

TAGGED = ("answer", "after-think")
WHOLE = ("answer", "after-think", "whole")
TABLE = [json.loads(line) for line in (Path(__file__).parent / "replies.jsonl").read_text(encoding="utf-8").splitlines()]
FAILURES = {"no-span", "ambiguous-time", "other-unit", "bad-number", "too-long", "reversed-span", "empty-span"}


@pytest.mark.parametrize("row", TABLE, ids=[row["reply"] for row in TABLE])
def test_table(row: dict[str, object]) -> None:
    for text in (row["reply"], f"<answer>{row['reply']}</answer>", f"<think>1 to 2</think>\n{row['reply']}\n"):
        prediction = parse(str(text), WHOLE)
        spans = [[format(time, "f") for time in span] for span in prediction.spans]
        assert (spans, prediction.failure) == (row.get("spans", []), row.get("failure"))


def test_table_is_large_and_names_every_failure() -> None:
    assert len(TABLE) > 400
    assert {row["failure"] for row in TABLE if "failure" in row} == FAILURES - {"too-long"}


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


def test_digits_beyond_a_float_are_kept() -> None:
    assert parse("0 to 53.457499999999995123", WHOLE).spans[0].end_s == Decimal("53.457499999999995123")
    assert parse("0 to 1.00000000000000000001 minutes", WHOLE).spans[0].end_s == Decimal("60.0000000000000000006")


def test_a_flood_of_moments_is_no_answer() -> None:
    assert len(parse("1 to 2, " * MOST_SPANS, WHOLE).spans) == MOST_SPANS
    assert parse("1 to 2, " * (MOST_SPANS + 1), WHOLE).failure == "too-long"
    assert parse("1\n" * LONGEST, WHOLE).failure == "too-long"


def test_a_megabyte_of_words_hides_nothing() -> None:
    for words in (("word " * 200_000, ". "), (". ", ". word" + " word" * 200_000)):
        assert parse(f"{words[0]}. It happens from 12.5 to 17.5{words[1]}", WHOLE).spans == (
            Span(Decimal("12.5"), Decimal("17.5")),
        )


SECONDS = st.decimals(0, 9_999_999, places=2)
MILLISECONDS = st.integers(0, 359_999_999)
PAIRS = (
    "{} to {}",
    "{} - {}",
    "{}-{}",
    "{}–{}",
    "{}to{}",
    "[{}, {}]",
    "({}, {})",
    "{}, {}",
    "<{} seconds> - <{} seconds>",
    "{} → {}",
)
PAIRS += ("from {}s to {} s", "between {} and {} seconds", "**{}s** to **{}s**", '{{"start": "{}", "end": {}}}', "`{}` --> `{}`")
PAIRS += (
    "starts at {} seconds and ends at {} seconds",
    "Start: {}\nEnd: {}",
    "| start | end |\n|---|---|\n| {} | {} |",
    "{} ~ {}",
)
PAIRS += (
    "从第{}秒到第{}秒",
    "von {} s bis {} s",
    "\\boxed{{{} - {}}}",
    "around {} until about {}",
    "<start>{}</start><end>{}</end>",
)
FORMS = st.sampled_from(PAIRS)


def full_width(text: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if sign in "0123456789.:" else sign for sign in text)


def clock(milliseconds: int, point: str = ".") -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{point}{rest:03d}"


def in_words(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600} h {seconds // 60 % 60} min {seconds % 60}.{rest:03d} s"


def outcome(start: Decimal, end: Decimal) -> tuple[str | None, tuple[Span, ...]]:
    return {-1: (None, (Span(start, end),)), 0: ("empty-span", ()), 1: ("reversed-span", ())}[int(start.compare(end))]


def result(text: str) -> tuple[str | None, tuple[Span, ...]]:
    prediction = parse(text, WHOLE)
    return prediction.failure, prediction.spans


@given(SECONDS, SECONDS, FORMS, st.booleans())
def test_every_form_of_a_pair_reads_back(start: Decimal, end: Decimal, form: str, wide: bool) -> None:
    text = form.format(start, end)
    assert result(
        full_width(text) if wide and "{}" not in text and not re.search(r"[A-Za-z]\d|\d[A-Za-z]", text) else text
    ) == outcome(start, end)


@given(MILLISECONDS, MILLISECONDS, st.sampled_from([*PAIRS[:4], *PAIRS[5:8]]), st.sampled_from([clock, in_words]))
def test_every_clock_reads_back(start: int, end: int, form: str, render: object) -> None:
    assert result(form.format(render(start), render(end))) == outcome(Decimal(start) / 1000, Decimal(end) / 1000)  # type: ignore[operator]


@given(MILLISECONDS, MILLISECONDS)
def test_subtitles_read_back(start: int, end: int) -> None:
    cue = f"1\n{clock(start, ',')} --> {clock(end, ',')}\nwords"
    assert result(cue) == outcome(Decimal(start) / 1000, Decimal(end) / 1000)


@given(
    st.integers(0, 9999), st.integers(0, 9999), st.sampled_from([("minutes", 60), ("min", 60), ("hours", 3600), ("seconds", 1)])
)
def test_the_unit_of_the_end_holds_for_both(start: int, end: int, unit: tuple[str, int]) -> None:
    name, seconds = unit
    expected = outcome(Decimal(start * seconds), Decimal(end * seconds))
    assert result(f"{start} to {end} {name}") == result(f"between {start} and {end} {name}") == expected


PROSE = st.text(alphabet="bcfgjlquwxz ", max_size=40)
"""Words that are in no vocabulary."""


@given(SECONDS, SECONDS, st.sampled_from(["from {} s to {} s", "[{}, {}]", "starts at {} s and ends at {} s"]), PROSE, PROSE)
def test_prose_around_a_pair_changes_nothing(start: Decimal, end: Decimal, form: str, before: str, behind: str) -> None:
    assert result(f"{before} {form.format(start, end)}. {behind}") == outcome(start, end)


READ = [
    row["reply"]
    for row in TABLE
    if "spans" in row and len(row["spans"]) == 1 and re.fullmatch(r"[\d.\s\[\](),sto–-]+", row["reply"])
]
GLYPHS = "½²Ⅷ①字〇é€£@^°±×÷/\\§†\u0301\xad\u202e\u20dd٪z"


@given(st.sampled_from(READ), st.sampled_from(GLYPHS), st.data())
def test_a_foreign_sign_never_gives_another_value(text: str, glyph: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    failure, spans = result(text[:at] + glyph + text[at:])
    assert failure is not None or spans == result(text)[1]


@given(SECONDS, SECONDS, st.sampled_from(["{} to {}", " {} - {}\n", "{}-{}"]))
def test_the_short_way_reads_as_the_grammar(start: Decimal, end: Decimal, form: str) -> None:
    text = form.format(start, end)
    assert read(tokens(plain(text))) == (Span(start, end),)
    assert result(text) == outcome(start, end)


@given(st.text(alphabet=st.sampled_from("0123456789 .:,;-–[]()<>/|*'\"$\\answerthinkto%smh到秒\n"), max_size=300))
def test_never_raises_and_is_consistent(text: str) -> None:
    prediction = parse(text, WHOLE)
    assert bool(prediction.spans) == (prediction.failure is None)
    assert all(0 <= span.start_s < span.end_s for span in prediction.spans)
    assert prediction.failure in {None, "unclosed-answer", *FAILURES}
    assert parse(text, WHOLE) == prediction


PIECES = st.sampled_from([*string.printable, *GLYPHS, " to ", "12.5", " - ", "start: ", "minutes", "end: "])


@given(st.lists(PIECES, max_size=80).map("".join))
def test_no_part_of_a_number_is_read(text: str) -> None:
    """Seconds that were read stand in the text as a whole number, unless a larger unit or a clock made them."""
    written = set(re.findall(r"(?<![\d.])\d+(?:\.\d+)?(?!\d)", text))
    if not re.search(r"[:,mh分时]", text):
        assert all(str(time) in written for span in parse(text, WHOLE).spans for time in span)


HURTING = (
    "1 ",
    "1 to ",
    "1:",
    "(1,2),",
    "[",
    "<1",
    "'1",
    "$1",
    "start 1 ",
    "end: ",
    "1m",
    "1h 1m ",
    "_",
    "*1",
    "- ",
    "字1",
    "\\text{",
    "1 and ",
)


@pytest.mark.parametrize("unit", HURTING)
def test_time_grows_with_the_length_of_the_reply(unit: str) -> None:
    """Ten times the text may take ten times as long, with room for a busy machine; quadratic matching takes a hundred times."""
    taken = []
    for length in (2_000, 20_000):
        text = unit * (length // len(unit))
        rounds = []
        for _ in range(3):
            begin = time.process_time()
            parse(text, WHOLE)
            rounds.append(time.process_time() - begin)
        taken.append(min(rounds))
    assert taken[1] < 40 * max(taken[0], 1e-4)


def test_the_page_about_reading_says_what_happens() -> None:
    """Every refusal the page names with an example is refused by that name, and every example of a pair is read."""
    page = (Path(__file__).parents[3] / "docs" / "reading.md").read_text(encoding="utf-8")
    rows = [re.findall(r"`([^`]+)`", line) for line in page.splitlines() if line.startswith("| `")]
    refusals = [row for row in rows if row[0] in FAILURES]
    assert {row[0] for row in refusals} == FAILURES - {"empty-span"}
    assert [row for row in refusals for text in row[1:] if text != "empty-span" and parse(text, WHOLE).failure not in row] == []
    pairs = page.split("## Pairs")[1].split("\n\n")[1]
    assert [text for text in re.findall(r"`([^`]+)`", pairs) if not parse(text, WHOLE).spans] == []
