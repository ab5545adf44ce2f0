"""One function from a file to `Frames`, whichever decoder reads it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness import extras
from harness.frames import Frames
from harness.video.failure import DecodeError
from harness.video.sampling import grid, target_size, within
from harness.video.times import Timeline, frame_duration, timeline
from tasks.errors import Failure, InputError
from tasks.protocol import VideoRules
from tasks.span import Span

__all__ = ["DecodeError", "read_frames"]

Reader = Callable[[Path, Timeline, NDArray[np.int64]], Iterator[NDArray[np.uint8]]]


def read_frames(path: Path, rules: VideoRules, factor: int, clip: Span | None = None) -> Frames:
    """Sample a video by the rules of a protocol. Holds the sampled frames and one more, however long the video is.

    Args:
        path: The video file.
        rules: Decoder, frame rate, limits on frames and pixels.
        factor: Height and width become multiples of this: 28 for Qwen2.5-VL, 32 for Qwen3-VL.
        clip: Take only frames with start <= time < end, counted from the first frame; their times count from its start.

    Raises:
        DecodeError: The video cannot be used; the failure says why.
        InputError: There is no such decoder, or its package is not installed.
    """
    read = reader(rules.decoder)
    shown = timeline(path)
    chosen, times_s = within(shown.times_s, clip)
    if len(times_s) == 0:
        last_s = shown.times_s[-1]
        raise DecodeError(Failure("video-zero-duration", f"{path.name} has no frame in {clip}; its last is at {last_s:.3f} s"))
    sampled = grid(times_s, frame_duration(shown.times_s), rules)
    positions, where = np.unique(sampled.indices, return_inverse=True)
    images = read(path, shown, positions + chosen.start)
    pixels = _resized(images, where, rules, factor)
    return Frames(pixels, times_s[sampled.indices], sampled.interval_s, sampled.slack_s, rules.decoder)


def _resized(images: Iterator[NDArray[np.uint8]], where: NDArray[np.int64], rules: VideoRules, factor: int) -> NDArray[np.uint8]:
    """Place image k wherever `where` is k, at the model's size, which the first image decides."""
    with extras.needed("video"):
        from PIL import Image
    pixels: NDArray[np.uint8] | None = None
    for number, image in enumerate(images):
        if pixels is None:
            try:
                height, width = target_size(image.shape[0], image.shape[1], len(where), rules, factor)
            except ValueError as error:
                raise DecodeError(Failure("video-unreadable", str(error))) from error
            pixels = np.empty((len(where), height, width, 3), dtype=np.uint8)
        resized = Image.fromarray(image).resize((pixels.shape[2], pixels.shape[1]), Image.Resampling.BICUBIC)
        pixels[where == number] = np.asarray(resized)
    assert pixels is not None, "a reader yields at least one image or raises"
    return pixels


def reader(decoder: str) -> Reader:
    """The decoder's module, imported when first needed."""
    with extras.needed("video" if decoder == "pyav" else "decoders"):
        if decoder == "pyav":
            from harness.video.with_pyav import frames
        elif decoder == "decord":
            from harness.video.with_decord import frames
        elif decoder == "torchcodec":
            from harness.video.with_torchcodec import frames
        else:
            raise InputError("a decoder: pyav, decord or torchcodec", repr(decoder), "harness show default")
    return frames
