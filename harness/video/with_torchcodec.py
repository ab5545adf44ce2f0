"""Frames through torchcodec. It needs the system's ffmpeg libraries."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torchcodec.decoders import VideoDecoder  # type: ignore[attr-defined, unused-ignore]

from harness.video.failure import DecodeError
from harness.video.times import AVI, Timeline
from tasks.errors import Failure

SAME_S = 1e-6


def frames(path: Path, shown: Timeline, indices: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """As `with_pyav.frames`. Raises DecodeError, also where torchcodec gives another picture than the container shows."""
    if shown.container == AVI:
        message = f"{path.name}: AVI stores no times of presentation, which torchcodec finds pictures by; try pyav"
        raise DecodeError(Failure("video-unreadable", message))
    try:
        decoder = VideoDecoder(
            str(path.absolute()), stream_index=shown.stream, dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode="exact"
        )
        for index in indices.tolist():
            frame = decoder.get_frame_at(index)
            expected_s, found_s = shown.start_s + shown.times_s[index], frame.pts_seconds
            if abs(found_s - expected_s) > SAME_S:
                message = f"{path.name}: torchcodec gives the frame at {found_s:.3f} s for {expected_s:.3f} s; try pyav"
                raise DecodeError(Failure("video-unreadable", message))
            yield frame.data.numpy()
    except (RuntimeError, IndexError) as error:
        raise DecodeError(Failure("video-truncated", f"{path.name}: torchcodec: {str(error).splitlines()[0]}")) from error
