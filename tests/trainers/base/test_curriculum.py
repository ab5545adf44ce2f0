from pathlib import Path

import numpy as np
import pytest

from harness.synthetic.make import encode
from harness.synthetic.scene import FPS, draw, plan
from harness.video.decode import read_frames
from tasks import protocol
from trainers.base import curriculum
from trainers.base.curriculum import BENCHMARK, COLOUR_ONLY, FULL_FRAME, ONE_COLOUR, WHOLE_PAIRS, Lesson

RULES = protocol.load("synthetic").video
LEVELS = [WHOLE_PAIRS, FULL_FRAME, COLOUR_ONLY, BENCHMARK, ONE_COLOUR]


def drawn(level: int, count: int = 40, seed: int = 0) -> list[Lesson]:
    rng = np.random.default_rng(seed)
    return [curriculum.lessons(rng, 1, {level: 1.0}, RULES, 32)[0] for _ in range(count)]


def test_frames_are_those_of_the_encoded_video(tmp_path: Path) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        pixels = draw(plan(rng), rng)
        encode(tmp_path / f"{seed}.mp4", pixels)
        decoded, sampled = read_frames(tmp_path / f"{seed}.mp4", RULES, 32), curriculum.sample(pixels, RULES, 32)
        assert np.array_equal(sampled.time_s, decoded.time_s)
        assert (sampled.interval_s, sampled.slack_s) == pytest.approx((decoded.interval_s, decoded.slack_s))
        assert sampled.pixels.shape == decoded.pixels.shape == (len(pixels) // FPS, 32, 32, 3)
        error = np.abs(sampled.pixels.astype(int) - decoded.pixels)
        assert error.mean() < 6 and error.max() < 160


@pytest.mark.parametrize("level", LEVELS)
def test_every_query_names_one_event(level: int) -> None:
    for lesson in drawn(level):
        assert len(set(lesson.queries)) == len(lesson.queries) == 3
        for event, query in zip(lesson.events, lesson.queries, strict=True):
            assert query == (f"{event.colour} {event.shape}" if level in (BENCHMARK, ONE_COLOUR) else f"{event.colour} shape")


@pytest.mark.parametrize("level", LEVELS)
def test_something_is_visible_exactly_during_the_events(level: int) -> None:
    for lesson in drawn(level):
        shown = [any(e.start_s <= time < e.end_s for e in lesson.events) for time in lesson.frames.time_s]
        assert [bool(picture.max() > 100) for picture in lesson.frames.pixels] == shown


def test_levels_are_as_easy_as_they_say() -> None:
    for lesson in drawn(WHOLE_PAIRS):
        assert all(event.start_s % 2 == event.end_s % 2 == 0 < event.end_s - event.start_s for event in lesson.events)
        pairs = lesson.frames.pixels.reshape(-1, 2, 32 * 32 * 3)
        assert np.array_equal(pairs[:, 0], pairs[:, 1]), "an edge inside a pair of frames"
    for lesson in (*drawn(WHOLE_PAIRS), *drawn(FULL_FRAME)):
        assert all(len(np.unique(picture.reshape(-1, 3), axis=0)) == 1 for picture in lesson.frames.pixels)
    assert {event.start_s % 2 for lesson in drawn(FULL_FRAME) for event in lesson.events} == {0, 1}
    assert all(len({event.colour for event in lesson.events}) == 3 for level in LEVELS[:3] for lesson in drawn(level))
    assert all(len({event.colour for event in lesson.events}) == 1 for lesson in drawn(ONE_COLOUR))


def test_one_call_draws_one_length_and_a_mixture_of_levels() -> None:
    lessons = curriculum.lessons(np.random.default_rng(1), 200, curriculum.WHOLE, RULES, 32)
    assert len({len(lesson.frames.time_s) for lesson in lessons}) == 1
    for level, share in curriculum.WHOLE.items():
        assert sum(lesson.level == level for lesson in lessons) == pytest.approx(200 * share, abs=25)
