"""Sampled pixels and the time of each of them, and what they are sampled for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.question import Question
from tasks.span import Span

ROUNDING_S = 0.05
"""Half of the last digit of a time written as `1.5 seconds`; what a clock may be off by besides its own resolution."""


class Job(NamedTuple):
    """A video to decode, or a cut of one.

    Attributes:
        key: Name of the video, or whatever tells its jobs apart.
        path: The video file, None where it is missing.
        clip: Bounds in seconds, or None for the whole video.
        questions: What is asked about it; empty where only frames are wanted.
        owners: The number of the run that asks each question, where several runs share the frames.
    """

    key: str
    path: Path | None
    clip: Span | None = None
    questions: Sequence[Question] = ()
    owners: Sequence[int] = ()


@dataclass(frozen=True)
class Frames:
    """Frames of one video, on a uniform grid of times from 0 to the last frame.

    Attributes:
        pixels: `(n, height, width, 3)` uint8 RGB, upright, already at the size the model is given; n is even.
        time_s: `(n,)` float64, presentation time of each frame in seconds from the first frame of the file, or from the start
            of the clip.
        interval_s: Spacing of the uniform grid of times that was asked for, in seconds.
        slack_s: How far a frame may lie from its grid time at most (half the largest gap between the video's frames).
        decoder: The decoder that was used.
    """

    pixels: NDArray[np.uint8]
    time_s: NDArray[np.float64]
    interval_s: float
    slack_s: float
    decoder: str

    def fingerprint(self) -> dict[str, Any]:
        """What `samples.jsonl` keeps of the frames."""
        return {
            "count": len(self.time_s),
            "first_s": round(float(self.time_s[0]), 6),
            "last_s": round(float(self.time_s[-1]), 6),
            "height": int(self.pixels.shape[1]),
            "width": int(self.pixels.shape[2]),
            "decoder": self.decoder,
        }


def wrong_by_s(told_s: NDArray[np.float64], true_s: NDArray[np.float64], spacing_s: float) -> float | None:
    """By how many seconds times that a model is told are wrong at most; None within the distance of two frames, `spacing_s`.

    Within it lies the usual way of reckoning: n frames of a video of d seconds are d / n apart, though the last of them is its
    last frame.
    """
    error_s = float(np.abs(told_s - true_s).max(initial=0.0))
    return None if error_s <= spacing_s + ROUNDING_S else error_s
