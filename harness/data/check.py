"""What `harness data check` finds out about video files: which can be read, how long they are, which nobody asked for."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from harness import extras
from harness.data.videos import SUFFIXES, distinct, other_prefix
from harness.frames import Job
from harness.plan import Plan
from tasks import task as tasks
from tasks.errors import Failure, InputError
from tasks.sample import Sample
from tasks.span import Span

TOLERANCE_S = 1.0
UNITS = {"frames": 60.0, "milliseconds": 1e3, "microseconds": 1e6}
"""How many of each make a second."""
FACTOR_OF_UNITS = 2.0
"""A moment that ends at less than this times the length of its video is one that is wrong, not one in other units."""
Lengths = Mapping[Path, float | Failure]


class Outside(NamedTuple):
    """A moment that does not lie in its video: it starts or ends `after_s` seconds after the end, at `end_s`."""

    sample: Sample
    moment: Span
    end_s: float
    after_s: float


class Difference(NamedTuple):
    """A file that is not as long as its annotations say, all in seconds; with a clip, the file ends before the clip does."""

    video: str
    annotated_s: float
    file_s: float


def lengths(plans: Sequence[Plan]) -> dict[Path, float | Failure]:
    """Seconds from the first frame to the end of the last of every video file of these plans, or why it cannot be read.

    Containers are read through; of the pictures, the first and the last are decoded.
    """
    paths = sorted({path for plan in plans for path in plan.videos.values()})
    if not paths:
        return {}
    with extras.needed("video"):
        from harness.video.decode import first_and_last
        from harness.video.pool import FramePool

    found: dict[Path, float | Failure] = {}
    with FramePool(plans[0].protocol.video, 1, workers=2, deadline_s=60, prefetch=16, read=first_and_last) as pool:
        outcomes = pool.frames(Job(str(path), path) for path in paths)
        for job, outcome in tqdm(outcomes, total=len(paths), desc="check", unit="video", file=sys.stderr):
            found[Path(job.key)] = outcome if isinstance(outcome, Failure) else float(outcome.time_s[-1]) + outcome.interval_s
    return found


def _by_video(plan: Plan, lengths_s: Lengths) -> dict[str, float]:
    """Lengths of the videos of a plan that are there and can be read."""
    found = {video: lengths_s.get(path) for video, path in plan.videos.items()}
    return {video: length for video, length in found.items() if isinstance(length, float)}


def askable(plan: Plan, lengths_s: Lengths) -> list[Sample]:
    """Samples whose video is there and can be read, and whose clip begins inside it."""
    ends_s = _by_video(plan, lengths_s)
    return [s for s in plan.samples if s.video in ends_s and (s.clip is None or s.clip.start_s < ends_s[s.video])]


def outside(plan: Plan, lengths_s: Lengths) -> tuple[list[Outside], list[Outside]]:
    """Moments that start after the end of their video, and others that end more than `TOLERANCE_S` after it.

    A video that is missing or cannot be read is as long as its annotation says.
    """
    starts, ends, ends_s = [], [], _by_video(plan, lengths_s)
    for sample in plan.samples:
        end_s = float(sample.duration_s)
        if (length := ends_s.get(sample.video)) is not None:
            end_s = length if sample.clip is None else min(end_s, length - float(sample.clip.start_s))
        for moment in sample.truth.spans:
            if moment.start_s >= end_s:
                starts.append(Outside(sample, moment, end_s, float(moment.start_s) - end_s))
            elif float(moment.end_s) - end_s > TOLERANCE_S:
                ends.append(Outside(sample, moment, end_s, float(moment.end_s) - end_s))
    return starts, ends


def likely_unit(moments: Iterable[Outside]) -> str | None:
    """What spans seem to be written in, if not in seconds: the smallest unit in which all would lie in their videos."""
    share = max((float(one.moment.end_s) / one.end_s for one in moments if one.end_s > 0), default=0.0)
    return next((unit for unit, most in UNITS.items() if FACTOR_OF_UNITS < share <= most), None)


def differences(plan: Plan, lengths_s: Lengths) -> list[Difference]:
    """Videos whose file and annotation disagree by more than `TOLERANCE_S`, each once for every annotated duration."""
    found, ends_s = set(), _by_video(plan, lengths_s)
    for video, duration_s, clip in {(s.video, s.duration_s, s.clip) for s in plan.samples if s.video in ends_s}:
        end_s, length = float(clip.end_s) if clip else duration_s, ends_s[video]
        if end_s - length > TOLERANCE_S or (clip is None and length - end_s > TOLERANCE_S):
            found.add(Difference(video, end_s, length))
    return sorted(found)


def extra_files(plans: Sequence[Plan]) -> list[Path]:
    """Video files in the searched folders that no split of these tasks names."""
    known = {sample.video for plan in plans for sample in plan.samples}
    taken = {path.resolve() for plan in plans for path in plan.videos.values()}
    for plan in {plan.task.name: plan for plan in plans}.values():
        known |= {video for split in plan.task.splits(plan.data_root) for video in _videos(plan, split)}
    folders = [folder for folder in distinct(folder for plan in plans for folder in plan.searched) if folder.is_dir()]
    files = (path for folder in folders for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in files if not known.intersection(_keys(path)) and path.resolve() not in taken)


def _keys(file: Path) -> Iterator[str]:
    """What videos can be called that this file is."""
    for name in (file.name, file.stem):
        yield from (name, other_prefix(name))


def _videos(plan: Plan, split: str) -> Iterable[str]:
    """Video names of a split, none if its annotations are not there."""
    try:
        return {sample.video for sample in tasks.load(plan.task, split, plan.data_root)}
    except InputError:
        return ()
