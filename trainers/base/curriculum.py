"""What the base learns from, easiest first: synthetic scenes drawn as they are needed, never twice.

Without the easier levels a model of this size settles for an answer that ignores the query, and stays there.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.frames import Frames
from harness.synthetic.scene import COLOURS, DURATIONS_S, FPS, SHAPES, SIDE, Event, Scene, draw, plan
from harness.video.sampling import grid, target_size
from tasks.rules import VideoRules

WHOLE_PAIRS, FULL_FRAME, COLOUR_ONLY, BENCHMARK, ONE_COLOUR = range(5)
"""Levels. One colour fills the frame, and edges fall between the pairs of frames that share a visual token; edges anywhere;
shapes, but the query names the colour only; the benchmark itself; the same in one colour, so that the shape word decides."""

OPENING = {WHOLE_PAIRS: 0.8, FULL_FRAME: 0.2}
WHOLE = {WHOLE_PAIRS: 0.05, COLOUR_ONLY: 0.1, BENCHMARK: 0.45, ONE_COLOUR: 0.4}
"""Shares of the levels until the opening is learned, and from then on. Without the few odd seconds of `FULL_FRAME` the opening
teaches nothing about every other time, and answers like "9.0 to 7.0" follow."""


class Lesson(NamedTuple):
    """One video with its questions."""

    frames: Frames  # What a model is given
    events: tuple[Event, ...]  # What is visible when
    queries: tuple[str, ...]  # What each event is called
    level: int  # One of the levels above


def lessons(rng: np.random.Generator, count: int, levels: dict[int, float], rules: VideoRules, factor: int) -> list[Lesson]:
    """Draw videos of one length, each of a level of its own by the shares in `levels`; sides are multiples of `factor`."""
    duration_s = int(rng.choice(DURATIONS_S))
    drawn = rng.choice(list(levels), count, p=list(levels.values()))
    return [_lesson(rng, duration_s, int(level), rules, factor) for level in drawn]


def _lesson(rng: np.random.Generator, duration_s: int, level: int, rules: VideoRules, factor: int) -> Lesson:
    scene = _simplify(plan(rng, [duration_s]), level, rng)
    pixels = _fill(scene, rng) if level <= FULL_FRAME else draw(scene, rng)
    queries = tuple(f"{event.colour} shape" if level < BENCHMARK else event.sentence for event in scene.events)
    return Lesson(sample(pixels, rules, factor), scene.events, queries, level)


def sample(pixels: NDArray[np.uint8], rules: VideoRules, factor: int) -> Frames:
    """The frames that a decoder would return, had `pixels` `(n, 64, 64, 3)` been encoded without loss."""
    times_s = np.arange(len(pixels)) / FPS
    chosen = grid(times_s, 1 / FPS, rules)
    height, width = target_size(SIDE, SIDE, len(chosen.indices), rules, factor)
    images = pixels[chosen.indices]
    # Most pictures repeat the one before, and resizing is what drawing a lesson costs.
    new = np.array([True, *(images[1:] != images[:-1]).any(axis=(1, 2, 3))])
    resized = [np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)) for image in images[new]]
    return Frames(np.stack(resized)[new.cumsum() - 1], times_s[chosen.indices], *chosen[1:], "drawn")


def _simplify(scene: Scene, level: int, rng: np.random.Generator) -> Scene:
    """Other looks: one colour and distinct shapes, or distinct colours and any shapes."""
    if level == BENCHMARK:
        return scene
    count = len(scene.events)
    if level == ONE_COLOUR:
        colours = [rng.integers(len(COLOURS))] * count
        shapes = list(rng.choice(len(SHAPES), count, replace=False))
    else:
        colours = list(rng.choice(len(COLOURS), count, replace=False))
        shapes = [rng.integers(len(SHAPES)) for _ in colours]
    looks = zip(scene.events, colours, shapes, strict=True)
    events = [event._replace(colour=list(COLOURS)[colour], shape=SHAPES[shape]) for event, colour, shape in looks]
    if level == WHOLE_PAIRS:
        events = [event._replace(start_s=event.start_s // 2 * 2, end_s=event.end_s // 2 * 2) for event in events]
    return scene._replace(events=tuple(events))


def _fill(scene: Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Frames `(duration * 2, 64, 64, 3)` in which an event is a colour."""
    pixels = np.full((scene.duration_s * FPS, SIDE, SIDE, 3), rng.integers(20, 60, 3), dtype=np.uint8)
    for event in scene.events:
        pixels[event.start_s * FPS : event.end_s * FPS] = COLOURS[event.colour]
    return pixels
