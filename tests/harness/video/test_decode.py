"""Frames of whole files: sizes, repeats, clips, memory, and agreement between decoders."""

import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.synthetic.clock import read_clock
from harness.video.decode import read_frames
from harness.video.failure import DecodeError
from tasks.errors import InputError
from tasks.rules import VideoRules
from tasks.span import Span

Encode = Callable[..., Path]


@pytest.fixture(scope="module")
def clip_file(encode: Encode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("decode") / "clock.mp4", 100)


def test_frames_are_what_the_rules_ask_for(clip_file: Path, rules: VideoRules, each_decoder: str) -> None:
    for factor in (28, 32):
        frames = read_frames(clip_file, replace(rules, decoder=each_decoder), factor)
        assert frames.decoder == each_decoder
        assert len(frames.time_s) == len(frames.pixels) == 20
        assert (frames.pixels.dtype, frames.time_s.dtype) == (np.uint8, np.float64)
        assert frames.pixels.shape[1] % factor == frames.pixels.shape[2] % factor == 0
        assert frames.interval_s == pytest.approx(9.9 / 19)
        assert frames.slack_s == pytest.approx(0.05)


def test_a_short_video_repeats_its_frame(encode: Encode, tmp_path: Path, rules: VideoRules, each_decoder: str) -> None:
    frames = read_frames(encode(tmp_path / "one.mp4", 1), replace(rules, decoder=each_decoder), 28)
    assert frames.time_s.tolist() == [0.0, 0.0]
    np.testing.assert_array_equal(frames.pixels[0], frames.pixels[1])


def test_a_clip_outside_the_video_is_a_named_failure(clip_file: Path, rules: VideoRules) -> None:
    with pytest.raises(DecodeError, match="video-zero-duration") as caught:
        read_frames(clip_file, rules, 28, Span(50.0, 60.0))
    assert "its last is at 9.900 s" in str(caught.value)


def test_a_clip_shorter_than_a_frame_gives_the_frame_inside(clip_file: Path, rules: VideoRules) -> None:
    frames = read_frames(clip_file, rules, 28, Span(2.95, 3.05))
    assert [read_clock(image) for image in frames.pixels] == [3.0, 3.0]
    np.testing.assert_allclose(frames.time_s, 0.05)


def test_an_unknown_decoder_is_bad_input(clip_file: Path, rules: VideoRules) -> None:
    with pytest.raises(InputError, match="torchcodec"):
        read_frames(clip_file, replace(rules, decoder="opencv"), 28)


@pytest.mark.parametrize("package", ["decord", "torchcodec"])
def test_a_missing_package_says_what_to_install(
    clip_file: Path, rules: VideoRules, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == package or name == f"harness.video.with_{package}"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"{package}(?s:.*)pip install 'vtg-harness\[decoders\]'"):
        read_frames(clip_file, replace(rules, decoder=package), 28)


def test_resizing_is_antialiased_bicubic(clip_file: Path, rules: VideoRules) -> None:
    full = read_frames(clip_file, replace(rules, min_pixels=128 * 192, max_pixels=128 * 192, total_pixels=2**30), 32)
    assert full.pixels.shape[1:3] == (128, 192)
    small = read_frames(clip_file, replace(rules, min_pixels=64 * 96, max_pixels=64 * 96, total_pixels=2**30), 32)
    expected = np.asarray(Image.fromarray(full.pixels[3]).resize((96, 64), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(small.pixels[3], expected)


def test_memory_does_not_grow_with_the_video(encode: Encode, tmp_path: Path, rules: VideoRules) -> None:
    few = replace(rules, max_frames=8)
    peaks = []
    for count in (50, 500):
        path = encode(tmp_path / f"{count}.mp4", count)
        tracemalloc.start()
        read_frames(path, few, 28)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 20 * 128 * 192 * 3


@pytest.mark.shared_data
def test_a_real_video(shared_data: Path, rules: VideoRules, each_decoder: str) -> None:
    video = shared_data / "videos" / "OHOFG.mp4"
    reference = read_frames(video, rules, 28)
    frames = read_frames(video, replace(rules, decoder=each_decoder), 28)
    assert frames.pixels.shape == (70, 196, 364, 3)
    assert frames.time_s[-1] == pytest.approx(35.0366)
    assert frames.interval_s == pytest.approx(35.0366 / 69)
    np.testing.assert_array_equal(frames.pixels, reference.pixels)
    np.testing.assert_array_equal(frames.time_s, reference.time_s)


@pytest.mark.shared_data
def test_a_clip_of_a_real_video(shared_data: Path, rules: VideoRules, each_decoder: str) -> None:
    """From 20 s on the decoder must start at a key frame long before: the file has two, 26.2 s apart."""
    frames = read_frames(shared_data / "videos" / "OHOFG.mp4", replace(rules, decoder=each_decoder), 28, Span(20.0, 30.0))
    reference = read_frames(shared_data / "videos" / "OHOFG.mp4", rules, 28, Span(20.0, 30.0))
    assert 0 <= frames.time_s[0] < 0.105
    assert 9.8 < frames.time_s[-1] < 10.0
    np.testing.assert_array_equal(frames.pixels, reference.pixels)
