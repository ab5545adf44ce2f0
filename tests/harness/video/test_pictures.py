"""Every decoder gives the picture that its time says, or refuses by name: files with a number drawn into each frame."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numbered
import numpy as np
import pytest
from numbered import CLEAR, COUNT, OPEN_H264, OPEN_HEVC, QUICK_H264, RATE, constant_rate, encode, packed, read, remux, uneven

from harness.video.decode import read_frames
from harness.video.failure import DecodeError
from harness.video.times import timeline
from tasks.rules import VideoRules
from tasks.span import Span

Make = Callable[[Path], Path]
TICK = Fraction(1, 25)
LATE = {"container_options": {"avoid_negative_ts": "disabled"}}
MPEG4: dict[str, Any] = {"codec": "mpeg4", "options": CLEAR, "time_base": TICK}
MPEG2: dict[str, Any] = {"codec": "mpeg2video", "options": CLEAR, "time_base": TICK, "b_frames": 2}
VP9 = {"b": "1000000", "deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}

SURE: dict[str, dict[str, Any]] = {
    "open-h264.mp4": {"options": OPEN_H264},
    "open-h264.mkv": {"options": OPEN_H264},
    "open-hevc.mp4": {"codec": "libx265", "options": OPEN_HEVC},
    "open-hevc.mkv": {"codec": "libx265", "options": OPEN_HEVC},
    "ten-bits.mp4": {"codec": "libx265", "options": OPEN_HEVC, "pixels": "yuv420p10le"},
    "b-frames.mp4": {**MPEG4, "b_frames": 2},
    "b-frames.mkv": {**MPEG4, "b_frames": 2},
    "b-frames.mov": {**MPEG4, "b_frames": 2},
    "b-frames.3gp": {**MPEG4, "b_frames": 2},
    "mpeg2.mp4": MPEG2,
    "uneven.mp4": {"options": QUICK_H264, "times": uneven()},
    "uneven.mkv": {"options": QUICK_H264, "times": uneven()},
    "late.mp4": {"options": OPEN_H264, "times": constant_rate(10)},
    "late.mov": {"options": QUICK_H264, "times": constant_rate(10)},
    "late.mkv": {"options": OPEN_H264, "times": constant_rate(Fraction(3, 2))},
    "later.mkv": {"options": OPEN_H264, "times": constant_rate(10)},
    "late.webm": {"codec": "libvpx-vp9", "options": VP9, "times": constant_rate(10)},
    "interlaced.mp4": {"options": {"preset": "veryfast", "crf": "10", "x264-params": "interlaced=1"}},
}
"""Files that every decoder must read."""

DOUBTFUL: dict[str, dict[str, Any]] = {
    "open-h264.ts": {"options": OPEN_H264},
    "open-hevc.ts": {"codec": "libx265", "options": OPEN_HEVC},
    "late.ts": {"options": QUICK_H264, "times": constant_rate(10)},
    "around-the-clock.ts": {"options": QUICK_H264, "times": constant_rate(Fraction(2**33, 90_000) - 1)},
    "mpeg2.ts": MPEG2,
    "late.asf": {"codec": "wmv2", "options": CLEAR, "times": constant_rate(2), "format": "asf"},
    "late.flv": {"options": QUICK_H264, "times": constant_rate(10), **LATE},
    "whole.wmv": {"codec": "wmv2", "options": CLEAR, "format": "asf"},
    "interlaced.ts": {**MPEG2, "options": CLEAR | {"flags": "+ildct+ilme"}},
    "mpeg2.mpg": MPEG2,
    "h264.avi": {"options": OPEN_H264, "time_base": TICK},
    "b-frames.avi": {**MPEG4, "b_frames": 2},
    "mpeg4.avi": MPEG4,
    "frames.mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p", "time_base": TICK},
    "moving.gif": {"codec": "gif", "pixels": "rgb8", "time_base": Fraction(1, 100)},
    "fragments.mp4": {"options": QUICK_H264, "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "late-fragments.mp4": {
        "options": QUICK_H264,
        "times": constant_rate(10),
        "container_options": {"movflags": "frag_keyframe+empty_moov", "avoid_negative_ts": "disabled"},
    },
    "live.webm": {"codec": "libvpx-vp9", "options": VP9, "container_options": {"live": "1"}},
}
"""Files that pyav must read, and the others read or refuse."""

WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 15, 16, 23, 24, 33)


def numbers(path: Path, rules: VideoRules, decoder: str, clip: Span | None = None) -> tuple[list[int], list[float]]:
    """The numbers that the frames show, and their times."""
    frames = read_frames(path, replace(rules, decoder=decoder), 28, clip)
    return [read(picture) for picture in frames.pixels], frames.time_s.tolist()


def agree(path: Path, rules: VideoRules, decoder: str, times_s: list[float], first: int = 0) -> None:
    """All frames, a few of them and a cut of the file each show the number that belongs to their times."""
    every = replace(rules, fps=1000.0, max_pixels=64 * 28**2)
    end_s = times_s[-1] - times_s[0]
    if len(set(np.diff(times_s).round(6))) == 1:
        assert numbers(path, every, decoder)[0] == [*range(first, first + len(times_s))]
    for clip in (None, Span(0.25 * end_s, 0.7 * end_s)):
        for asked in (every, replace(every, fps=7.0)):
            shown, found_s = numbers(path, asked, decoder, clip)
            origin_s = times_s[0] + (0.0 if clip is None else float(clip.start_s))
            expected_s = [times_s[number - first] - origin_s for number in shown]
            np.testing.assert_allclose(found_s, expected_s, atol=0.0015)  # Matroska and FLV count milliseconds


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of `SURE` and `DOUBTFUL`."""
    folder = tmp_path_factory.mktemp("numbered")
    for name, form in (SURE | DOUBTFUL).items():
        encode(folder / name, **form)
    return folder


