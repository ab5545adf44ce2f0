"""Whether answers are right by another clock: in another unit, or too fast, slow, early or late by a constant."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tasks.metrics import Floats, iou
from tasks.statistics import estimate

LEAST_GAIN, LEAST_ERRORS = 0.02, 4.0
"""A clock is believed from this gain in mean IoU on, if that is this many standard errors (about 130 clocks are tried)."""
BEHIND = 0.5
"""The other moment a gain is held against is that of the sample half a split away."""


class Clock(NamedTuple):
    """How a time that was said becomes one in the video: `scale * time + offset_s`, the scale a part of it if `of_duration`."""

    name: str
    scale: float = 1.0
    offset_s: float = 0.0
    of_duration: bool = False

    def read(self, spans: Floats, duration_s: Floats) -> Floats:
        """`(n, 2)` spans in seconds from `(n, 2)` spans by this clock."""
        factor = self.scale * duration_s[:, None] if self.of_duration else self.scale
        return np.asarray(spans * factor + self.offset_s)


FRACTIONS = Clock("fractions of the video", 1.0, of_duration=True)
PERCENT = Clock("hundredths of the video", 0.01, of_duration=True)
MILLISECONDS = Clock("milliseconds", 0.001)
OFFSETS = (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
CLOCKS = (
    *(FRACTIONS, PERCENT, MILLISECONDS, Clock("minutes", 60.0)),
    *(Clock(f"times x {2 ** (step / 8):.3g}", 2 ** (step / 8)) for step in range(-48, 49) if step),
    *(Clock(f"times {sign * offset:+g} s", offset_s=sign * offset) for offset in OFFSETS for sign in (-1, 1)),
)
"""The units people confuse, factors of 1/64 to 64 in steps of 9 %, offsets of 1 to 64 s."""


def wrong_clock(spans: Floats, targets: Floats, duration_s: Floats, videos: Sequence[str]) -> tuple[Clock, float] | None:
    """The clock by which all answers of a run fit their moments much better, with the gain in mean IoU; None if there is none.

    What a clock also gains on another query's moment (moved to this video by its relative place) is not the clock's merit but
    that of a likelier place, and is taken off: a model that always says the whole video has no wrong clock.

    Args:
        spans: `(n, 2)` first span of each answer in seconds, (0, 0) where there is none.
        targets: `(n, t, 2)` true moments, (0, 0) where there are fewer.
        duration_s: `(n,)`.
        videos: `(n,)`.
    """
    others = np.roll(targets / duration_s[:, None, None], round(BEHIND * len(spans)), axis=0) * duration_s[:, None, None]

    def fit(read: Floats) -> Floats:
        return best_iou(read, targets) - best_iou(read, others)

    plain = fit(spans)
    gains = estimate(np.stack([fit(clock.read(spans, duration_s)) - plain for clock in CLOCKS], axis=1), videos)
    with np.errstate(invalid="ignore"):
        believed = (gains.mean >= LEAST_GAIN) & (gains.mean >= LEAST_ERRORS * gains.error)
    if not believed.any():
        return None
    best = int(np.where(believed, gains.mean, -1.0).argmax())
    gain = best_iou(CLOCKS[best].read(spans, duration_s), targets) - best_iou(spans, targets)
    return CLOCKS[best], float(gain.mean())


def other_units(spans: Floats, duration_s: Floats) -> list[Floats]:
    """Readings in another unit of spans that cannot be seconds of their video, (0, 0) for the others.

    Both times up to 1 in a video of 10 s or more may be fractions; what lies beyond the end, hundredths or milliseconds.
    Shapes are `(n, 2)` and `(n,)`.
    """
    tiny, beyond = (spans[:, 1] <= 1) & (duration_s >= 10), spans[:, 1] > duration_s
    units = ((FRACTIONS, tiny), (PERCENT, beyond), (MILLISECONDS, beyond))
    return [np.where(suspect[:, None], unit.read(spans, duration_s), 0.0) for unit, suspect in units]


def best_iou(spans: Floats, targets: Floats) -> Floats:
    """`(n,)` IoU of `(n, 2)` spans with the best of their `(n, t, 2)` targets."""
    every = np.broadcast_to(spans[:, None], targets.shape)
    return np.asarray(iou(every.reshape(-1, 2), targets.reshape(-1, 2)).reshape(targets.shape[:2]).max(axis=1))
