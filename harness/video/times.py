"""When each picture of a video file is shown, read from the container without decoding."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness import extras
from harness.video.boxes import ends_early
from harness.video.failure import DecodeError
from tasks.errors import Failure

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# What a container promises may differ a little from what it holds; more than this is a file that ends early.
MISSING_S = 1.0
MISSING_SHARE = 0.02

MOV, AVI = "mov,mp4,m4a,3gp,3g2,mj2", "avi"
PROMISE_FROM_ZERO = ("matroska,webm", "asf", "flv", AVI)
"""Containers whose header tells how long the file is, counted from 0. Mov counts from the first picture, others tell nothing."""


class Timeline(NamedTuple):
    """When the pictures of a video are shown. Edit lists are followed; pictures that no decoder can build are left out.

    Attributes:
        times_s: `(total,)` float64 seconds from the first picture, ascending, without repeats; at least one.
        start_s: When the container shows that first picture, in seconds of its own clock.
        stream: Its number in the file.
        container, codec: By ffmpeg's names.
    """

    times_s: NDArray[np.float64]
    start_s: float
    stream: int
    container: str
    codec: str


def frame_times(path: Path) -> NDArray[np.float64]:
    """`Timeline.times_s` of a file. Raises DecodeError."""
    return timeline(path).times_s


def timeline(path: Path) -> Timeline:
    """When the pictures of the main video stream are shown. Raises DecodeError, also for a clock that jumps back."""
    if not path.is_file():
        raise DecodeError(Failure("missing-video", f"{path.name} is not a file"))
    if path.stat().st_size == 0:
        raise DecodeError(Failure("video-empty", f"{path.name} has 0 bytes"))
    cut = ends_early(path)
    with opened(path, "video-truncated" if cut else "video-unreadable") as container:
        if (stream := video_stream(container)) is None:
            raise DecodeError(Failure("video-unreadable", f"{path.name} has no video stream"))
        packets, end_s = _packets(container, stream)
        pts = _shown(packets, path)
        if len(pts) == 0 or len(packets) > 1 == len(set(pts)):
            kind = "video-truncated" if cut else "video-zero-duration"
            reason = "" if packets else "; a raw stream without times must be put into a container, such as mp4"
            raise DecodeError(Failure(kind, f"{path.name} has {len(pts)} frames and no length{reason}"))
        start, base = min(pts), packets[0].time_base
        times_s = np.array([float((other - start) * base) for other in sorted(set(pts))])
        found = Timeline(times_s, float(start * base), stream.index, container.format.name, stream.codec_context.name)
        missing_s = _missing(container, stream, found, end_s)
    if cut and found.container in ("asf", AVI):
        raise DecodeError(Failure("video-truncated", f"{path.name} is smaller than its header says"))
    if missing_s > 0:
        raise DecodeError(Failure("video-truncated", f"{path.name} ends {missing_s:.1f} s before the end its header promises"))
    return found


@contextmanager
def opened(path: Path, kind: str) -> "Iterator[InputContainer]":
    """Open a file with PyAV; what ffmpeg raises, here or while the file is read, becomes a DecodeError of this kind."""
    with extras.needed("video"):
        import av
    try:
        # Without the whitelist a playlist that calls itself .mp4 could make the decoder reach for a network. As `options` it
        # would crash PyAV on FLV and MPEG-PS, whose streams appear while they are read.
        with av.open(str(path.absolute()), container_options={"protocol_whitelist": "file"}) as container:
            yield container
    except MemoryError:
        raise
    except av.error.FFmpegError as error:
        raise DecodeError(Failure(kind, f"{path.name}: {error.strerror}")) from error


def video_stream(container: "InputContainer") -> "VideoStream | None":
    """The stream that ffmpeg, and so every decoder, holds for the main one; never the picture on a cover."""
    from av.stream import Disposition

    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    best = container.streams.best("video")
    return next((stream for stream in moving if best is not None and stream.index == best.index), moving[0] if moving else None)


def frame_duration(times_s: NDArray[np.float64]) -> float:
    """Mean distance between frames in seconds; 0 if there is only one."""
    return float(times_s[-1] - times_s[0]) / max(1, len(times_s) - 1)


class _Packet(NamedTuple):
    """What a packet of the stream says of its picture."""

    pts: int
    time_base: Fraction
    key: bool
    hidden: bool


def _packets(container: "InputContainer", stream: "VideoStream") -> tuple[list[_Packet], float]:
    """Packets of the stream that have a time, in stored order, and the end of the last packet of any stream in seconds."""
    found, end_s = [], 0.0
    codec = stream.codec_context.name
    for packet in container.demux():
        if packet.pts is None or packet.time_base is None or packet.size == 0:
            continue
        end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream_index == stream.index:
            # VP8 stores pictures that are never shown, to predict others from: bit 4 of the frame tag (RFC 6386, 9.1).
            unseen = codec == "vp8" and not bytes(packet)[0] >> 4 & 1
            found.append(_Packet(packet.pts, packet.time_base, packet.is_keyframe, packet.is_discard or unseen))
    return found, end_s


def _shown(packets: list[_Packet], path: Path) -> list[int]:
    """Presentation times of the pictures that are shown and can be built, in ticks. Raises DecodeError."""
    keys = [number for number, packet in enumerate(packets) if packet.key] or [0][: len(packets)]
    for before, after in pairwise(packets[number] for number in keys):
        if after.pts < before.pts:
            times = f"from {float(before.pts * before.time_base):.3f} s to {float(after.pts * after.time_base):.3f} s"
            raise DecodeError(Failure("video-unreadable", f"{path.name}: its clock jumps back {times}; write it anew"))
    # A recording may start between key frames, or with pictures that need a key frame before the first: nobody can build those.
    return [p.pts for first in keys[:1] for p in packets[first:] if not p.hidden and p.pts >= packets[first].pts]


def _missing(container: "InputContainer", stream: "VideoStream", found: Timeline, end_s: float) -> float:
    """How many seconds the file holds less than its header promises; 0 if about right, or if nothing is promised."""
    promised_s = 0.0
    if found.container == MOV and stream.duration is not None and stream.time_base is not None:
        promised_s = float(stream.duration * stream.time_base)
        end_s = float(found.times_s[-1]) + frame_duration(found.times_s)
    elif found.container in PROMISE_FROM_ZERO and container.duration is not None:
        promised_s = container.duration / 1e6
    missing_s = promised_s - end_s
    return missing_s if missing_s > max(MISSING_S, MISSING_SHARE * promised_s) else 0.0
