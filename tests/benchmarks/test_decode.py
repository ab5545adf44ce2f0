"""How long it takes to sample the real video at 2 fps, by decoder."""

from dataclasses import replace
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.video.decode import read_frames
from tasks import protocol
from tasks.errors import InputError


@pytest.mark.shared_data
@pytest.mark.parametrize("decoder", ["pyav", "decord", "torchcodec"])
def test_decode_at_2_fps(benchmark: BenchmarkFixture, shared_data: Path, decoder: str) -> None:
    rules = replace(protocol.load("default").video, decoder=decoder)
    video = shared_data / "videos" / "OHOFG.mp4"
    try:
        read_frames(video, rules, 28)
    except InputError as error:
        pytest.skip(f"{decoder}: {error.found}")
    frames = benchmark.pedantic(read_frames, (video, rules, 28), rounds=7)
    assert len(frames.time_s) == 70