@pytest.mark.parametrize("name", SURE)
def test_every_decoder_reads(files: Path, rules: VideoRules, each_decoder: str, name: str) -> None:
    agree(files / name, rules, each_decoder, [float(time) for time in SURE[name].get("times", constant_rate())])


@pytest.mark.parametrize("name", DOUBTFUL)
def test_right_or_refused(files: Path, rules: VideoRules, each_decoder: str, name: str) -> None:
    try:
        agree(files / name, rules, each_decoder, [float(time) for time in DOUBTFUL[name].get("times", constant_rate())])
    except DecodeError as error:
        assert each_decoder != "pyav", error
        assert error.failure.type in ("video-unreadable", "video-truncated")


@pytest.mark.parametrize("width", WIDTHS)
def test_narrow(tmp_path: Path, rules: VideoRules, each_decoder: str, width: int) -> None:
    lossless = encode(tmp_path / "a.mkv", "ffv1", width=width, times=constant_rate()[:20])
    coded = encode(tmp_path / "a.mp4", "libx264", QUICK_H264, width=width, pixels="yuv444p", times=constant_rate()[:20])
    for path in (lossless, coded):
        agree(path, rules, each_decoder, [float(time) for time in constant_rate()[:20]])


def test_packed_b_frames(tmp_path: Path, rules: VideoRules) -> None:
    agree(packed(tmp_path / "a.avi"), rules, "pyav", [float(time) for time in constant_rate()])


@pytest.mark.parametrize("suffix", ["avi", "mp4"])
def test_pictures_that_are_not_coded(tmp_path: Path, rules: VideoRules, each_decoder: str, suffix: str) -> None:
    """Each fifth packet says that nothing changes: who counts packets gives wrong pictures, without a word."""
    with numbered.av.open(str(encode(tmp_path / "whole.avi", **MPEG4))) as whole:
        packets = [(bytes(packet), packet.is_keyframe) for packet in whole.demux(video=0) if packet.size]
    some = [(numbered.not_coded(n), False) if n % 12 == 11 else packet for n, packet in enumerate(packets)]
    path = numbered.store_mpeg4(tmp_path / f"a.{suffix}", some)
    try:
        shown, times_s = numbers(path, replace(rules, fps=1000.0), each_decoder)
    except DecodeError as error:
        assert error.failure.type in ("video-unreadable", "video-truncated")
    else:
        np.testing.assert_allclose(times_s, [number / 25 for number in shown])


@pytest.mark.parametrize("name", ["open-h264.mp4", "open-h264.mkv", "open-hevc.mkv"])
def test_what_cannot_be_built_is_left_out(tmp_path: Path, files: Path, rules: VideoRules, each_decoder: str, name: str) -> None:
    """From the second key frame on: the pictures shown before it need the first."""
    path = remux(files / name, tmp_path / name, skip=1)
    try:
        shown, times_s = numbers(path, replace(rules, fps=1000.0), each_decoder)
    except DecodeError as error:
        assert each_decoder != "pyav" and error.failure.type == "video-unreadable", error
    else:
        assert shown[0] == 12 and len(shown) >= COUNT - 14
        np.testing.assert_allclose(times_s, [(number - 12) / 25 for number in shown], atol=0.001)


