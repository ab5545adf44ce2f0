"""What the base learns from, easiest first: synthetic scenes drawn as they are needed, never twice.

Without the easier levels a model of this size settles for an answer that ignores the query, and stays there.
"""

import json
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.frames import Frames
from harness.synthetic import kinds
from harness.synthetic.scene import COLOURS, FPS, SHAPES, SIDE, Event, Scene, draw, plan
from harness.video.sampling import grid, target_size
from tasks import protocol
from tasks.formats.own import read_own
from tasks.question import Question
from tasks.sample import one_query
from tasks.span import Span

RULES = {kind: protocol.form("synthetic", [kind]) for kind in kinds.KINDS}
"""The protocol of each kind of question; all show a video in the same way."""
VIDEO = RULES["moment"].video

LENGTHS_S = (16, 20, 20, 24, 24, 24)
"""The benchmark's lengths. The longest stands there most, for the last seconds are seen in it alone."""


class Level(NamedTuple):
    """What videos of a level look like, and how their events are called.

    Attributes:
        called: What stands in the question, of `{colour}` and `{shape}`; empty: the benchmark of every kind of question.
        looks: Any that differ; colours that differ and any shapes; one colour and shapes that differ.
        fills: Whether the colour of an event fills the frame.
        pairs: Whether edges fall between the pairs of frames that share a visual token.
        alone: Whether what it is called stands alone behind the video, and the answer follows at once.
    """

    called: str
    looks: Literal["any", "colours", "shapes"] = "any"
    fills: bool = False
    pairs: bool = False
    alone: bool = False


COLOUR_PAIRS = Level("{colour}", "colours", fills=True, pairs=True)
COLOUR = Level("{colour}", "colours", fills=True)
SHAPE_PAIRS = Level("{shape}", "shapes", pairs=True)
SHAPE = Level("{shape}", "shapes")
COLOUR_ONLY = Level("{colour} shape", "colours")
ONE_COLOUR = Level("{colour} {shape}", "shapes")
BENCHMARK = Level("{colour} {shape}")
EVERY_KIND = Level("")
KINDS_ONE_COLOUR = Level("", "shapes")

WORD_ALONE = {
    COLOUR_PAIRS._replace(alone=True): 0.4,
    COLOUR._replace(alone=True): 0.1,
    SHAPE_PAIRS._replace(alone=True): 0.4,
    SHAPE._replace(alone=True): 0.1,
}
COLOURS_FIRST = {COLOUR_PAIRS: 0.8, COLOUR: 0.2}
SHAPES_TOO = {COLOUR_PAIRS: 0.2, COLOUR: 0.05, SHAPE_PAIRS: 0.6, SHAPE: 0.15}
STAGES: dict[str, tuple[dict[Level, float], ...]] = {
    "moment": (WORD_ALONE, COLOURS_FIRST, SHAPES_TOO, {COLOUR_ONLY: 0.25, BENCHMARK: 0.5, ONE_COLOUR: 0.25}),
    "all": (WORD_ALONE, COLOURS_FIRST, SHAPES_TOO, {BENCHMARK: 0.2, ONE_COLOUR: 0.1, EVERY_KIND: 0.4, KINDS_ONE_COLOUR: 0.3}),
}
"""Shares of the levels by the kinds of question that are learned. A stage ends when it is learned, the last with the schedule.

One word names an event before two do, and shapes get a stage of their own: a model that looks for colours alone answers 87 % of
the benchmark, and then never turns to shapes. First of all the word stands alone: the token that has to find an event answers at
once, while in a whole question another must fetch it first, which some seeds do not learn. A weak base skips both stages."""


class Lesson(NamedTuple):
    """One video with its questions."""

    frames: Frames  # What a model is given
    events: tuple[Event, ...]  # What is visible when
    asked: tuple[Question, ...]  # What is asked about it, and what is true
    level: Level


