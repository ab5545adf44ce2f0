"""The size and the times of the frames a model would see, from the container alone: nothing is decoded."""

from pathlib import Path

import numpy as np

from harness.frames import Frames
from harness.video.failure import DecodeError
from harness.video.sampling import grid, target_size, within
from harness.video.times import frame_duration, frame_times, opened, video_stream
from tasks.errors import Failure
from tasks.protocol import VideoRules
from tasks.span import Span


def undecoded(path: Path, rules: VideoRules, factor: int, clip: Span | None) -> Frames:
    """What `harness.video.decode.read_frames` would give, with pixels `(n, height, width, 0)`.

    A video stored on its side has height and width exchanged, which changes no number of tokens. Raises DecodeError.
    """
    all_s = frame_times(path)
    _, times_s = within(all_s, clip)
    if len(times_s) == 0:
        raise DecodeError(Failure("video-zero-duration", f"{path.name} has no frame in {clip}"))
    sampled = grid(times_s, frame_duration(all_s), rules)
    try:
        height, width = target_size(*_size(path), len(sampled.indices), rules, factor)
    except ValueError as error:
        raise DecodeError(Failure("video-unreadable", str(error))) from error
    pixels = np.empty((len(sampled.indices), height, width, 0), dtype=np.uint8)
    return Frames(pixels, times_s[sampled.indices], sampled.interval_s, sampled.slack_s, rules.decoder)


def _size(path: Path) -> tuple[int, int]:
    """Height and width as stored."""
    with opened(path, "video-unreadable") as container:
        stream = video_stream(container)
        assert stream is not None, "its times have been read"
        return stream.codec_context.height, stream.codec_context.width