def test_a_recording_that_starts_and_ends_anywhere(tmp_path: Path, files: Path, rules: VideoRules) -> None:
    for name in ("open-h264.ts", "open-hevc.ts", "mpeg2.ts"):
        stream = (files / name).read_bytes()
        path = tmp_path / name
        path.write_bytes(stream[188 * (len(stream) // 5 // 188) :])
        shown, times_s = numbers(path, replace(rules, fps=1000.0), "pyav")
        assert shown[0] in (12, 24) and len(shown) >= COUNT - shown[0] - 1
        np.testing.assert_allclose(times_s, [(number - shown[0]) / 25 for number in shown], atol=0.001)


def test_an_edit_list_hides_the_beginning(tmp_path: Path, files: Path, rules: VideoRules, each_decoder: str) -> None:
    path = remux(files / "open-h264.mp4", tmp_path / "a.mp4", shift_s=-1)
    try:
        shown, times_s = numbers(path, replace(rules, fps=1000.0), each_decoder)
    except DecodeError as error:
        assert each_decoder != "pyav" and error.failure.type == "video-unreadable", error
    else:
        assert shown[0] == 25
        np.testing.assert_allclose(times_s, [number / 25 - 1 for number in shown], atol=0.001)


def test_a_clock_that_jumps_back_is_refused(tmp_path: Path, files: Path, rules: VideoRules, each_decoder: str) -> None:
    path = tmp_path / "a.ts"
    for first in ("late.ts", "open-h264.ts"):
        path.write_bytes((files / first).read_bytes() + (files / "open-h264.ts").read_bytes())
        with pytest.raises(DecodeError, match=r"video-unreadable: .* its clock jumps back"):
            numbers(path, rules, each_decoder)


def test_a_stream_without_times_says_so(tmp_path: Path, rules: VideoRules, each_decoder: str) -> None:
    path = encode(tmp_path / "a.h264", options=QUICK_H264, format="h264")
    with pytest.raises(DecodeError, match=r"video-zero-duration: .*raw stream without times"):
        numbers(path, rules, each_decoder)


def test_another_stream_or_sound_changes_nothing(tmp_path: Path, rules: VideoRules, each_decoder: str) -> None:
    """Sound that begins earlier and ends later: times count from the first picture."""
    path = tmp_path / "a.mkv"
    with (
        numbered.av.open(str(encode(tmp_path / "b.mp4", options=OPEN_H264))) as before,
        numbered.av.open(str(path), "w") as after,
    ):
        pictures, sound = after.add_stream_from_template(before.streams.video[0]), after.add_stream("aac", rate=48_000)
        packets = [packet for packet in before.demux(video=0) if packet.size]
        for packet in packets:
            packet.stream = pictures
        for number in range(400):
            silence = numbered.av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono")
            silence.sample_rate, silence.pts, silence.time_base = 48_000, 1024 * number, Fraction(1, 48_000)
            packets += sound.encode(silence)
        for packet in sorted([*packets, *sound.encode(None)], key=lambda packet: packet.dts * packet.time_base):
            after.mux(packet)
    agree(path, rules, each_decoder, [float(time) for time in constant_rate()])


@pytest.mark.parametrize(
    "name", ["open-h264.mkv", "late.mkv", "late.webm", "whole.wmv", "late.flv", "mpeg4.avi", "fragments.mp4"]
)
def test_half_of_a_file(tmp_path: Path, files: Path, rules: VideoRules, name: str) -> None:
    """Whole, it is read; cut, it is called so."""
    path = tmp_path / name
    path.write_bytes((content := (files / name).read_bytes())[: len(content) * 45 // 100])
    numbers(files / name, rules, "pyav")
    with pytest.raises(DecodeError, match="video-truncated"):
        numbers(path, rules, "pyav")


def test_where_a_file_starts_is_known(files: Path) -> None:
    shown = timeline(files / "late.mp4")
    assert (shown.start_s, shown.times_s[0], len(shown.times_s)) == (10.0, 0.0, COUNT)
    assert shown.times_s[-1] == pytest.approx(float((COUNT - 1) / RATE))
