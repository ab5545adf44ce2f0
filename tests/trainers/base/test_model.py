"""The vocabulary of the base: one token for each word and time of the benchmark, and every other text still readable."""

import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoProcessor

from harness.synthetic.scene import COLOURS, DURATIONS_S, SHAPES
from tasks.answer import Answer
from tasks.sample import one_query
from tasks.say import say
from tasks.span import Span
from trainers.base import curriculum, model
from trainers.base.batch import answer_of

RULES = curriculum.RULES["moment"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """As `AutoProcessor` reads it back from a folder."""
    folder = tmp_path_factory.mktemp("base")
    _, processor = model.make("qwen3_vl", 0)
    processor.save_pretrained(folder)
    loaded = AutoProcessor.from_pretrained(folder).tokenizer
    assert type(loaded).__name__.startswith("Qwen2Tokenizer")
    return loaded


def test_a_question_has_one_token_a_word(tokenizer: Any) -> None:
    for colour in COLOURS:
        for shape in (*SHAPES, "shape"):
            words = ["When", "Ġis", "Ġthe", f"Ġ{colour}", f"Ġ{shape}", "Ġvisible", "?"]
            assert tokenizer.tokenize(RULES.question(one_query("v", 24.0, f"{colour} {shape}", []), "direct")) == words


def test_an_answer_has_a_token_for_each_time(tokenizer: Any) -> None:
    for end_s in range(1, max(DURATIONS_S) + 1):
        start_s = end_s - 1
        text = say(Answer((Span(float(start_s), float(end_s)),)), one_query("v", 24.0, "", []), RULES)
        assert tokenizer.tokenize(text) == [f"{start_s}.0", " to ", f"{end_s}.0"]
        assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_answers_of_every_kind_have_a_token_for_each_part(tokenizer: Any) -> None:
    (lesson,) = curriculum.lessons(np.random.default_rng(1), 1, {curriculum.EVERY_KIND: 1.0}, 32)
    for question in lesson.asked:
        spans = [[f"{float(span.start_s)}", " to ", f"{float(span.end_s)}"] for span in question.sample.truth.spans]
        parts = [part for span in spans for part in (*span, ", ")][:-1]
        if question.protocol.kind == "choice":
            parts = ["<answer>", question.sample.truth.option, "</answer><glue>", *parts, "</glue>"]
        assert tokenizer.tokenize(answer_of(question)) == parts


def test_a_timestamp_is_one_token(tokenizer: Any) -> None:
    for text in ("<0.5 seconds>", "<9.0 seconds>", "<23.0 seconds>"):
        assert tokenizer.tokenize(f"user\n{text}<|vision_start|>") == ["user", "Ċ", text, "<|vision_start|>"]


@given(st.text())
def test_any_text_survives(tokenizer: Any, text: str) -> None:
    # What NFC joins or replaces is the same text, as for the tokenizer of every Qwen-VL model.
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == unicodedata.normalize("NFC", text)


def test_same_seed_same_weights() -> None:
    first, again, other = (model.make("qwen3_vl", seed)[0].lm_head.weight for seed in (3, 3, 4))
    assert first.equal(again) and not first.equal(other)
