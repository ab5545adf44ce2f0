"""Frames through torchcodec. It needs the system's ffmpeg libraries."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torchcodec.decoders import VideoDecoder  # type: ignore[attr-defined, unused-ignore]

from harness.video.failure import DecodeError
from tasks.errors import Failure

SAME_S = 1e-6


def frames(path: Path, times_s: NDArray[np.float64], indices: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """Decode the frames shown at `times_s[indices]` (ascending, no repeats), one `(h, w, 3)` upright RGB array at a time.

    Raises:
        DecodeError: The stream is broken, or torchcodec gives another frame than the container shows.
    """
    try:
        decoder = VideoDecoder(str(path.absolute()), dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode="exact")
        for index in indices.tolist():
            frame = decoder.get_frame_at(index)
            if abs(frame.pts_seconds - times_s[index]) > SAME_S:
                message = (
                    f"{path.name}: torchcodec gives the frame at {frame.pts_seconds:.3f} s for {times_s[index]:.3f} s; try pyav"
                )
                raise DecodeError(Failure("video-unreadable", message))
            yield frame.data.numpy()
    except (RuntimeError, IndexError) as error:
        raise DecodeError(Failure("video-truncated", f"{path.name}: torchcodec: {str(error).splitlines()[0]}")) from error
