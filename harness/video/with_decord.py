"""Frames through decord, in sequence: its seeking and its batches give other pictures where a stream is not cut at key frames."""

from collections.abc import Iterator
from pathlib import Path

import decord
import numpy as np
from numpy.typing import NDArray

from harness.video.boxes import in_fragments
from harness.video.failure import DecodeError
from harness.video.times import AVI, MOV, Timeline
from harness.video.with_pyav import decoded
from tasks.errors import Failure

# decord keeps times as float32: 0.5 ms at two hours.
SAME_S = 2e-3

REWINDS = (MOV, "matroska,webm", AVI)
"""Containers whose index leads decord back to the first picture, after it has listed them all; in others it starts later."""

WHOLE = ("h264", "hevc", "vp9")
"""Codecs in which each packet is a picture. Where a picture is missing, decord repeats the last one at the end."""

decord.logging.set_level(decord.logging.QUIET)


def frames(path: Path, shown: Timeline, indices: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """As `with_pyav.frames`. Raises DecodeError, also where decord cannot be trusted to give the pictures that are shown."""
    if shown.container not in REWINDS or (shown.container == MOV and in_fragments(path)):
        form = "mp4 in fragments" if shown.container == MOV else shown.container
        raise DecodeError(Failure("video-unreadable", f"{path.name}: decord gives wrong pictures of {form}; try pyav"))
    try:
        reader = decord.VideoReader(str(path.absolute()), ctx=decord.cpu(0), num_threads=1)
        own_s = reader.get_frame_timestamp(range(len(reader)))[:, 0].astype(np.float64)
        if len(own_s) != len(shown.times_s) or np.abs((own_s - own_s[0]) - shown.times_s).max() > SAME_S:
            raise DecodeError(Failure("video-unreadable", f"{path.name}: decord lists other frames than are shown; try pyav"))
        if shown.codec not in WHOLE and (pictures := sum(1 for _ in decoded(path, shown))) != len(own_s):
            found = f"decord lists {len(own_s)} frames, {pictures} can be decoded"
            raise DecodeError(Failure("video-unreadable", f"{path.name}: {found}; try pyav"))
        wanted = set(indices.tolist())
        for number in range(int(indices[-1]) + 1):
            picture = reader.next()
            if number in wanted:
                yield _unpadded(picture.asnumpy())
    except (decord.DECORDError, StopIteration) as error:
        reason = str(error).splitlines()[0] if str(error) else "no more pictures"
        raise DecodeError(Failure("video-truncated", f"{path.name}: decord: {reason}")) from error


def _unpadded(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture of up to 24 pixels a row as `(h, w, 3)`: decord takes the padding behind each row for more channels."""
    height, width = picture.shape[:2]
    return picture.reshape(height, -1)[:, : 3 * width].reshape(height, width, 3)
