"""Every decoder's frame times are the times drawn into the pixels."""

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harness.synthetic.clock import ClockVideo, draw_clock, read_clock
from harness.video.decode import read_frames
from harness.video.sampling import target_size
from tasks.rules import VideoRules
from tasks.span import Span

CLOCKS = ("rate-3", "rate-9.533", "rate-23.976", "rate-30", "variable", "late-start", "rotated")


def rules_of(decoder: str, fps: float, unit: int) -> VideoRules:
    try:
        importlib.import_module({"pyav": "av", "torchcodec": "torchcodec.decoders"}.get(decoder, decoder))
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"{decoder} cannot be imported here: {str(error).splitlines()[0]}")
    return VideoRules(decoder, fps, 4, 768, 16 * unit**2, 768 * unit**2, 3584 * unit**2)


@settings(deadline=None)
@given(st.floats(0, 1048), st.sampled_from([28, 32]), st.integers(1, 384))
def test_a_drawn_time_survives_resizing(seconds: float, factor: int, pairs: int) -> None:
    picture = draw_clock(seconds)
    height, width = target_size(*picture.shape[:2], 2 * pairs, rules_of("pyav", 2.0, factor), factor)
    resized = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))
    assert abs(read_clock(resized) - seconds) <= 0.0005 + 1e-9


@pytest.mark.parametrize("turn", [1, 2, 3])
@pytest.mark.parametrize("seconds", [0.0, 0.3, 4.25, 9.967])
def test_a_turned_clock_is_not_read(seconds: float, turn: int) -> None:
    with pytest.raises(ValueError, match="check bits"):
        read_clock(np.rot90(draw_clock(seconds), turn))


@pytest.mark.parametrize("factor", [28, 32])
@pytest.mark.parametrize("fps", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("name", CLOCKS)
@pytest.mark.parametrize("decoder", ["pyav", "decord", "torchcodec"])
def test_frame_times_are_true(clocks: list[ClockVideo], decoder: str, name: str, fps: float, factor: int) -> None:
    clock = next(clock for clock in clocks if clock.path.stem == name)
    frames = read_frames(clock.path, rules_of(decoder, fps, factor), factor)
    drawn_s = np.array([read_clock(image) for image in frames.pixels])
    half_a_frame_s = min(np.diff(clock.times_s)) / 2
    assert half_a_frame_s > 0.01  # far more than the 0.5 ms the drawing rounds by
    # Times count from the first frame, also where the file shows it late.
    drawn_s -= clock.times_s[0]
    np.testing.assert_allclose(frames.time_s, drawn_s, atol=0.001)
    grid_s = np.arange(len(drawn_s)) * frames.interval_s
    assert np.abs(drawn_s - grid_s).max() <= frames.slack_s + 0.001
    assert frames.time_s[-1] == pytest.approx(clock.times_s[-1] - clock.times_s[0])


@pytest.mark.parametrize("decoder", ["pyav", "decord", "torchcodec"])
def test_times_of_a_clip_count_from_its_start(clocks: list[ClockVideo], decoder: str) -> None:
    for clock in clocks:
        frames = read_frames(clock.path, rules_of(decoder, 2.0, 28), 28, Span(3.2, 7.7))
        drawn_s = np.array([read_clock(image) for image in frames.pixels]) - clock.times_s[0]
        assert drawn_s.min() >= 3.2 - 0.001
        assert drawn_s.max() < 7.7
        np.testing.assert_allclose(frames.time_s + 3.2, drawn_s, atol=0.001)


def test_decoders_agree_pixel_for_pixel(clocks: list[ClockVideo]) -> None:
    for clock in clocks:
        reference = read_frames(clock.path, rules_of("pyav", 2.0, 28), 28)
        for decoder in ("decord", "torchcodec"):
            other = read_frames(clock.path, rules_of(decoder, 2.0, 28), 28)
            np.testing.assert_array_equal(reference.pixels, other.pixels)
            np.testing.assert_array_equal(reference.time_s, other.time_s)
