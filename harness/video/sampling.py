"""Which frames of a video a model sees, and at which size: the rules of `qwen_vl_utils`, on true presentation times."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.rules import VideoRules
from tasks.span import Span

MAX_RATIO = 200


class Grid(NamedTuple):
    """The frames nearest to a uniform grid of times, none farther than `slack_s` from its grid time.

    `indices` `(n,)` are positions in the list of times that was asked about; n is even, positions may repeat. `interval_s` is 0
    where the video has one frame only.
    """

    indices: NDArray[np.int64]
    interval_s: float
    slack_s: float


def frame_count(total: int, duration_s: float, rules: VideoRules) -> int:
    """Number of frames to sample out of `total`: even, at least 2."""
    lowest = 2 * math.ceil(rules.min_frames / 2)
    highest = min(2 * (rules.max_frames // 2), total)
    # Rounded because 2.0 s at 2 fps, summed up in floats, is 3.9999999 frames.
    wanted = round(duration_s * rules.fps, 6)
    return max(2, 2 * math.floor(min(max(wanted, lowest), highest) / 2))


def grid(times_s: NDArray[np.float64], frame_duration_s: float, rules: VideoRules) -> Grid:
    """Lay a uniform grid from 0 to the last frame's time and take the frame nearest to each point.

    `times_s` `(total,)` are ascending; the last frame is shown for `frame_duration_s`. Raises ValueError where there is none.
    """
    if len(times_s) == 0:
        raise ValueError("a grid needs at least one frame")
    last_s = float(times_s[-1])
    count = frame_count(len(times_s), last_s + frame_duration_s, rules)
    points = np.linspace(0.0, last_s, count)
    after = np.searchsorted(times_s, points).clip(0, len(times_s) - 1)
    before = (after - 1).clip(0)
    indices = np.where(points - times_s[before] <= times_s[after] - points, before, after).astype(np.int64)
    gaps = np.diff(times_s)
    slack_s = max(abs(float(times_s[0])), float(gaps.max(initial=0.0)) / 2)
    return Grid(indices, last_s / (count - 1), slack_s)


def within(times_s: NDArray[np.float64], clip: Span | None) -> tuple[slice, NDArray[np.float64]]:
    """Which frames lie in the clip (start <= time < end), and their times from the start of the clip."""
    if clip is None:
        return slice(0, len(times_s)), times_s
    start_s, end_s = float(clip.start_s), float(clip.end_s)
    chosen = slice(*np.searchsorted(times_s, [start_s, end_s]).tolist())
    return chosen, times_s[chosen] - start_s


def target_size(height: int, width: int, n_frames: int, rules: VideoRules, factor: int) -> tuple[int, int]:
    """Height and width for the model, multiples of `factor` within the pixel budget. Raises ValueError for sides over 200 : 1."""
    if max(height, width) > MAX_RATIO * min(height, width):
        raise ValueError(f"sides may differ by {MAX_RATIO} times at most, got {height}x{width}")
    highest = max(min(rules.max_pixels, rules.total_pixels / n_frames * 2), int(rules.min_pixels * 1.05))
    rounded = max(factor, round(height / factor) * factor), max(factor, round(width / factor) * factor)
    if math.prod(rounded) > highest:
        shrink = math.sqrt(height * width / highest)
        return _floor(height / shrink, factor), _floor(width / shrink, factor)
    if math.prod(rounded) < rules.min_pixels:
        grow = math.sqrt(rules.min_pixels / (height * width))
        return math.ceil(height * grow / factor) * factor, math.ceil(width * grow / factor) * factor
    return rounded


def _floor(side: float, factor: int) -> int:
    return max(factor, math.floor(side / factor) * factor)
