"""Frame positions and sizes against the published formulas, re-derived here."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.video.sampling import frame_count, grid, target_size, within
from tasks.rules import VideoRules
from tasks.span import Span

RULES = VideoRules("pyav", 2.0, 4, 768, 16 * 28**2, 768 * 28**2, 3584 * 28**2)
rates = st.sampled_from([3.0, 10000 / 1049, 24000 / 1001, 25.0, 30.0, 60.0])
fps_values = st.sampled_from([0.5, 1.0, 2.0, 4.0])
sides = st.integers(16, 4000)
even_counts = st.integers(1, 384).map(lambda n: 2 * n)
gaps = st.lists(st.floats(0.001, 5.0), min_size=0, max_size=200)


def qwen_count(total: int, fps: float, rules: VideoRules) -> int:
    """`smart_nframes` of qwen_vl_utils 0.0.14."""
    count = total / fps * rules.fps
    count = min(min(max(count, math.ceil(rules.min_frames / 2) * 2), min(rules.max_frames, total) // 2 * 2), total)
    return math.floor(count / 2) * 2


def qwen_size(height: int, width: int, n: int, rules: VideoRules, factor: int) -> tuple[int, int]:
    """`smart_resize` under the per-frame cap of `fetch_video`, qwen_vl_utils 0.0.14."""
    cap = max(min(rules.max_pixels, rules.total_pixels / n * 2), int(rules.min_pixels * 1.05))
    h_bar = max(factor, round(height / factor) * factor)
    w_bar = max(factor, round(width / factor) * factor)
    if h_bar * w_bar > cap:
        beta = math.sqrt((height * width) / cap)
        h_bar, w_bar = (math.floor(side / beta / factor) * factor for side in (height, width))
    elif h_bar * w_bar < rules.min_pixels:
        beta = math.sqrt(rules.min_pixels / (height * width))
        h_bar, w_bar = (math.ceil(side * beta / factor) * factor for side in (height, width))
    return h_bar, w_bar


@settings(deadline=None)
@given(
    st.integers(2, 20_000),
    st.sampled_from([3.0, 10000 / 1049, 24000 / 1001, 25.0, 30.0, 60.0]),
    st.sampled_from([0.5, 1.0, 2.0, 4.0]),
)
def test_constant_rate_gives_the_frames_of_qwen(total: int, rate: float, fps: float) -> None:
    rules = replace(RULES, fps=fps)
    count = qwen_count(total, rate, rules)
    result = grid(np.arange(total) / rate, 1 / rate, rules)
    if abs(total / rate * fps / 2 - round(total / rate * fps / 2)) > 1e-6:
        assert len(result.indices) == count
    expected = np.linspace(0, total - 1, len(result.indices)).round()
    np.testing.assert_array_equal(result.indices, expected)


@settings(deadline=None)
@given(st.floats(0.0, 3.0), gaps, fps_values)
def test_no_frame_is_farther_from_its_grid_time_than_the_slack(first: float, steps: list[float], fps: float) -> None:
    times = first + np.concatenate([[0.0], np.cumsum(steps)])
    result = grid(times, 0.04, replace(RULES, fps=fps))
    points = np.arange(len(result.indices)) * result.interval_s
    assert len(points) % 2 == 0
    assert np.all(np.abs(times[result.indices] - points) <= result.slack_s + 1e-9)
    assert np.all(np.diff(result.indices) >= 0)
    assert times[result.indices[-1]] == times[-1]


def test_a_late_first_frame_counts_in_full() -> None:
    assert grid(0.3 + np.arange(30) / 30, 1 / 30, RULES).slack_s == pytest.approx(0.3)
    assert grid(np.arange(30) / 30, 1 / 30, RULES).slack_s == pytest.approx(1 / 60)


def test_one_frame_is_repeated() -> None:
    result = grid(np.array([0.0]), 0.04, RULES)
    assert (result.indices.tolist(), result.interval_s, result.slack_s) == ([0, 0], 0.0, 0.0)


@pytest.mark.parametrize(
    ("total", "duration", "expected"),
    [(335, 35.1415, 70), (3, 1.0, 2), (1, 0.04, 2), (60, 60 / 30 - 1e-9, 4), (99_999, 4000.0, 768), (10, 0.1, 4), (5, 9.0, 4)],
)
def test_counts(total: int, duration: float, expected: int) -> None:
    assert frame_count(total, duration, RULES) == expected


def test_no_frame_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        grid(np.array([]), 0.04, RULES)


def test_a_clip_takes_its_own_frames_and_starts_at_zero() -> None:
    times = np.arange(100) / 10
    chosen, relative = within(times, Span(2.0, 4.0))
    assert (chosen.start, chosen.stop) == (20, 40)
    np.testing.assert_allclose(relative, np.arange(20) / 10, atol=1e-12)
    assert within(times, None)[0] == slice(0, 100)
    assert within(times, Span(20.0, 30.0))[1].size == 0


@settings(deadline=None)
@given(sides, sides, even_counts, st.sampled_from([28, 32]), st.sampled_from([(16, 3584), (64, 14336)]))
def test_sizes_are_those_of_qwen(height: int, width: int, n: int, factor: int, tokens: tuple[int, int]) -> None:
    unit = factor**2
    rules = replace(RULES, min_pixels=tokens[0] * unit, max_pixels=768 * unit, total_pixels=tokens[1] * unit)
    expected = qwen_size(height, width, n, rules, factor)
    if min(expected) >= factor and max(height, width) <= 200 * min(height, width):
        assert target_size(height, width, n, rules, factor) == expected


def test_sizes_of_known_videos() -> None:
    assert target_size(360, 640, 70, RULES, 28) == (196, 364)
    assert target_size(1080, 1920, 4, RULES, 28) == (560, 1008)
    assert target_size(64, 64, 16, RULES, 28) == (112, 112)


def test_extreme_shapes() -> None:
    assert target_size(20, 3000, 70, RULES, 28)[0] == 28
    with pytest.raises(ValueError, match="200 times"):
        target_size(10, 4000, 70, RULES, 28)
