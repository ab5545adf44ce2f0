"""When each frame of a video file is shown, read from the container without decoding."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness import extras
from harness.video.boxes import ends_early
from harness.video.failure import DecodeError
from tasks.errors import Failure

if TYPE_CHECKING:
    from av.container import InputContainer

# What a container promises may differ a little from what it holds; more than this is a file that ends early.
MISSING_S = 1.0
MISSING_SHARE = 0.02


def frame_times(path: Path) -> NDArray[np.float64]:
    """Presentation times of all frames of the first video stream, ascending, in seconds of stream time.

    Frames that an edit list hides are left out. A stream that starts at 0.3 s gives 0.3 first.

    Returns:
        `(total,)` float64; at least one.

    Raises:
        DecodeError: There is no such file, it is not a video, it has no frames, or it ends early.
        InputError: PyAV is not installed.
    """
    with extras.needed("video"):
        import av
    if not path.is_file():
        raise DecodeError(Failure("missing-video", f"{path.name} is not a file"))
    if path.stat().st_size == 0:
        raise DecodeError(Failure("video-empty", f"{path.name} has 0 bytes"))
    try:
        # Without the whitelist a playlist that calls itself .mp4 could make the decoder reach for a network.
        with av.open(str(path.absolute()), options={"protocol_whitelist": "file"}) as container:
            times_s, missing_s = _scan(container)
    except MemoryError:
        raise
    except av.error.FFmpegError as error:
        kind = "video-truncated" if ends_early(path) else "video-unreadable"
        raise DecodeError(Failure(kind, f"{path.name}: {error.strerror}")) from error
    if len(times_s) == 0 or (len(times_s) > 1 and times_s[-1] <= times_s[0]):
        kind = "video-truncated" if ends_early(path) else "video-zero-duration"
        raise DecodeError(Failure(kind, f"{path.name} has {len(times_s)} frames and no length"))
    if missing_s > 0:
        raise DecodeError(Failure("video-truncated", f"{path.name} ends {missing_s:.1f} s before the end its header promises"))
    return times_s


def frame_duration(times_s: NDArray[np.float64]) -> float:
    """Mean distance between frames in seconds; 0 if there is only one."""
    return float(times_s[-1] - times_s[0]) / max(1, len(times_s) - 1)


def _scan(container: "InputContainer") -> tuple[NDArray[np.float64], float]:
    """Times of the shown frames, and how many seconds the file holds less than it promises (0 if about right)."""
    if not container.streams.video:
        raise DecodeError(Failure("video-unreadable", f"{Path(container.name).name} has no video stream"))
    stream = container.streams.video[0]
    shown, last_s = [], 0.0
    for packet in container.demux():
        if packet.pts is None or packet.time_base is None:
            continue
        last_s = max(last_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream_index == stream.index and not packet.is_discard:
            shown.append(float(packet.pts * packet.time_base))
    times_s = np.sort(np.array(shown, dtype=np.float64))
    promised_s = 0.0
    if stream.duration is not None and stream.time_base is not None:
        promised_s = float(((stream.start_time or 0) + stream.duration) * stream.time_base)
        last_s = float(times_s[-1]) + frame_duration(times_s) if shown else 0.0
    elif container.duration is not None:
        promised_s = ((container.start_time or 0) + container.duration) / 1e6
    missing_s = promised_s - last_s
    return times_s, missing_s if missing_s > max(MISSING_S, MISSING_SHARE * promised_s) else 0.0
