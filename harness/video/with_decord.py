"""Frames through decord. It knows no start offset and no edit list, so its frame list must agree with the container's."""

from collections.abc import Iterator
from pathlib import Path

import decord
import numpy as np
from numpy.typing import NDArray

from harness.video.failure import DecodeError
from tasks.errors import Failure

# decord keeps times as float32: 0.5 ms at two hours.
SAME_S = 2e-3

decord.logging.set_level(decord.logging.QUIET)


def frames(path: Path, times_s: NDArray[np.float64], indices: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """Decode the frames shown at `times_s[indices]` (ascending, no repeats), one `(h, w, 3)` upright RGB array at a time.

    Raises:
        DecodeError: The stream is broken, or decord lists other frames than the container shows.
    """
    try:
        reader = decord.VideoReader(str(path.absolute()), ctx=decord.cpu(0), num_threads=1)
        own_s = reader.get_frame_timestamp(range(len(reader)))[:, 0].astype(np.float64)
        if len(own_s) != len(times_s) or np.abs((own_s - own_s[0]) - (times_s - times_s[0])).max() > SAME_S:
            raise DecodeError(Failure("video-unreadable", f"{path.name}: decord lists other frames than are shown; try pyav"))
        for index in indices.tolist():
            yield reader[index].asnumpy()
    except decord.DECORDError as error:
        raise DecodeError(Failure("video-truncated", f"{path.name}: decord: {str(error).splitlines()[0]}")) from error
