"""What `harness data check` finds out about video files: which can be read, how long they are, which nobody asked for."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from harness import extras
from harness.frames import Frames
from harness.plan import Plan
from harness.videos import SUFFIXES
from tasks import task as tasks
from tasks.errors import Failure, InputError
from tasks.protocol import VideoRules
from tasks.sample import Sample
from tasks.span import Span

TOLERANCE_S = 1.0
Lengths = Mapping[Path, float | Failure]


class Difference(NamedTuple):
    """A file that is not as long as its annotations say, all in seconds; with a clip, the file ends before the clip does."""

    video: str
    annotated_s: float
    file_s: float


def lengths(plans: Sequence[Plan]) -> dict[Path, float | Failure]:
    """Seconds from 0 to the end of the last frame of every video file of these plans, or why the file cannot be read.

    Containers are read through, nothing is decoded.
    """
    paths = sorted({path for plan in plans for path in plan.videos.values()})
    if not paths:
        return {}
    with extras.needed("video"):
        from harness.video.pool import FramePool, Job

    found: dict[Path, float | Failure] = {}
    with FramePool(plans[0].protocol.video, 1, workers=2, deadline_s=60, prefetch=16, read=times_only) as pool:
        outcomes = pool.frames(Job(path, path) for path in paths)
        for job, outcome in tqdm(outcomes, total=len(paths), desc="check", unit="video", file=sys.stderr):
            found[job.path] = outcome if isinstance(outcome, Failure) else float(outcome.time_s[-1]) + outcome.interval_s
    return found


def times_only(path: Path, rules: VideoRules, _factor: int, _clip: Span | None) -> Frames:
    """Frames without pixels, `interval_s` the mean distance between them. Raises DecodeError."""
    from harness.video.times import frame_duration, frame_times

    times_s = frame_times(path)
    return Frames(np.empty((len(times_s), 0, 0, 3), dtype=np.uint8), times_s, frame_duration(times_s), 0.0, rules.decoder)


def askable(plan: Plan, lengths_s: Lengths) -> list[Sample]:
    """Samples whose video is there and can be read, and whose clip begins inside it."""

    def ready(sample: Sample) -> bool:
        length = lengths_s.get(plan.videos[sample.video]) if sample.video in plan.videos else None
        return isinstance(length, float) and (sample.clip is None or sample.clip.start_s < length)

    return [sample for sample in plan.samples if ready(sample)]


def differences(plan: Plan, lengths_s: Lengths) -> list[Difference]:
    """Videos whose file and annotation disagree by more than `TOLERANCE_S`, each once for every annotated duration."""
    found = set()
    for video, duration_s, clip in {(s.video, s.duration_s, s.clip) for s in plan.samples if s.video in plan.videos}:
        length = lengths_s.get(plan.videos[video])
        if not isinstance(length, float):
            continue
        end_s = float(clip.end_s) if clip else duration_s
        if end_s - length > TOLERANCE_S or (clip is None and length - end_s > TOLERANCE_S):
            found.add(Difference(video, end_s, length))
    return sorted(found)


def extra_files(plans: Sequence[Plan]) -> list[Path]:
    """Video files in the searched folders that no split of these tasks names."""
    known = {sample.video for plan in plans for sample in plan.samples}
    for plan in {plan.task.name: plan for plan in plans}.values():
        known |= {video for split in plan.task.splits(plan.data_root) for video in _videos(plan, split)}
    folders = {folder for plan in plans for folder in plan.searched if folder.is_dir()}
    files = (path for folder in folders for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in files if not {path.name, path.stem} & known)


def _videos(plan: Plan, split: str) -> Iterable[str]:
    """Video names of a split, none if its annotations are not there."""
    try:
        return {sample.video for sample in tasks.load(plan.task, split, plan.data_root)}
    except InputError:
        return ()
