"""What happens in a synthetic video, and its pixels. Pure functions of a random generator."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDE = 64
FPS = 2
DURATIONS_S = (16, 20, 24)
EVENTS = 3
LENGTHS_S = (2, 8)
GAP_S = 1
RADII = (20, 28)
COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 200, 60),
    "blue": (50, 80, 230),
    "yellow": (230, 220, 50),
    "purple": (170, 50, 200),
    "white": (240, 240, 240),
}
SHAPES = ("circle", "square", "triangle", "cross")
LOOKS = [(colour, shape) for colour in COLOURS for shape in SHAPES]


class Event(NamedTuple):
    """A shape that is visible from `start_s` up to `end_s`, both whole seconds; of radius 0 pixels: one is drawn."""

    start_s: int
    end_s: int
    colour: str
    shape: str
    radius: int = 0

    @property
    def sentence(self) -> str:
        """What a query calls it."""
        return f"{self.colour} {self.shape}"


class Scene(NamedTuple):
    """A video: its length and its events, in an order that tells nothing about time."""

    duration_s: int
    events: tuple[Event, ...]


def plan(rng: np.random.Generator, durations_s: Sequence[int] = DURATIONS_S) -> Scene:
    """Three events of 2 to 8 s at least 1 s apart, with distinct (colour, shape) pairs, in a video of any of these lengths."""
    duration_s = int(rng.choice(durations_s))
    times = place(rng, duration_s, EVENTS, LENGTHS_S)
    looks = rng.choice(len(LOOKS), EVENTS, replace=False)
    events = [Event(*time, *LOOKS[look]) for time, look in zip(times, looks, strict=True)]
    return Scene(duration_s, tuple(events[index] for index in rng.permutation(EVENTS)))


def place(rng: np.random.Generator, duration_s: int, count: int, lengths_s: tuple[int, int]) -> list[tuple[int, int]]:
    """Starts and ends in whole seconds, in order of time, of `count` events of these lengths at least 1 s apart."""
    free_s = -1
    while free_s < 0:
        lengths = rng.integers(lengths_s[0], lengths_s[1] + 1, count)
        free_s = duration_s - int(lengths.sum()) - GAP_S * (count - 1)
    starts = np.sort(rng.integers(0, free_s + 1, count)) + np.concatenate([[0], np.cumsum(lengths[:-1] + GAP_S)])
    return list(zip(starts.tolist(), (starts + lengths).tolist(), strict=True))


def draw(scene: Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Frames `(duration * 2, 64, 64, 3)` RGB: shapes at random places on one flat dark colour."""
    background = np.full((SIDE, SIDE, 3), rng.integers(20, 60, 3), dtype=np.uint8)
    pixels = np.repeat(background[None], scene.duration_s * FPS, axis=0)
    for event in scene.events:
        radius = event.radius or int(rng.integers(RADII[0], RADII[1] + 1))
        top, left = rng.integers(0, SIDE - 2 * radius, 2)
        picture = background.copy()
        picture[top : top + 2 * radius + 1, left : left + 2 * radius + 1][shape_mask(event.shape, radius)] = COLOURS[event.colour]
        pixels[event.start_s * FPS : event.end_s * FPS] = picture
    return pixels


def shape_mask(shape: str, radius: int) -> NDArray[np.bool_]:
    """Which of `(2 * radius + 1)` squared pixels belong to the shape."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    masks: dict[str, NDArray[np.bool_]] = {
        "circle": x * x + y * y <= radius * radius,
        "square": np.maximum(abs(x), abs(y)) <= 0.85 * radius,
        "triangle": abs(x) <= (y + radius) / 2,
        "cross": np.minimum(abs(x), abs(y)) <= radius // 3,
    }
    return masks[shape]
