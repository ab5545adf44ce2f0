"""From a file to `Frames`, whichever decoder reads it, with their pixels or without."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness import extras
from harness.frames import Frames
from harness.video.failure import DecodeError
from harness.video.sampling import Grid, grid, target_size, within
from harness.video.times import Timeline, frame_duration, frame_times, opened, timeline, video_stream
from tasks.errors import Failure, InputError
from tasks.rules import VideoRules
from tasks.span import Span

EXTRAS = {"pyav": "video", "decord": "decoders", "torchcodec": "decoders"}
Times = NDArray[np.float64]
Reader = Callable[[Path, Timeline, NDArray[np.int64]], Iterator[NDArray[np.uint8]]]


def read_frames(path: Path, rules: VideoRules, factor: int, clip: Span | None = None) -> Frames:
    """Sample a video by the rules of a protocol. Holds the sampled frames and one more, however long the video is.

    Args:
        path: The video file. Raises DecodeError where it cannot be used.
        rules: Decoder (raises InputError where there is no such one), frame rate, limits on frames and pixels.
        factor: Height and width become multiples of this: 28 for Qwen2.5-VL, 32 for Qwen3-VL.
        clip: Take only frames with start <= time < end, counted from the first frame; their times count from its start.
    """
    read = reader(rules.decoder)
    shown = timeline(path)
    chosen, times_s, sampled = _chosen(path, shown.times_s, rules, clip)
    positions, where = np.unique(sampled.indices, return_inverse=True)
    images = read(path, shown, positions + chosen.start)
    pixels = _resized(images, where, rules, factor)
    return Frames(pixels, times_s[sampled.indices], sampled.interval_s, sampled.slack_s, rules.decoder)


def undecoded(path: Path, rules: VideoRules, factor: int, clip: Span | None = None) -> Frames:
    """What `read_frames` would give, with pixels `(n, height, width, 0)`, from the container alone.

    A video stored on its side has height and width exchanged, which changes no number of tokens. Raises DecodeError.
    """
    _, times_s, sampled = _chosen(path, frame_times(path), rules, clip)
    with opened(path, "video-unreadable") as container:
        stream = video_stream(container)
        assert stream is not None, "its times have been read"
        stored = stream.codec_context.height, stream.codec_context.width
    pixels = np.empty((len(sampled.indices), *_target(*stored, len(sampled.indices), rules, factor), 0), dtype=np.uint8)
    return Frames(pixels, times_s[sampled.indices], sampled.interval_s, sampled.slack_s, rules.decoder)


def first_and_last(path: Path, rules: VideoRules, _factor: int, _clip: Span | None = None) -> Frames:
    """All frames without pixels, a mean `interval_s` apart, once the first and last were decoded. Raises DecodeError as a run."""
    shown = timeline(path)
    next(reader(rules.decoder)(path, shown, np.zeros(1, dtype=np.int64)))
    extras.package("harness.video.with_pyav", "video").decode_last(path, shown)
    pixels = np.empty((len(shown.times_s), 0, 0, 3), dtype=np.uint8)
    return Frames(pixels, shown.times_s, frame_duration(shown.times_s), 0.0, rules.decoder)


def _chosen(path: Path, all_s: Times, rules: VideoRules, clip: Span | None) -> tuple[slice, Times, Grid]:
    """Which of all frames lie in a clip, their times in it, and those of them that are sampled. Raises DecodeError."""
    chosen, times_s = within(all_s, clip)
    if len(times_s) == 0:
        found = f"{path.name} has no frame in {clip}; its last is at {all_s[-1]:.3f} s"
        raise DecodeError(Failure("video-zero-duration", found))
    return chosen, times_s, grid(times_s, frame_duration(all_s), rules)


def _target(height: int, width: int, count: int, rules: VideoRules, factor: int) -> tuple[int, int]:
    try:
        return target_size(height, width, count, rules, factor)
    except ValueError as error:
        raise DecodeError(Failure("video-unreadable", str(error))) from error


def _resized(images: Iterator[NDArray[np.uint8]], where: NDArray[np.int64], rules: VideoRules, factor: int) -> NDArray[np.uint8]:
    """Place image k wherever `where` is k, at the model's size, which the first image decides."""
    with extras.needed("video"):
        from PIL import Image
    pixels: NDArray[np.uint8] | None = None
    for number, image in enumerate(images):
        if pixels is None:
            size = _target(image.shape[0], image.shape[1], len(where), rules, factor)
            pixels = np.empty((len(where), *size, 3), dtype=np.uint8)
        resized = Image.fromarray(image).resize((pixels.shape[2], pixels.shape[1]), Image.Resampling.BICUBIC)
        pixels[where == number] = np.asarray(resized)
    assert pixels is not None, "a reader yields at least one image or raises"
    return pixels


def reader(decoder: str) -> Reader:
    """How a decoder reads, imported when first needed."""
    if decoder not in EXTRAS:
        raise InputError("a decoder: pyav, decord or torchcodec", repr(decoder), "harness show default")
    frames: Reader = extras.package(f"harness.video.with_{decoder}", EXTRAS[decoder]).frames
    return frames
