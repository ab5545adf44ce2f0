"""Videos that show their own presentation time, readable by a program: the test that frame times are true."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, cycle, takewhile
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS = 4, 6
TIME_BITS = 20
CELL = 32
SECONDS = 10


class ClockVideo(NamedTuple):
    """An mp4 file, the true time of every frame in it, and the degrees that a player turns the stored pictures by."""

    path: Path
    times_s: tuple[float, ...]
    rotation: int = 0


def draw_clock(seconds: float) -> NDArray[np.uint8]:
    """Picture `(128, 192, 3)` of large black and white cells: 20 bits of milliseconds and 4 check bits."""
    milliseconds = round(seconds * 1000)
    value = milliseconds << (ROWS * COLUMNS - TIME_BITS) | _check(milliseconds)
    bits = [value >> shift & 1 for shift in reversed(range(ROWS * COLUMNS))]
    cells = np.array(bits, dtype=np.uint8).reshape(ROWS, COLUMNS) * 219 + 16
    picture = np.kron(cells, np.ones((CELL, CELL), dtype=np.uint8))
    return np.repeat(picture[..., None], 3, axis=2)


def read_clock(pixels: NDArray[np.uint8]) -> float:
    """The seconds that a picture `(height, width, 3)` of any size shows. Raises ValueError if it is no clock, or not upright."""
    height, width = pixels.shape[:2]
    value = 0
    for row in range(ROWS):
        for column in range(COLUMNS):
            top, left = round((row + 0.25) * height / ROWS), round((column + 0.25) * width / COLUMNS)
            cell = pixels[top : top + max(1, height // ROWS // 2), left : left + max(1, width // COLUMNS // 2)]
            value = value << 1 | int(cell.mean() > 127.5)
    milliseconds, check = value >> (ROWS * COLUMNS - TIME_BITS), value & (1 << (ROWS * COLUMNS - TIME_BITS)) - 1
    if check != _check(milliseconds):
        raise ValueError(f"check bits {check:04b} do not fit {milliseconds} ms")
    return milliseconds / 1000


def make_clock(root: Path) -> list[ClockVideo]:
    """Render the clocks into `root/clock`: usual and odd frame rates, a variable rate, a late start, a turned picture."""
    folder = root / "clock"
    folder.mkdir(parents=True, exist_ok=True)
    rates = {"3": Fraction(3), "9.533": Fraction(10000, 1049), "23.976": Fraction(24000, 1001), "30": Fraction(30)}
    clocks = [_render(folder / f"rate-{name}.mp4", _steady(rate)) for name, rate in rates.items()]
    clocks.append(_render(folder / "variable.mp4", _variable()))
    clocks.append(_render(folder / "late-start.mp4", [Fraction(3, 10) + time for time in _steady(Fraction(25))]))
    clocks.append(_render(folder / "rotated.mp4", _steady(Fraction(25)), rotation=90))
    return clocks


def _check(milliseconds: int) -> int:
    nibbles = (milliseconds >> shift & 15 for shift in range(0, TIME_BITS, 4))
    return (sum(weight * nibble for weight, nibble in enumerate(nibbles, start=3)) + 9) % 16


def _steady(rate: Fraction) -> list[Fraction]:
    return [number / rate for number in range(int(SECONDS * rate))]


def _variable() -> list[Fraction]:
    """Frames that stand for 1/30, 1/10, 1/4 and 1/24 s in turn."""
    steps = [Fraction(1, 30), Fraction(1, 10), Fraction(1, 4), Fraction(1, 24)]
    return list(takewhile(lambda time: time < SECONDS, accumulate(cycle(steps), initial=Fraction(0))))


def _render(path: Path, times: Sequence[Fraction], rotation: int = 0) -> ClockVideo:
    """Encode with the true times; B-frames are on, so frames are stored in another order than they are shown."""
    time_base = Fraction(1, 240_000)
    partial = path.with_suffix(".partial.mp4")
    with av.open(str(partial), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "18", "preset": "veryfast", "bf": "2"})
        height, width = (COLUMNS, ROWS) if rotation % 180 else (ROWS, COLUMNS)
        stream.height, stream.width, stream.pix_fmt = height * CELL, width * CELL, "yuv420p"
        stream.thread_count = 1
        stream.time_base = stream.codec_context.time_base = time_base
        for time in times:
            picture = np.ascontiguousarray(np.rot90(draw_clock(float(time)), -rotation // 90))
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time / time_base), time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if rotation:
        _turn(partial, rotation)
    partial.replace(path)
    return ClockVideo(path, tuple(float(time) for time in times), rotation)


def _turn(path: Path, rotation: int) -> None:
    """Write a quarter turn into the track header of an mp4 (ISO 14496-12, 8.3.2); PyAV 15 cannot."""
    cosine, sine = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[rotation % 360]
    one = 1 << 16
    matrix = (cosine * one, -sine * one, 0, sine * one, cosine * one, 0, 0, 0, 1 << 30)
    content = bytearray(path.read_bytes())
    struct.pack_into(">9i", content, content.index(b"tkhd") + 44, *matrix)
    path.write_bytes(content)
