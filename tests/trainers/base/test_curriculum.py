from pathlib import Path

import numpy as np
import pytest

from harness.synthetic.kinds import LETTERS
from harness.synthetic.make import encode
from harness.synthetic.scene import FPS, draw, plan
from harness.video.decode import read_frames
from tasks import parsers
from tasks.answer import Answer
from trainers.base import curriculum
from trainers.base.batch import answer_of
from trainers.base.curriculum import (
    BENCHMARK,
    COLOUR_ONLY,
    EVERY_KIND,
    KINDS_ONE_COLOUR,
    ONE_COLOUR,
    RULES,
    STAGES,
    VIDEO,
    Lesson,
    Level,
)

OPENING = [*curriculum.WORD_ALONE, *curriculum.SHAPES_TOO]
LEVELS = [*OPENING, COLOUR_ONLY, ONE_COLOUR, BENCHMARK]


def drawn(level: Level, count: int = 40, seed: int = 0) -> list[Lesson]:
    rng = np.random.default_rng(seed)
    return [curriculum.lessons(rng, 1, {level: 1.0}, 32)[0] for _ in range(count)]


def test_frames_are_those_of_the_encoded_video(tmp_path: Path) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        pixels = draw(plan(rng), rng)
        encode(tmp_path / f"{seed}.mp4", pixels)
        decoded, sampled = read_frames(tmp_path / f"{seed}.mp4", VIDEO, 32), curriculum.sample_frames(pixels, 32)
        assert np.array_equal(sampled.time_s, decoded.time_s)
        assert (sampled.interval_s, sampled.slack_s) == pytest.approx((decoded.interval_s, decoded.slack_s))
        assert sampled.pixels.shape == decoded.pixels.shape == (len(pixels) // FPS, 32, 32, 3)
        error = np.abs(sampled.pixels.astype(int) - decoded.pixels)
        assert error.mean() < 6 and error.max() < 160


@pytest.mark.parametrize("level", LEVELS)
def test_every_query_names_one_event(level: Level) -> None:
    for lesson in drawn(level):
        assert len({question.sample.query for question in lesson.asked}) == len(lesson.asked) == 3
        for event, question in zip(lesson.events, lesson.asked, strict=True):
            words = question.sample.query.split()
            assert set(words) <= {event.colour, event.shape, "shape"} and len(words) == (1 if level in OPENING else 2)
            others = [other for other in lesson.events if other != event]
            assert all(set(words) - {"shape"} - {other.colour, other.shape} for other in others), "it names another event too"
            assert answer_of(question) == f"{event.start_s}.0 to {event.end_s}.0"


@pytest.mark.parametrize("level", [*LEVELS, EVERY_KIND, KINDS_ONE_COLOUR])
def test_something_is_visible_exactly_during_the_events(level: Level) -> None:
    for lesson in drawn(level):
        shown = [any(e.start_s <= time < e.end_s for e in lesson.events) for time in lesson.frames.time_s]
        assert [bool(picture.max() > 100) for picture in lesson.frames.pixels] == shown


@pytest.mark.parametrize("level", OPENING)
def test_the_opening_is_as_easy_as_it_says(level: Level) -> None:
    for lesson in drawn(level):
        edges = [edge for event in lesson.events for edge in (event.start_s, event.end_s)]
        pairs = lesson.frames.pixels.reshape(-1, 2, 32 * 32 * 3)
        assert not level.pairs or all(edge % 2 == 0 for edge in edges)
        assert not level.pairs or np.array_equal(pairs[:, 0], pairs[:, 1]), "an edge inside a pair of frames"
        flat = all(len(np.unique(picture.reshape(-1, 3), axis=0)) == 1 for picture in lesson.frames.pixels)
        assert flat == level.fills
    odd = {event.start_s % 2 for lesson in drawn(level) for event in lesson.events}
    assert odd == ({0} if level.pairs else {0, 1})


def test_one_word_decides_where_a_level_says_so() -> None:
    for level in LEVELS:
        for events in (lesson.events for lesson in drawn(level)):
            colours, shapes = {event.colour for event in events}, {event.shape for event in events}
            assert level.looks != "colours" or (len(colours) == 3)
            assert level.looks != "shapes" or (len(colours), len(shapes)) == (1, 3)
    assert any(len({event.colour for event in lesson.events}) == 2 for lesson in drawn(BENCHMARK))


def test_one_call_draws_one_length_and_a_mixture_of_levels() -> None:
    lessons = curriculum.lessons(np.random.default_rng(1), 200, STAGES["moment"][-1], 32)
    assert len({len(lesson.frames.time_s) for lesson in lessons}) == 1
    for level, share in STAGES["moment"][-1].items():
        assert sum(lesson.level == level for lesson in lessons) == pytest.approx(200 * share, abs=25)


@pytest.mark.parametrize("level", [EVERY_KIND, KINDS_ONE_COLOUR])
def test_a_lesson_of_every_kind_asks_each_and_a_choice_for_each_letter(level: Level) -> None:
    for lesson in drawn(level):
        assert level == EVERY_KIND or len({event.colour for event in lesson.events}) == 1
        choices = [question for question in lesson.asked if question.protocol == RULES["choice"]]
        assert sorted(question.sample.truth.option for question in choices) == list(LETTERS)
        assert [question.protocol for question in lesson.asked] == [*RULES.values(), *[RULES["choice"]] * 3]


@pytest.mark.parametrize("level", [EVERY_KIND, KINDS_ONE_COLOUR])
def test_answers_of_every_kind_are_read_as_true(level: Level) -> None:
    for question in (question for lesson in drawn(level) for question in lesson.asked):
        sample, read = question.sample, parsers.reader(question.protocol)
        assert read(answer_of(question), sample.duration_s) == Answer(sample.truth.spans, option=sample.truth.option)


def test_shares_of_a_stage_sum_to_one_and_the_first_stage_is_the_same() -> None:
    assert all(sum(shares.values()) == pytest.approx(1) for stages in STAGES.values() for shares in stages)
    assert len({id(stages[0]) for stages in STAGES.values()}) == 1


def test_every_kind_shows_a_video_in_the_same_way() -> None:
    assert all(rules.video == VIDEO and rules.prompt.order == "video-text" for rules in RULES.values())
