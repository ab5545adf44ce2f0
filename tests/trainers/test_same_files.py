"""A training goes on with the video files that it began with, or not at all."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.errors import InputError
from trainers.train import same_files


def test_a_replaced_video_is_refused(tmp_path: Path) -> None:
    videos = {name: tmp_path / f"{name}.mp4" for name in "ab"}
    for path in videos.values():
        path.write_bytes(b"a video")
    training: Any = SimpleNamespace(folder=tmp_path)
    questions: Any = [SimpleNamespace(sample=SimpleNamespace(video=name), video=videos[name]) for name in "aab"]
    files = same_files(training, questions, None)
    assert files.keys() == {"a", "b"}
    assert same_files(training, questions, {"trained_on": {"files": files}}) == files
    assert same_files(training, questions, {"trained_on": {}}) == files  # begun by an earlier version
    videos["b"].write_bytes(b"A video")
    with pytest.raises(InputError, match=r"b\.mp4"):
        same_files(training, questions, {"trained_on": {"files": files}})
