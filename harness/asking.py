"""The questions of a run: all that are asked about one video together, every reply on disk before the next video."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness import store
from harness.data.videos import check_same_file, identity
from harness.environment import Launch
from harness.frames import Frames, Job
from harness.models.base import AnswerError, Model
from harness.plan import Plan
from harness.progress import Progress
from harness.records import MISSING_VIDEO, Record, error_type, make_record, redacted
from tasks.errors import Failure
from tasks.question import Question
from tasks.sample import Sample
from tasks.span import Span

Records = Mapping[tuple[str, str], Record]
SYNC_S = 1.0


class Part(NamedTuple):
    """A plan and its run folder."""

    plan: Plan
    folder: Path


class Decoder(NamedTuple):
    """A source of decoded videos, and the seconds the run has waited for it so far."""

    frames: Callable[[Iterable[Job]], Iterator[tuple[Job, Frames | Failure | None]]]
    waited_s: Callable[[], float]


NO_VIDEO = Decoder(lambda jobs: ((job, None) for job in jobs), lambda: 0.0)


def open_jobs(plans: Sequence[Plan], records: Sequence[Records], launch: Launch) -> list[Job]:
    """Jobs of this process with open questions; a question whose record is an error is open again.

    Args:
        plans: What is asked; a video of several of them is one job.
        records: Of each plan, what is on record.
        launch: Which processes share the work.
    """
    groups: dict[tuple[Path | None, str, Span | None], list[tuple[int, Sample]]] = {}
    for owner, plan in enumerate(plans):
        for sample in plan.samples:
            groups.setdefault((plan.videos.get(sample.video), sample.video, sample.clip), []).append((owner, sample))
    jobs = []
    for (path, video, clip), members in list(groups.items())[launch.rank :: launch.world]:
        wanted = [
            (owner, Question(sample, mode, plans[owner].protocol, path))
            for owner, sample in members
            for mode in plans[owner].modes
            if (record := records[owner].get((sample.id, mode))) is None or record["error"] is not None
        ]
        if wanted:
            jobs.append(Job(video, path, clip, [question for _, question in wanted], [owner for owner, _ in wanted]))
    return jobs


def answer(
    parts: Sequence[Part], model: Model, decoder: Decoder, launch: Launch, secrets: Sequence[str]
) -> list[dict[str, float]]:
    """Ask what is open, and write every reply to the folder of its part.

    Returns:
        Of each part the seconds that its questions took, and those of them that were spent on waiting for frames.
    """
    records = [store.read_records(folder) for _, folder in parts]
    jobs = open_jobs([plan for plan, _ in parts], records, launch)
    seen = [seen_files(part.plan, found) for part, found in zip(parts, records, strict=True)]
    total = sum(len(plan.samples) * len(plan.modes) for plan, _ in parts)
    timings = [{"seconds": 0.0, "decode_wait_s": 0.0} for _ in parts]
    with Progress(total, [plan for plan, _ in parts]) as progress:
        for place, (plan, folder) in enumerate(parts):
            asked = {(sample.id, mode) for sample in plan.samples for mode in plan.modes}
            answered = [new for key, new in records[place].items() if key in asked and new["error"] is None]
            progress.update(answered, 0.0, place)
            if model.needs_video:
                missing = _missing_records(plan, [_of(job, place) for job in jobs if job.path is None])
                known = [error_type(records[place].get((new["id"], new["mode"]))) == MISSING_VIDEO for new in missing]
                store.append(folder, [new for new, told in zip(missing, known, strict=True) if not told])
                progress.update(missing, 0.0, place)
        started = synced = time.monotonic()
        waited_s = 0.0
        for job, frames in decoder.frames([job for job in jobs if job.path is not None or not model.needs_video]):
            file = identity(job.path) if job.path is not None and model.needs_video else None
            sharing = dict.fromkeys(job.owners)
            # Once a second, so that quick models do not wait for the disk at every video.
            if due := (now := time.monotonic()) - synced >= SYNC_S:
                synced = now
            wait_s, waited_s = decoder.waited_s() - waited_s, decoder.waited_s()
            for place in sharing:
                if file is not None and job.path is not None:
                    check_same_file(job.path, seen[place].setdefault(job.key, file), file, parts[place].folder)
                replies = answer_job(model, _of(job, place), frames, seen[place].get(job.key))
                new = [redacted(record, secrets) for record in replies]
                store.append(parts[place].folder, new, sync=due)
                progress.update(new, waited_s, place)
                took_s, started = time.monotonic() - started, time.monotonic()
                timings[place]["seconds"] += took_s
                timings[place]["decode_wait_s"] += wait_s / len(sharing)
    return timings


def _of(job: Job, place: int) -> Job:
    """The job with the questions of one part."""
    return job._replace(questions=[question for question, owner in zip(job.questions, job.owners, strict=True) if owner == place])


def seen_files(plan: Plan, records: Records) -> dict[str, str]:
    """Which file each video was when it was answered, by video key."""
    video = {sample.id: sample.video for sample in plan.samples}
    answered = [record for record in records.values() if record["error"] is None and "file" in record]
    return {video[record["id"]]: record["file"] for record in answered if record["id"] in video}


def _missing_records(plan: Plan, jobs: Sequence[Job]) -> list[Record]:
    searched = ", ".join(map(str, plan.searched))
    return [
        make_record(question, Failure(MISSING_VIDEO, f"no file for {job.key} in {searched}"))
        for job in jobs
        for question in job.questions
    ]


def answer_job(model: Model, job: Job, frames: Frames | Failure | None, file: str | None = None) -> list[Record]:
    """Ask the model the questions of one video, which is this file; failures become records."""
    if isinstance(frames, Failure):
        return [make_record(question, frames, file=file) for question in job.questions]
    started = time.monotonic()
    try:
        outcomes = model.answer(frames, job.questions)
    except AnswerError as error:
        outcomes = [error.failure] * len(job.questions)
    seconds = (time.monotonic() - started) / len(job.questions)
    pairs = zip(job.questions, outcomes, strict=True)
    return [make_record(question, outcome, seconds, frames, file) for question, outcome in pairs]
