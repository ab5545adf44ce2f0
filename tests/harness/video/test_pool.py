"""Bad videos cost one sample each; memory is bounded; nothing outlives the pool."""

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pool_reads import read

from harness.frames import Frames, Job
from harness.video.pool import FramePool
from tasks.errors import Failure
from tasks.rules import VideoRules
from tasks.span import Span


def test_every_failure_is_typed_and_the_rest_goes_on_in_order(rules: VideoRules) -> None:
    names = ["a", "hang", "bb", "kill", "ccc", "bad", "greedy", "dddd"]
    jobs = [Job(str(number), Path(name)) for number, name in enumerate(names)]
    with FramePool(rules, 28, workers=2, deadline_s=2.0, read=read) as pool:
        results = list(pool.frames(jobs))
    assert [job for job, _ in results] == jobs
    found = [outcome.type if isinstance(outcome, Failure) else int(outcome.pixels[0, 0, 0, 0]) for _, outcome in results]
    assert found == [1, "decode-timeout", 2, "decode-crash", 3, "video-unreadable", "decode-memory", 4]
    assert pool.waited_s >= 2.0


def test_a_bug_in_a_worker_is_raised(rules: VideoRules) -> None:
    with FramePool(rules, 28, read=read) as pool, pytest.raises(ZeroDivisionError, match="a bug"):
        list(pool.frames([Job("0", Path("bug"))]))


def test_clips_reach_the_reader(rules: VideoRules) -> None:
    with FramePool(rules, 28, read=read) as pool:
        ((_, frames),) = pool.frames([Job("key", Path("a"), Span(7.0, 9.0))])
    assert isinstance(frames, Frames)
    assert frames.time_s[1] == 7.0


def test_no_jobs_start_no_process(rules: VideoRules) -> None:
    with FramePool(rules, 28, read=read) as pool:
        assert list(pool.frames([])) == []


def test_two_thousand_videos_are_never_more_than_the_window(rules: VideoRules) -> None:
    pulled = yielded = 0

    def jobs() -> Iterator[Job]:
        nonlocal pulled
        for number in range(2_000):
            pulled += 1
            yield Job(str(number), Path("a"))

    with FramePool(rules, 28, prefetch=8, read=read) as pool:
        for job, frames in pool.frames(jobs()):
            assert isinstance(frames, Frames)
            assert job.key == str(yielded)
            yielded += 1
            assert pulled - yielded <= 8
            if yielded % 500 == 0:
                alive = sum(type(thing) is Frames for thing in gc.get_objects())
                assert alive <= 8 + 2  # the window, the one in hand, and one on its way out of the pipe
    assert yielded == 2_000


def test_decodes_ahead_while_the_consumer_works(rules: VideoRules, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with FramePool(rules, 28, read=read) as pool:
        results = pool.frames([Job("0", Path("a")), Job("1", mark)])
        next(results)
        patience = time.monotonic() + 60
        while not mark.exists() and time.monotonic() < patience:
            time.sleep(0.01)
        assert mark.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="process groups and signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_end_leaves_no_process_and_no_worker_traceback(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C reaches every process of the group; a killed parent can stop no worker, which is stuck in a file."""
    script = Path(__file__).parent / "interrupted.py"
    pid_file = tmp_path / "pid"
    parent = subprocess.Popen(
        [sys.executable, str(script), str(pid_file)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    patience = time.monotonic() + 60
    while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < patience:
        time.sleep(0.05)
    worker = int(pid_file.read_text())
    os.killpg(parent.pid, number) if number == signal.SIGINT else parent.kill()
    _, errors = parent.communicate(timeout=60)
    assert (parent.returncode, errors) == (130 if number == signal.SIGINT else -number, "")
    while Path(f"/proc/{worker}").exists() and time.monotonic() < patience:
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
