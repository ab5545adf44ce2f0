"""`harness data`."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from harness.commands.plans import missing_videos, plans
from harness.frames import Frames
from harness.paths import data_root
from harness.plan import Plan
from tasks.errors import Failure, InputError
from tasks.protocol import VideoRules
from tasks.span import Span


def main(options: Namespace) -> int:
    """Check annotations and videos, or render the generated sets."""
    return {"check": _check, "make": _make}[options.action](options)


def _check(options: Namespace) -> int:
    """Say what is missing; open every file there is. Files that cannot be read are bad input."""
    broken = 0
    for plan in plans(options, options.tasks):
        videos = len({sample.video for sample in plan.samples})
        sys.stdout.write(f"{plan.name}: annotations as published, {videos:,} videos, {len(plan.samples):,} queries\n")
        sys.stdout.write(missing_videos(plan) or f"{plan.name}: all videos are there\n")
        for path, failure in _unreadable(plan):
            broken += 1
            sys.stdout.write(f"{plan.name}: {path}: {failure.type}: {failure.message}\n")
    if broken:
        raise InputError("videos that can be read", f"{broken} that cannot, listed above", "replace these files and check again")
    return 0


def _unreadable(plan: Plan) -> Iterator[tuple[Path, Failure]]:
    if not plan.videos:
        return
    from harness.video.pool import FramePool, Job

    jobs = (Job(key, path) for key, path in sorted(plan.videos.items()))
    with FramePool(plan.protocol.video, 1, workers=2, deadline_s=60, prefetch=16, read=times_only) as pool:
        for job, outcome in tqdm(pool.frames(jobs), total=len(plan.videos), desc=plan.name, unit="video", file=sys.stderr):
            if isinstance(outcome, Failure):
                yield job.path, outcome


def times_only(path: Path, rules: VideoRules, _factor: int, _clip: Span | None) -> Frames:
    """Frames without pixels: the container is read through, nothing is decoded. Raises DecodeError."""
    from harness.video.times import frame_times

    times_s = frame_times(path)
    return Frames(np.empty((len(times_s), 0, 0, 3), dtype=np.uint8), times_s, 0.0, 0.0, rules.decoder)


def _make(options: Namespace) -> int:
    root = data_root(options.data_root)
    if options.what == "clock":
        from harness.synthetic.clock import make_clock

        make_clock(root)
    else:
        from harness.synthetic.make import make

        make(root, options.seed)
    sys.stdout.write(f"{root / options.what}\n")
    return 0