def lessons(rng: np.random.Generator, count: int, shares: Mapping[Level, float], factor: int) -> list[Lesson]:
    """Draw videos, each of a level of its own by these shares; sides are multiples of `factor`.

    All have one length, except those that are asked every kind of question.
    """
    duration_s = int(rng.choice(LENGTHS_S))
    levels = list(shares)
    drawn = rng.choice(len(levels), count, p=list(shares.values()))
    return [_lesson(rng, duration_s, levels[index], factor) for index in drawn.tolist()]


def _lesson(rng: np.random.Generator, duration_s: int, level: Level, factor: int) -> Lesson:
    if not level.called:
        return _of_every_kind(rng, level, factor)
    scene = simplify(plan(rng, [duration_s]), level, rng)
    pixels = _fill(scene, rng) if level.fills else draw(scene, rng)
    asked = tuple(_question(scene.duration_s, event, level) for event in scene.events)
    return Lesson(sample_frames(pixels, factor), scene.events, asked, level)


def _question(duration_s: int, event: Event, level: Level) -> Question:
    called = level.called.format(colour=event.colour, shape=event.shape)
    span = Span(float(event.start_s), float(event.end_s))
    return Question(one_query("drawn", float(duration_s), called, [span]), "direct", RULES["moment"])


def _of_every_kind(rng: np.random.Generator, level: Level, factor: int) -> Lesson:
    scene = simplify(kinds.plan(rng, int(rng.choice(kinds.TIMES_SEEN))), level, rng)
    first, *others = [kinds.ask("drawn", scene, letter, rng) for letter in rng.permutation(list(kinds.LETTERS)).tolist()]
    # Letters are learned last, so the choice is asked once for each.
    rows = [*first.items(), *(("choice", other["choice"]) for other in others)]
    asked = (Question(read_own(json.dumps(row), "a drawn row")[0], "direct", RULES[kind]) for kind, row in rows)
    return Lesson(sample_frames(draw(scene, rng), factor), scene.events, tuple(asked), level)


def sample_frames(pixels: NDArray[np.uint8], factor: int) -> Frames:
    """The frames that a decoder would return, had `pixels` `(n, 64, 64, 3)` been encoded without loss."""
    times_s = np.arange(len(pixels)) / FPS
    chosen = grid(times_s, 1 / FPS, VIDEO)
    height, width = target_size(SIDE, SIDE, len(chosen.indices), VIDEO, factor)
    images = pixels[chosen.indices]
    # Most pictures repeat the one before, and resizing is what drawing a lesson costs.
    new = np.array([True, *(images[1:] != images[:-1]).any(axis=(1, 2, 3))])
    resized = [np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)) for image in images[new]]
    return Frames(np.stack(resized)[new.cumsum() - 1], times_s[chosen.indices], *chosen[1:], "drawn")


def simplify(scene: Scene, level: Level, rng: np.random.Generator) -> Scene:
    """The scene with the looks and edges of the level."""
    count = len(scene.events)
    if level.looks == "shapes":
        colours = [rng.integers(len(COLOURS))] * count
        shapes = list(rng.choice(len(SHAPES), count, replace=False))
    elif level.looks == "colours":
        colours = list(rng.choice(len(COLOURS), count, replace=False))
        shapes = [rng.integers(len(SHAPES)) for _ in colours]
    else:
        return scene
    looks = zip(scene.events, colours, shapes, strict=True)
    events = [event._replace(colour=list(COLOURS)[colour], shape=SHAPES[shape]) for event, colour, shape in looks]
    if level.pairs:
        events = [event._replace(start_s=event.start_s // 2 * 2, end_s=event.end_s // 2 * 2) for event in events]
    return scene._replace(events=tuple(events))


def _fill(scene: Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Frames `(duration * 2, 64, 64, 3)` in which an event is a colour."""
    pixels = np.full((scene.duration_s * FPS, SIDE, SIDE, 3), rng.integers(20, 60, 3), dtype=np.uint8)
    for event in scene.events:
        pixels[event.start_s * FPS : event.end_s * FPS] = COLOURS[event.colour]
    return pixels
