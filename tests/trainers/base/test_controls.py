"""The controls that tell a model that looks and reads from one that does not."""

import numpy as np
import pytest

from harness.models import hf
from tasks import protocol
from trainers.base import WEAK, controls, exam


def test_swapped_videos_have_the_length_and_never_the_frames() -> None:
    model = hf.load(str(WEAK), protocol.load("synthetic"))
    lessons = exam.draw(np.random.default_rng(0), 12, model)
    swapped = controls.swapped(lessons)
    frames = {id(lesson.frames): lesson.frames for lesson in lessons}
    assert sorted(map(id, (lesson.frames for lesson in swapped))) == sorted(frames)
    own = {lesson.events: lesson.frames for lesson in lessons}
    alone = [
        length
        for length in {len(f.time_s) for f in frames.values()}
        if sum(len(f.time_s) == length for f in frames.values()) == 1
    ]
    for lesson in swapped:
        assert len(lesson.frames.time_s) == len(own[lesson.events].time_s)
        assert lesson.frames is not own[lesson.events] or len(lesson.frames.time_s) in alone


def test_each_control_has_its_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(controls, "VIDEOS", 4)
    controls.main(str(WEAK))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0].strip() for line in lines[2:]] == [
        "benchmark",
        "videos swapped",
        "one colour",
        "three colours, named alone",
    ]
    assert all(float(line.split()[-1]) > 0 for line in lines[2:])
