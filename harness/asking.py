"""The questions of a run: all that are asked about one video together, every reply on disk as soon as it is there."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from harness import store
from harness.data.videos import check_same_file, identity
from harness.effort import Effort
from harness.environment import Launch
from harness.frames import Frames, Job
from harness.models.base import AnswerError, Answers, Asked, Model, Reply, stream
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
    parts: Sequence[Part], model: Model, decoder: Decoder, launch: Launch, secrets: Sequence[str], began_s: float | None = None
) -> list[dict[str, float]]:
    """Ask what is open, and write every reply to the folder of its part; `began_s` is when the run began, by `time.monotonic`.

    Frames are decoded as the model takes them; it may take several videos before it answers, and answer them in any order.

    Returns:
        Of each part the seconds that its questions took, and those of them that were spent on waiting for frames.
    """
    records = [store.read_records(folder) for _, folder in parts]
    jobs = open_jobs([plan for plan, _ in parts], records, launch)
    seen = [seen_files(part.plan, found) for part, found in zip(parts, records, strict=True)]
    total = sum(len(plan.samples) * len(plan.modes) for plan, _ in parts)
    with Progress(total, [plan for plan, _ in parts], began_s) as progress:
        for place, (plan, folder) in enumerate(parts):
            asked = {(sample.id, mode) for sample in plan.samples for mode in plan.modes}
            answered = [new for key, new in records[place].items() if key in asked and new["error"] is None]
            progress.update(answered, 0.0, place)
            if model.needs_video:
                missing = _missing_records(plan, [_of(job, place) for job in jobs if job.path is None])
                known = [error_type(records[place].get((new["id"], new["mode"]))) == MISSING_VIDEO for new in missing]
                store.append(folder, [new for new, told in zip(missing, known, strict=True) if not told])
                progress.update(missing, 0.0, place)
        under_way = _UnderWay(parts, seen, decoder, progress, secrets)
        wanted = [job for job in jobs if job.path is not None or not model.needs_video]
        for place, answers in stream(model, under_way.videos(wanted, model.needs_video)):
            under_way.take(place, answers)
    return under_way.end(model)


class _Given(NamedTuple):
    """What the model has in hand of one video; its frames without pixels, which are the model's to keep or drop."""

    job: Job
    frames: Frames | None
    since: float


class _UnderWay:
    """Videos between decoder, model and disk."""

    def __init__(
        self, parts: Sequence[Part], seen: Sequence[dict[str, str]], decoder: Decoder, progress: Progress, secrets: Sequence[str]
    ) -> None:
        self._parts, self._seen, self._decoder, self._progress, self._secrets = parts, seen, decoder, progress, secrets
        self._given: dict[int, _Given] = {}
        self._effort = Effort(len(parts), decoder.waited_s)
        self._synced = time.monotonic()

    def videos(self, jobs: Sequence[Job], looks: bool) -> Iterator[Asked]:
        """Each decoded video of these jobs with its questions, when it is asked for; what cannot be decoded is written instead.

        Raises InputError where a file that the model looks at is no longer the one that it was.
        """
        place = 0
        self._effort.asking()
        for job, frames in self._decoder.frames(jobs):
            if looks and job.path is not None and (file := identity(job.path)) is not None:
                for owner in dict.fromkeys(job.owners):
                    before = self._seen[owner].setdefault(job.key, file)
                    check_same_file(job.path, before, file, self._parts[owner].folder)
            if isinstance(frames, Failure):
                self._write(job, [frames] * len(job.questions))
                continue
            self._effort.reading(job.owners)
            kept = None if frames is None else replace(frames, pixels=frames.pixels[:0].copy())
            self._given[place] = _Given(job, kept, self._effort.hand_over(len(job.questions)))
            place += 1
            yield Asked(frames, job.questions)
            self._effort.asking()

    def take(self, place: int, answers: Answers) -> None:
        """Write what the model answered to the video at this place."""
        self._effort.asking()
        job, frames, since = self._given.pop(place)
        seconds = self._effort.take_back(job.owners, since)
        self._progress.replied()
        outcomes = [answers.failure] * len(job.questions) if isinstance(answers, AnswerError) else answers
        self._write(job, outcomes, seconds, frames)

    def end(self, model: Model) -> list[dict[str, float]]:
        """What was spent on each part. Raises RuntimeError where the model has not answered all that it took."""
        if self._given:
            raise RuntimeError(f"{model.name} left {len(self._given)} of the videos that it took without an answer")
        return self._effort.timings

    def _write(self, job: Job, outcomes: Sequence[Reply | Failure], seconds: float = 0.0, frames: Frames | None = None) -> None:
        # Once a second, so that quick models do not wait for the disk at every video.
        if due := (now := time.monotonic()) - self._synced >= SYNC_S:
            self._synced = now
        asked = list(zip(job.questions, job.owners, outcomes, strict=True))
        for place in dict.fromkeys(job.owners):
            file = self._seen[place].get(job.key)
            new = [make_record(question, told, seconds, frames, file) for question, owner, told in asked if owner == place]
            store.append(self._parts[place].folder, [redacted(record, self._secrets) for record in new], sync=due)
            self._progress.update(new, self._decoder.waited_s(), place)
        self._effort.reading(job.owners)


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
