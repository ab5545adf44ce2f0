"""How qwen_vl_utils, through which many classes of lmms-eval read video, gets its pictures: with the reader of this project.

Left alone it takes torchcodec or decord wherever they are installed, whether or not they load, and where they fail turns to a
function of torchvision that is gone. Torchcodec needs the system's ffmpeg libraries. decord shows other pictures than the frame
numbers say in some files. PyAV brings its libraries, and one pass over a file is exact. So every machine reads the same frames,
with the pixels that torchcodec gives where it loads.
"""

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from loguru import logger

from harness import extras
from harness.video.failure import DecodeError
from harness.video.times import Timeline, opened, timeline
from harness.video.with_pyav import frames
from tasks.errors import Failure, InputError, unknown

Video = tuple[torch.Tensor, dict[str, Any], float]

VARIABLE = "FORCE_QWENVL_VIDEO_READER"
"""The environment variable by which users of qwen_vl_utils choose a reader."""

OURS = "pyav (vtg-harness)"
CAREFUL = "decord shows other pictures than the frame numbers say in files with open groups of pictures or MPEG-4 B-frames"
LIBRARIES = {"decord": "decord", "torchcodec": "torchcodec.decoders", "torchvision": "torchvision.io"}


@dataclass
class Reader:
    """Stands where qwen_vl_utils keeps its reader, under the name of what reads, and remembers whether it was asked."""

    name: str
    read: Callable[[Mapping[str, Any]], Video]
    used: bool = False

    def __call__(self, asked: Mapping[str, Any]) -> Video:
        """Frames, metadata and frames per second of one video."""
        self.used = True
        return self.read(asked)


def install() -> Reader | None:
    """Give qwen_vl_utils, if it is installed, the reader that `VARIABLE` names (raises InputError if it is none), else ours."""
    try:
        from qwen_vl_utils import vision_process
    except ModuleNotFoundError as error:
        if error.name != "qwen_vl_utils":
            raise
        return None
    theirs = _theirs()
    if (name := os.environ.get(VARIABLE)) is None:
        reader = Reader(OURS, read)
    else:
        _check(name)
        reader = Reader(f"{name} ({VARIABLE})", theirs[name])
        if name == "decord":
            logger.warning("{}={}: {}", VARIABLE, name, CAREFUL)
    vision_process.VIDEO_READER_BACKENDS.update({"torchvision": _raise_again, reader.name: reader})
    vision_process.FORCE_QWENVL_VIDEO_READER = reader.name
    vision_process.get_video_reader_backend.cache_clear()
    return reader


@cache
def _theirs() -> dict[str, Callable[[Mapping[str, Any]], Video]]:
    """The readers of qwen_vl_utils, before ours stands among them."""
    from qwen_vl_utils import vision_process

    return dict(vision_process.VIDEO_READER_BACKENDS)


def _check(name: str) -> None:
    step = f"unset {VARIABLE}"
    if name not in LIBRARIES:
        raise InputError(f"the name of a reader in {VARIABLE}", unknown(name, LIBRARIES), step)
    try:
        module = importlib.import_module(LIBRARIES[name])
    except extras.BROKEN as error:
        found = f"{name} does not load: {str(error).splitlines()[0]}"
        raise InputError(f"the reader that {VARIABLE} names", found, step) from error
    if name == "torchvision" and not hasattr(module, "read_video"):
        raise InputError(f"the reader that {VARIABLE} names", "a torchvision that reads no video any more", step)


def _raise_again(asked: Mapping[str, Any]) -> Video:  # noqa: ARG001
    """In the place of the reader that qwen_vl_utils tries, inside its `except`, after the chosen one failed."""
    raise


def read(asked: Mapping[str, Any]) -> Video:
    """The frames that qwen_vl_utils chooses of a file: `(frames, 3, h, w)` uint8, metadata for transformers, and their rate.

    `asked` holds `video` (a path) and what else qwen_vl_utils was told: `fps`, `nframes`, `min_frames`, `max_frames`,
    `video_start`, `video_end`. Raises DecodeError, and ValueError where it cannot choose frames in so short a video.
    """
    from qwen_vl_utils import vision_process

    path = Path(asked["video"].removeprefix("file://"))
    shown = timeline(path)
    rate = _rate(path, shown)
    first, last, total = vision_process.calculate_video_frame_range(asked, len(shown.times_s), rate)
    count = vision_process.smart_nframes(asked, total_frames=total, video_fps=rate)
    indices = torch.linspace(first, last, count).round().long().tolist()
    pixels = _pixels(path, path.stat().st_mtime_ns, tuple(indices))
    metadata = {"fps": rate, "frames_indices": indices, "total_num_frames": total, "video_backend": "pyav"}
    return pixels, metadata, count / total * rate


def _rate(path: Path, shown: Timeline) -> float:
    """Frames per second as the file states them, as the other readers do. The clock of the run measures what they are worth."""
    with opened(path, "video-unreadable") as container:
        if not (rate := container.streams[shown.stream].average_rate):
            raise DecodeError(Failure("video-unreadable", f"{path.name} states no frame rate"))
        return float(rate)


@lru_cache(maxsize=1)
def _pixels(path: Path, changed_ns: int, indices: tuple[int, ...]) -> torch.Tensor:  # noqa: ARG001
    """Decoded once for all questions on a video, which come one after the other."""
    positions, where = np.unique(np.array(indices), return_inverse=True)
    images = np.stack(list(frames(path, timeline(path), positions)))
    return torch.from_numpy(images[where]).permute(0, 3, 1, 2)
