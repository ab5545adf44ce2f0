"""Scenes keep the rules that make the benchmark worth something."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.synthetic.scene import COLOURS, DURATIONS_S, FPS, SHAPES, SIDE, Scene, draw, plan, shape_mask

scenes = st.integers(0, 2**32).map(lambda seed: plan(np.random.default_rng(seed)))


def iou(start: int, end: int, other_start: int, other_end: int) -> float:
    shared = max(0, min(end, other_end) - max(start, other_start))
    return shared / ((end - start) + (other_end - other_start) - shared)


@settings(deadline=None)
@given(scenes)
def test_events_lie_apart_inside_the_video(scene: Scene) -> None:
    assert scene.duration_s in DURATIONS_S
    ordered = sorted(scene.events)
    assert len(ordered) == 3
    assert ordered[0].start_s >= 0
    assert ordered[-1].end_s <= scene.duration_s
    assert all(2 <= event.end_s - event.start_s <= 8 for event in ordered)
    assert all(later.start_s - earlier.end_s >= 1 for earlier, later in pairwise(ordered))
    assert len({event.sentence for event in ordered}) == 3


@settings(deadline=None)
@given(scenes)
def test_no_answer_that_ignores_the_query_scores_above_a_third(scene: Scene) -> None:
    spans = [(start, end) for start in range(scene.duration_s) for end in range(start + 1, scene.duration_s + 1)]
    best = max(sum(iou(*span, event.start_s, event.end_s) for event in scene.events) / 3 for span in spans)
    assert best <= 1 / 3 + 1e-9


def test_a_blind_perfect_detector_and_position_in_the_file_score_a_third() -> None:
    plans = [plan(np.random.default_rng(seed)) for seed in range(300)]
    for place in range(3):
        answers = [(scene.events[place], event) for scene in plans for event in scene.events]
        score = np.mean([iou(said.start_s, said.end_s, true.start_s, true.end_s) for said, true in answers])
        assert abs(score - 1 / 3) < 1e-9
    firsts = [scene.events.index(min(scene.events)) for scene in plans]
    assert all(70 < firsts.count(place) < 130 for place in range(3))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_pixels_show_the_events_and_nothing_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = plan(rng)
    pixels = draw(scene, rng)
    assert pixels.shape == (scene.duration_s * FPS, SIDE, SIDE, 3)
    for second in range(scene.duration_s):
        shown = pixels[second * FPS : (second + 1) * FPS].reshape(-1, 3)
        colours = {tuple(colour) for colour in np.unique(shown, axis=0).tolist()}
        visible = [event for event in scene.events if event.start_s <= second < event.end_s]
        assert len(colours) == 1 + len(visible)
        assert all(COLOURS[event.colour] in colours for event in visible)


def test_shapes_differ() -> None:
    masks = [shape_mask(shape, 24) for shape in SHAPES]
    differing = [np.mean(a != b) for number, a in enumerate(masks) for b in masks[:number]]
    assert min(differing) > 0.1
