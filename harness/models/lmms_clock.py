"""What a model of lmms-eval is told about time, overheard between its processor and the model."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.frames import wrong_by_s
from harness.models import clock, prompt

Times = NDArray[np.float64]


class Ear:
    """Stands in for a processor, passes everything on, and keeps its last call."""

    def __init__(self, processor: Callable[..., Mapping[str, Any]]) -> None:
        self._processor = processor
        self.asked: Mapping[str, Any] = {}
        self.gave: Mapping[str, Any] = {}

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """What the processor gives."""
        self.asked, self.gave = keywords, {}
        self.gave = self._processor(*arguments, **keywords)
        return self.gave

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)

    def forget(self) -> None:
        """Drop the last call, and with it the pixels."""
        self.asked, self.gave = {}, {}


class Told(NamedTuple):
    """The times of a video's temporal patches, `(patches,)` seconds: as a model is told by a channel, and as the file shows them.

    `spacing_s` is the largest distance between two of the frames that were shown.
    """

    channel: str
    told_s: Times
    true_s: Times
    spacing_s: float

    @property
    def error_s(self) -> float:
        """Largest difference between a told and a true time, in seconds."""
        return float(np.abs(self.told_s - self.true_s).max())

    @property
    def wrong(self) -> bool:
        """Whether that is more than the distance of two frames."""
        return wrong_by_s(self.told_s, self.true_s, self.spacing_s) is not None


def told(ear: Ear, times_s: Times) -> Told | None:
    """What the last call told the model of a file whose frames are shown at `times_s`; None if no times can be read in it."""
    grid = ear.gave.get("video_grid_thw")
    if grid is None or not ear.asked.get("videos"):
        return None
    patches = int(grid[0][0])
    shown_s = _shown(ear.asked, patches, int(ear.video_processor.temporal_patch_size), times_s)
    spacing_s = float(np.diff(shown_s.ravel()).max(initial=0.0))
    if (seconds := ear.gave.get("second_per_grid_ts")) is not None:
        channel = f"second_per_grid_ts {float(seconds[0]):.3f}"
        return Told(channel, np.arange(patches, dtype=np.float64) * float(seconds[0]), shown_s[:, 0], spacing_s)
    stamps = clock.stamps(prompt.texts_before_blocks(ear.tokenizer, ear.gave["input_ids"][0].tolist()))
    if len(stamps) != patches:
        return None
    return Told("text timestamps", np.array(stamps), shown_s.mean(axis=1), spacing_s)


def _shown(asked: Mapping[str, Any], patches: int, size: int, times_s: Times) -> Times:
    """`(patches, size)` true times of the frames in the model.

    They follow from the frame numbers in the video's metadata. A class that gives none is taken to have spread its frames
    evenly from the first to the last of the file, as all of them do.
    """
    count = len(asked["videos"][0])
    metadata = asked.get("video_metadata")
    indices = np.asarray(metadata[0]["frames_indices"], dtype=np.int64) if metadata else None
    are_numbers = indices is not None and len(indices) == count and indices.max() < len(times_s)
    shown_s = times_s[indices] if are_numbers else np.linspace(times_s[0], times_s[-1], count)
    missing = patches * size - count
    if 0 <= missing < size:
        shown_s = np.append(shown_s, np.repeat(shown_s[-1], missing))
    else:
        # The processor chose again, evenly, among the frames that it was given.
        shown_s = np.interp(np.linspace(0, count - 1, patches * size), np.arange(count), shown_s)
    return np.asarray(shown_s, dtype=np.float64).reshape(patches, size)
