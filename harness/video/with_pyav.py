"""Frames through PyAV: one pass over the file, which is exact for every container and about as fast as seeking."""

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from harness.video.failure import DecodeError
from harness.video.times import AVI, Timeline, opened
from tasks.errors import Failure

SAME_S = 1e-6


def frames(path: Path, shown: Timeline, indices: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """The pictures at `shown.times_s[indices]` (ascending, no repeats), each `(h, w, 3)` upright RGB. Raises DecodeError."""
    wanted_s = iter([*shown.times_s[indices].tolist(), math.inf])
    next_s = next(wanted_s)
    for time_s, frame in _timed(path, shown):
        if time_s < next_s - SAME_S:
            continue
        if time_s > next_s + SAME_S:
            break
        yield np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
        next_s = next(wanted_s)
        if next_s == math.inf and shown.container != AVI:
            return
    if next_s < math.inf:
        raise DecodeError(Failure("video-truncated", f"{path.name}: the picture at {next_s:.3f} s does not decode"))


def decode_last(path: Path, shown: Timeline) -> None:
    """Decode the last picture, from the key frame before it where the file can be searched. Raises DecodeError."""
    last = np.array([len(shown.times_s) - 1])
    with suppress(DecodeError), opened(path, "video-truncated") as container:
        stream = _stream(container, shown)
        last_s = shown.start_s + float(shown.times_s[-1])
        container.seek(math.floor(last_s * 1e6), backward=True)
        if any((time := _time(frame)) is not None and abs(time - last_s) <= SAME_S for frame in container.decode(stream)):
            return
    next(frames(path, shown, last))


def decoded(path: Path, shown: Timeline) -> Iterator[VideoFrame]:
    """Pictures of the stream in the order in which they are shown, from the first key frame on. Raises DecodeError."""
    with opened(path, "video-truncated") as container:
        stream, started = _stream(container, shown), False
        for packet in container.demux(stream):
            started = started or packet.is_keyframe
            if started:
                yield from stream.decode(packet)


def _stream(container: InputContainer, shown: Timeline) -> VideoStream:
    """The stream, to be decoded by one thread."""
    stream = next(stream for stream in container.streams.video if stream.index == shown.stream)
    stream.thread_type = "NONE"
    stream.thread_count = 1
    return stream


def _time(frame: VideoFrame) -> float | None:
    """Stream time in seconds."""
    return None if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)


def _timed(path: Path, shown: Timeline) -> Iterator[tuple[float, VideoFrame]]:
    """Pictures with their seconds from the first one. Raises DecodeError."""
    if shown.container != AVI:
        for frame in decoded(path, shown):
            if (time_s := _time(frame)) is not None:
                yield time_s - shown.start_s, frame
        return
    # AVI stores no times of presentation, only an order: the n-th picture that is shown has the n-th time.
    number = 0
    for number, frame in enumerate(decoded(path, shown), 1):
        if number <= len(shown.times_s):
            yield float(shown.times_s[number - 1]), frame
    if number != len(shown.times_s):
        found = f"{path.name} lists {len(shown.times_s)} pictures and decodes to {number}, so their times are not known"
        raise DecodeError(Failure("video-unreadable", f"{found}; convert it to mp4"))
