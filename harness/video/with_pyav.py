"""Frames through PyAV: one pass over the file, which is exact for every container and about as fast as seeking."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from harness.video.failure import DecodeError
from tasks.errors import Failure

SAME_S = 1e-6


def frames(path: Path, times_s: NDArray[np.float64], indices: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """Decode the frames shown at `times_s[indices]` (ascending, no repeats), one `(h, w, 3)` upright RGB array at a time.

    Raises:
        DecodeError: The stream is broken, or one of the frames is not there.
    """
    wanted_s = iter(times_s[indices].tolist())
    next_s = next(wanted_s)
    try:
        with av.open(str(path.absolute()), options={"protocol_whitelist": "file"}) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            stream.thread_count = 1
            for frame in container.decode(stream):
                if frame.pts is None or frame.time_base is None:
                    continue
                time_s = float(frame.pts * frame.time_base)
                if time_s < next_s - SAME_S:
                    continue
                if time_s > next_s + SAME_S:
                    break
                yield np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
                if (following := next(wanted_s, None)) is None:
                    return
                next_s = following
    except MemoryError:
        raise
    except av.error.FFmpegError as error:
        raise DecodeError(Failure("video-truncated", f"{path.name} breaks before {next_s:.3f} s: {error.strerror}")) from error
    raise DecodeError(Failure("video-truncated", f"{path.name}: the frame at {next_s:.3f} s does not decode"))
