"""Stand-ins for `read_frames` that worker processes import by name. The path says what to do."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from harness.frames import Frames
from harness.video.failure import DecodeError
from tasks.errors import Failure
from tasks.rules import VideoRules
from tasks.span import Span


def read(path: Path, rules: VideoRules, factor: int, clip: Span | None) -> Frames:
    """Behave as the name of the file tells."""
    name = path.stem
    if name == "hang":
        time.sleep(1000)
    if name == "kill":
        time.sleep(0.3)  # a real decoder crashes after it has started, too
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "bad":
        raise DecodeError(Failure("video-unreadable", "no"))
    if name == "bug":
        raise ZeroDivisionError("a bug")
    if name == "greedy":
        np.ones(2**40, dtype=np.uint8)
    if name == "mark":
        path.touch()
    if name == "pid":
        path.write_text(str(os.getpid()))
        time.sleep(1000)
    time_s = np.array([0.0, 1.0 if clip is None else float(clip.start_s)])
    return Frames(np.full((2, factor, factor, 3), len(name), dtype=np.uint8), time_s, 1.0, 0.0, rules.decoder)
