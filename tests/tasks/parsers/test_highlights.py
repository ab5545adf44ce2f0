"""Highlights in text: the examples of the protocol reference, and what perfect text is worth under each reading of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks import protocol, task
from tasks.answer import Answer
from tasks.formats.qvhighlights import report
from tasks.highlights import highlight_detection
from tasks.kinds.highlights import clip_scores as saliency
from tasks.parsers import parser
from tasks.parsers.highlights import lists as highlights_lists
from tasks.parsers.highlights import timechat as highlights_timechat
from tasks.parsers.highlights import timesuite as highlights_timesuite
from tasks.parsers.highlights import trace as highlights_trace
from tasks.parsers.highlights import vtgllm as highlights_vtgllm
from tasks.sample import Sample
from tasks.say import say
from tasks.span import Span

DURATION_S = 150.0
SENTENCE = "There are 3 highlight moments in the 82.0, 84.0, 86.0 second. Their saliency scores are {}."
LINES = "{0} seconds, significance score: 3.3,\n{1} seconds, significance score: 2.0,\n{2} seconds, significance score: 4.0"
EXAMPLES: dict[str, tuple[dict[int, float], dict[int, float]]] = {
    #                                     TimeChat                    VTG-LLM
    SENTENCE.format("1.3, 1.7, 4.0"): ({40: 1.3, 41: 1.7, 42: 4.0}, {}),
    SENTENCE.format("4, 5, 3"): ({}, {}),
    LINES.format(82, 84, 86): ({40: 3.3, 41: 2.0, 42: 4.0}, {}),
    LINES.format("82.0", "84.0", "86.0"): ({40: 3.3, 41: 2.0, 42: 4.0}, {40: 3.3, 41: 2.0, 42: 4.0}),
    "<answer>82.0 to 90.0</answer>": ({}, {}),
    # Without the commas a score and the next time run together, digits and blanks, and the blank behind the time stays.
    LINES.format(82, 84, 86).replace(",\n", "\n"): ({40: 3.3, 41: 2.0, 42: 4.0}, {41: 3.3, 42: 2.0}),
    # Our own: early times, a single time, several times in one clip, times behind the end.
    LINES.format("8.0", "10.0", "12.0"): ({5: 3.3}, {3: 3.3, 4: 2.0, 5: 4.0}),
    "in the 82 seconds. Their scores are 2.5": ({40: 2.5}, {}),
    "in the 82, 82.5, 160, 20 seconds. Their scores are 1.0, 2.0, 3.0, 4.0": ({40: 1.5, 9: 4.0}, {}),
    "in the 82, 84 seconds. Their scores are 1.0": ({40: 1.0}, {}),
}


def clips(name: str, prediction: Answer) -> dict[int, float]:
    return {i: score for i, score in enumerate(saliency(protocol.load(name), prediction, DURATION_S)) if score}


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples(text: str) -> None:
    timechat, vtgllm = EXAMPLES[text]
    assert clips("qvh-hl-timechat", highlights_timechat.parse(text)) == timechat
    assert clips("qvh-hl-vtgllm", highlights_vtgllm.parse(text)) == vtgllm


def test_time_tokens() -> None:
    text = "<TIME_ZERO> <TIME_EIGHT> <TIME_TWO> <TIME_DOT> <TIME_ZERO> second, score: 3.0, <TIME_NINE>0.0 second, score: 2"
    assert highlights_vtgllm.parse(text).marks == ((82.0, 3.0), (90.0, 2.0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("82.0 - 86.5 seconds, saliency score 3.5", [(82, 3.5), (84, 3.5), (86, 3.5)]),
        ("from 81.7 - 85 score of 4", [(81, 4.0), (83, 4.0), (85, 4.0)]),
        # No number follows: the end gives back its last digit.
        ("82 - 96 seconds of score", []),
        ("4 - 96.5 seconds, score", [(time, 5.0) for time in range(4, 97, 2)]),
        ("1 - 5\n10 - 12 score 3.0", [(10, 3.0), (12, 3.0)]),
        ("no span, second, score", []),
    ],
)
def test_timesuites_post_processing(text: str, expected: list[tuple[float, float]]) -> None:
    assert list(highlights_timesuite.parse(text).marks) == expected


def test_trace_and_our_own_lists() -> None:
    assert highlights_trace.parse("82.0<sync>1.3<sync>84.0<sep>86.0<sync>2.0<sync>").marks == ((82.0, 1.3), (84.0, 2.0))
    assert highlights_trace.parse("82.0.1<sync>1.3<sync>").failure == "bad-number"
    assert highlights_lists.parse("in the 82, 84 seconds. Scores are 4, 10.0").marks == ((82.0, 4.0), (84.0, 10.0))
    assert highlights_lists.parse("in the 82, 84 seconds. Scores are 4").failure == "uneven-lists"
    assert highlights_lists.parse("nothing").failure == "no-highlight"


def test_an_unread_reply_is_all_zero_and_given_scores_pass() -> None:
    rules = protocol.load("qvh-hl-timechat")
    assert saliency(rules, Answer(failure="no-highlight"), 7.0) == [0.0, 0.0, 0.0]
    assert saliency(rules, Answer(clips=((1.0,), (2.0,))), 150.0) == [1.0, 2.0]


def sentence(sample: Sample) -> str:
    """What TimeIT's script writes for a query: clip k as 2 k seconds, the mean of the annotators to one decimal."""
    marked = [(2 * k, sum(clip) / len(clip)) for k, clip in enumerate(sample.truth.clips or ()) if any(clip)]
    times, scores = ", ".join(str(time) for time, _ in marked), ", ".join(f"{score:.1f}" for _, score in marked)
    return f"The highlight timestamps are in the {times} seconds. Their saliency scores are {scores}."


