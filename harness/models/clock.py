"""The times a model is told, read back from what really reaches it, and compared with the times of the frames."""

import math
import re
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from harness.frames import ROUNDING_S, Frames
from tasks.errors import InputError

TICKS = 1_000_000
"""Frame indices per second given to Qwen3-VL's processor, which divides them by this rate: any time is an index."""

_STAMP = re.compile(r"<(\d{1,9}\.\d) seconds>$")
RULES = {
    "qwen2_vl": "frame order only",
    "qwen2_5_vl": "temporal positions: floor(patch * seconds per patch * tokens per second)",
    "qwen3_vl": "text timestamps: mean time of each temporal patch",
    "qwen3_vl_moe": "text timestamps: mean time of each temporal patch",
}
"""How a family is told the time, for `run.json`."""


class ClockError(InputError):
    """The model would be told wrong times. Stops the run: every answer would be wrong in the same way."""


def metadata(family: str, frames: Frames) -> dict[str, Any]:
    """Video metadata from which the family's processor derives the true clock.

    Qwen2.5-VL's processor divides the temporal patch size by the sampled rate, which is `fps` when every index is given;
    Qwen3-VL's divides each index by `fps`. Without metadata both silently assume 24 frames per second.
    """
    count = len(frames.time_s)
    if family.startswith("qwen3_vl"):
        ticks = [round(float(time) * TICKS) for time in frames.time_s]
        return {"total_num_frames": count, "fps": float(TICKS), "frames_indices": ticks}
    # A video of one frame has no interval, and any number of frames in no time.
    rate = 1.0 / frames.interval_s if frames.interval_s else math.inf
    return {"total_num_frames": count, "fps": rate, "frames_indices": list(range(count))}


def check_grid(frames: Frames, patch: int) -> NDArray[np.floating[Any]]:
    """Grid times of the first frames of temporal patches, `(patches,)` s. Raises ClockError if one is off by over `slack_s`."""
    grid = np.arange(len(frames.time_s), dtype=np.float64) * frames.interval_s
    _compare(frames.time_s, grid, frames.slack_s + ROUNDING_S, f"the frames that {frames.decoder} returned")
    return grid[::patch]


def check_seconds(seconds: float, frames: Frames, patch: int) -> None:
    """Check Qwen2.5-VL's `second_per_grid_ts` (seconds per temporal patch). Raises ClockError."""
    starts = np.arange(len(frames.time_s) // patch + 1, dtype=np.float64)
    source = f"second_per_grid_ts from the processor of transformers {transformers.__version__}"
    _compare(starts * seconds, starts * patch * frames.interval_s, ROUNDING_S, source)


def check_ids(positions: torch.Tensor, frames: Frames, patch: int, rate: float) -> None:
    """Check the temporal position ids `(video tokens,)` of Qwen2.5-VL, `rate` a second, `patch` frames a temporal patch.

    Raises ClockError where a patch is off by more than the resolution of the positions.
    """
    grid = check_grid(frames, patch)
    ids = positions.cpu().numpy().reshape(len(grid), -1).astype(np.float64)
    source = f"temporal position ids (get_rope_index, transformers {transformers.__version__})"
    for column in (0, -1):
        _compare((ids[:, column] - ids[0, 0]) / rate, grid, 1.0 / rate + ROUNDING_S, source)


def check_stamps(texts: list[str], frames: Frames, patch: int) -> None:
    """Check Qwen3-VL's timestamps, `<1.5 seconds>` at the end of the decoded text before each visual block of `patch` frames.

    Raises ClockError where a block has none, or one that is not the mean time of its frames.
    """
    check_grid(frames, patch)
    source = f"text timestamps from the processor of transformers {transformers.__version__}"
    found_s = stamps(texts)
    means = frames.time_s.reshape(-1, patch).mean(axis=1)
    if len(found_s) != len(texts) or len(found_s) != len(means):
        found = f"{len(found_s)} timestamps before {len(texts)} blocks"
        raise ClockError(f"{len(means)} blocks with a timestamp each", found, f"look at {source}")
    _compare(np.array(found_s), means, ROUNDING_S + 1e-4, source)


def stamps(texts: list[str]) -> list[float]:
    """The times in seconds at the end of those texts that end in Qwen3-VL's timestamp."""
    return [float(match[1]) for text in texts if (match := _STAMP.search(text)) is not None]


def _compare(encoded: NDArray[np.floating[Any]], true: NDArray[np.floating[Any]], tolerance: float, source: str) -> None:
    error = np.abs(encoded - true)
    worst = int(np.argmax(error))
    if not error[worst] <= tolerance:
        expected = f"{true[worst]:.3f} s (+- {tolerance:.3f} s) for entry {worst} of {len(true)}"
        raise ClockError(expected, f"{encoded[worst]:.3f} s from {source}", f"do not trust this stack; look at {source}")
