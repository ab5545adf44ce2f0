"""Sampled pixels and the time of each of them, and what they are sampled for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.question import Question
from tasks.span import Span


class Job(NamedTuple):
    """A video to decode (`path` is None where it is missing), or a cut of it in seconds; `key` tells it from the others."""

    key: str
    path: Path | None
    clip: Span | None = None
    questions: Sequence[Question] = ()


@dataclass(frozen=True)
class Frames:
    """Frames of one video, on a uniform grid of times from 0 to the last frame.

    Attributes:
        pixels: `(n, height, width, 3)` uint8 RGB, upright, already at the size the model is given; n is even.
        time_s: `(n,)` float64, presentation time of each frame in seconds from the first frame of the file, or from the start
            of the clip.
        interval_s: Spacing of the uniform grid of times that was asked for, in seconds.
        slack_s: How far a frame may lie from its grid time at most (half the largest gap between the video's frames).
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