def tokens(sample: Sample) -> str:
    times, scores = (
        part.split(", ")
        for part in sentence(sample).removesuffix(".").split("in the ")[1].split(" seconds. Their saliency scores are ")
    )
    return "".join(f"{time}<sync>{score}<sync>" for time, score in zip(times, scores, strict=True))


def longest(sample: Sample) -> str:
    start, end = max(sample.truth.spans, key=lambda span: float(span.end_s) - float(span.start_s))
    return f"{start} - {end} seconds, saliency score 4.0"


def span_of(sample: Sample) -> str:
    target = max(sample.truth.spans, key=lambda span: float(span.end_s) - float(span.start_s))
    return say(Answer((Span(*target),)), sample, protocol.load("qvh-hl-flat"))


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "answer", "expected"),
    [
        ("qvh-hl-timechat", sentence, (38.58, 62.71)),
        ("qvh-hl-trace", tokens, (38.58, 62.71)),
        ("qvh-hl-aligned", sentence, (60.81, 95.68)),
        ("qvh-hl-vtgllm", sentence, (11.04, 14.97)),
        ("qvh-hl-timechat", lambda _: "I cannot tell.", (11.04, 14.97)),
        ("qvh-hl-timesuite-span", longest, (32.34, 11.94)),
        ("qvh-hl-flat", span_of, (34.50, 65.03)),
        ("qvh-hl-centre", span_of, (43.05, 78.26)),
    ],
)
def test_figures_on_val(shared_data: Path, name: str, answer: Callable[[Sample], str], expected: tuple[float, float]) -> None:
    val = task.load(task.find("qvhighlights"), "val", shared_data)
    rules = protocol.load(name)
    read = parser(rules.answer)
    scores = [saliency(rules, read(answer(sample)), sample.duration_s) for sample in val]
    block = report(None, highlight_detection(scores, [s.truth.clips or () for s in val]))["HL-min-VeryGood"]
    assert (block["HL-mAP"], block["HL-Hit1"]) == expected
