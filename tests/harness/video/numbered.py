"""Videos whose every frame shows its number, in bars that survive coding and any width from one pixel on."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

BITS, CHECK_BITS, BAR = 12, 4, 12
RATE, COUNT = Fraction(25), 60
OPEN_H264 = {
    "preset": "veryfast",
    "crf": "10",
    "x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0:scenecut=0",
}
OPEN_HEVC = {
    "preset": "ultrafast",
    "crf": "10",
    "x265-params": "open-gop=1:keyint=12:min-keyint=12:bframes=4:b-adapt=0:scenecut=0:log-level=none:pools=1:frame-threads=1",
}
QUICK_H264 = {"preset": "veryfast", "crf": "10", "g": "12"}
CLEAR = {"b": "2000000"}


def draw(number: int, width: int = 64) -> NDArray[np.uint8]:
    """Bars `(144, width)`, from the top: 8 bits of the number and 4 check bits."""
    value = number << CHECK_BITS | _check(number)
    bits = np.array([value >> shift & 1 for shift in reversed(range(BITS))], dtype=np.uint8)
    return np.repeat(np.repeat(bits * 219 + 16, BAR)[:, None], width, axis=1)


def read(pixels: NDArray[np.uint8]) -> int:
    """The number that a picture `(height, width, 3)` of any size shows. Raises ValueError if its check bits do not fit."""
    rows = np.linspace(0, len(pixels), BITS + 1)
    value = 0
    for top, bottom in pairwise(rows):
        third = (bottom - top) / 3
        value = value << 1 | int(pixels[round(top + third) : max(round(top + third) + 1, round(bottom - third))].mean() > 127.5)
    number, check = value >> CHECK_BITS, value & (1 << CHECK_BITS) - 1
    if check != _check(number):
        raise ValueError(f"check bits {check:04b} do not fit {number}")
    return number


def encode(
    path: Path,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    times: Sequence[Fraction] | None = None,
    pixels: str = "yuv420p",
    width: int = 64,
    time_base: Fraction = Fraction(1, 600),
    b_frames: int | None = None,
    first: int = 0,
    **container: Any,
) -> Path:
    """Write frames `first`, `first + 1`, … that are shown at these times (default: `COUNT` frames at `RATE`)."""
    with av.open(str(path), "w", **container) as file:
        stream = file.add_stream(codec, rate=RATE, options=options or {})
        stream.width, stream.height, stream.pix_fmt, stream.thread_count = width, BITS * BAR, pixels, 1
        stream.time_base = stream.codec_context.time_base = time_base
        if b_frames is not None:
            stream.gop_size, stream.max_b_frames = 12, b_frames
        packets = []
        for number, time in enumerate(times or constant_rate(), first):
            frame = av.VideoFrame.from_ndarray(draw(number, width), format="gray").reformat(format=pixels)
            frame.pts, frame.time_base = round(time / time_base), time_base
            packets += stream.encode(frame)
        for packet in [*packets, *stream.encode(None)]:
            file.mux(packet)
    return path


def constant_rate(start: Fraction | int = 0) -> list[Fraction]:
    """Times of `COUNT` frames at `RATE` from `start` on."""
    return [start + number / RATE for number in range(COUNT)]


def uneven() -> list[Fraction]:
    """Times of `COUNT` frames that stand for 1/30, 1/10, 1/4 and 1/24 s in turn."""
    steps = [Fraction(1, 30), Fraction(1, 10), Fraction(1, 4), Fraction(1, 24)]
    return [sum((steps[n % 4] for n in range(number)), Fraction(0)) for number in range(COUNT)]


def remux(source: Path, target: Path, skip: int = 0, shift_s: Fraction | int = 0, **container: Any) -> Path:
    """Copy a stream from its `skip`-th key frame on, `shift_s` later."""
    with av.open(str(source)) as before, av.open(str(target), "w", **container) as after:
        stream = before.streams.video[0]
        copy = after.add_stream_from_template(stream)
        packets = [packet for packet in before.demux(stream) if packet.size]
        keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
        for packet in packets[keys[skip] :]:
            assert packet.time_base is not None and packet.pts is not None and packet.dts is not None
            ticks = round(shift_s / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts + ticks, packet.dts + ticks, copy
            after.mux(packet)
    return target


def packed(path: Path) -> Path:
    """MPEG-4 in AVI as DivX packs it: a B-frame lies in the packet of the frame after it, an empty packet takes its place."""
    coder: Any = av.CodecContext.create("mpeg4", "w")
    coder.width, coder.height, coder.pix_fmt, coder.time_base, coder.framerate = 64, BITS * BAR, "yuv420p", 1 / RATE, RATE
    coder.gop_size, coder.max_b_frames, coder.bit_rate, coder.options = 12, 1, 2_000_000, {"b_strategy": "0"}
    coded = []
    for number in range(COUNT):
        frame = av.VideoFrame.from_ndarray(draw(number), format="gray").reformat(format="yuv420p")
        frame.pts, frame.time_base = number, 1 / RATE
        coded += coder.encode(frame)
    coded += coder.encode(None)
    stored: list[tuple[bytes, bool]] = []
    for packet in coded:
        if stored and packet.pts == packet.dts and packet.pts < COUNT - 1 and not packet.is_keyframe:
            stored[-1] = stored[-1][0] + bytes(packet), stored[-1][1]
            stored.append((not_coded(packet.pts + 1), False))
        else:
            stored.append((bytes(packet), packet.is_keyframe))
    mark = b"\0\0\1\xb2DivX503b1393p"
    return store_mpeg4(path, [(mark + stored[0][0], True), *stored[1:]])


def not_coded(tick: int) -> bytes:
    """An MPEG-4 picture that says only that there is none (ISO 14496-2, 6.2.5: vop_coded is 0), at 25 ticks a second."""
    bits = f"0101{tick % 25:05b}100"
    return b"\0\0\1\xb6" + int(bits.ljust(16, "1"), 2).to_bytes(2, "big")


def store_mpeg4(path: Path, packets: Sequence[tuple[bytes, bool]]) -> Path:
    """Write coded pictures at `RATE`, each with whether it is a key frame."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 64, BITS * BAR, "yuv420p", 1 / RATE
        for number, (content, key) in enumerate(packets):
            packet = av.Packet(content)
            packet.pts = packet.dts = number
            packet.duration, packet.time_base, packet.stream, packet.is_keyframe = 1, 1 / RATE, stream, key
            file.mux(packet)
    return path


def _check(number: int) -> int:
    return (7 * number + 3 * (number >> 4) + 5) % (1 << CHECK_BITS)
