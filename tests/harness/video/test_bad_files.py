"""Broken and hostile files give a named failure, whichever decoder is asked."""

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.video.decode import read_frames
from harness.video.failure import DecodeError
from harness.video.pool import FramePool, Job
from tasks.errors import Failure
from tasks.rules import VideoRules

Encode = Callable[..., Path]


@pytest.fixture(scope="module")
def moov_last(encode: Encode, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return encode(tmp_path_factory.mktemp("bad") / "last.mp4", 200).read_bytes()


@pytest.fixture(scope="module")
def moov_first(encode: Encode, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return encode(tmp_path_factory.mktemp("bad") / "first.mp4", 200, movflags="faststart").read_bytes()


def failure_type(path: Path, content: bytes, rules: VideoRules, decoder: str) -> str:
    path.write_bytes(content)
    with pytest.raises(DecodeError) as caught:
        read_frames(path, replace(rules, decoder=decoder), 28)
    assert path.name in caught.value.failure.message
    return caught.value.failure.type


def patched(video: bytes, box: bytes, *values: tuple[int, int]) -> bytes:
    """Put (offset, 32-bit number) pairs after the name of a box."""
    changed = bytearray(video)
    for offset, number in values:
        struct.pack_into(">I", changed, changed.index(box) + offset, number)
    return bytes(changed)


def test_not_a_video(tmp_path: Path, rules: VideoRules, each_decoder: str) -> None:
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    assert failure_type(tmp_path / "a.mp4", b"", rules, each_decoder) == "video-empty"
    assert failure_type(tmp_path / "b.mp4", b"hello\n" * 999, rules, each_decoder) == "video-unreadable"
    assert failure_type(tmp_path / "c.mp4", playlist, rules, each_decoder) == "video-unreadable"


def test_no_file(tmp_path: Path, rules: VideoRules) -> None:
    with pytest.raises(DecodeError) as caught:
        read_frames(tmp_path / "nowhere.mp4", rules, 28)
    assert caught.value.failure.type == "missing-video"


def test_half_a_file(tmp_path: Path, rules: VideoRules, each_decoder: str, moov_first: bytes, moov_last: bytes) -> None:
    for number, whole in enumerate((moov_first, moov_last)):
        half = whole[: len(whole) // 2]
        assert failure_type(tmp_path / f"{number}.mp4", half, rules, each_decoder) == "video-truncated"


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_garbage_in_the_pictures(tmp_path: Path, rules: VideoRules, each_decoder: str, moov_first: bytes, share: float) -> None:
    start = moov_first.index(b"mdat") + 4
    start += int(share * (len(moov_first) - start))
    noise = np.random.default_rng(0).integers(0, 256, len(moov_first) - start, dtype=np.uint8).tobytes()
    assert failure_type(tmp_path / "a.mp4", moov_first[:start] + noise, rules, each_decoder) == "video-truncated"


def test_no_frames_and_no_length(tmp_path: Path, rules: VideoRules, each_decoder: str, moov_first: bytes) -> None:
    none = patched(moov_first, b"stsz", (12, 0))
    for box in (b"stts", b"ctts", b"stco", b"stsc", b"stss"):
        none = patched(none, box, (8, 0))
    assert failure_type(tmp_path / "a.mp4", none, rules, each_decoder) == "video-zero-duration"
    frozen = patched(patched(moov_first, b"stts", (16, 0)), b"ctts", (8, 0))
    assert failure_type(tmp_path / "b.mp4", frozen, rules, each_decoder) == "video-zero-duration"


def test_a_header_that_promises_more(
    tmp_path: Path, encode: Encode, rules: VideoRules, each_decoder: str, moov_first: bytes
) -> None:
    matroska = bytearray(encode(tmp_path / "a.mkv", 200).read_bytes())
    duration = matroska.index(b"\x44\x89\x88") + 3
    assert struct.unpack_from(">d", matroska, duration)[0] == 20_000
    struct.pack_into(">d", matroska, duration, 40_000.0)
    assert failure_type(tmp_path / "a.mkv", bytes(matroska), rules, each_decoder) == "video-truncated"
    endless = patched(moov_first, b"stsz", (12, 0x7FFFFFFF))
    assert failure_type(tmp_path / "b.mp4", endless, rules, each_decoder) == "video-unreadable"


def test_two_billion_frames_cost_one_sample(tmp_path: Path, rules: VideoRules, moov_first: bytes) -> None:
    bomb = tmp_path / "bomb.mp4"
    bomb.write_bytes(patched(moov_first, b"stsz", (8, 100), (12, 0x7FFFFFF0)))
    good = tmp_path / "good.mp4"
    good.write_bytes(moov_first)
    with FramePool(rules, 28) as pool:
        (_, first), (_, second) = pool.frames([Job("0", bomb), Job("1", good)])
    assert isinstance(first, Failure)
    assert not isinstance(second, Failure)
