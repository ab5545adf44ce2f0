"""The run: videos in order, all questions on one video together, every reply on disk before the next video."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from harness import environment, store
from harness.again import Asked, is_done, is_same
from harness.data.videos import check_same_file, identity
from harness.environment import Launch
from harness.frames import Frames, Job
from harness.models.base import AnswerError, Model
from harness.plan import Plan
from harness.progress import Progress
from harness.records import MISSING_VIDEO, Record, error_type, make_record, redacted
from harness.secret import hidden, redact
from harness.summary import Summary, failed, summarize
from tasks.errors import Failure, InputError
from tasks.question import Question
from tasks.sample import Sample
from tasks.span import Span


class Decoder(NamedTuple):
    """A source of decoded videos, and the seconds the run has waited for it so far."""

    frames: Callable[[Iterable[Job]], Iterator[tuple[Job, Frames | Failure | None]]]
    waited_s: Callable[[], float]


OpenDecoder = Callable[[Model], AbstractContextManager[Decoder]]
NO_VIDEO = Decoder(lambda jobs: ((job, None) for job in jobs), lambda: 0.0)


def run(
    plan: Plan,
    folder: Path,
    load_model: Callable[[], Model],
    open_decoder: OpenDecoder,
    asked: Asked | None = None,
    secrets: Sequence[str] = (),
) -> Summary:
    """Answer what is still open in a run folder, then score the split.

    Work is divided by video over the processes of a launch, without collectives: each takes every world-size-th video, and
    the last to end scores. A finished run that is typed again is scored without its model, also where it can only be read.

    Args:
        plan: What to ask.
        folder: Run folder; continued if it holds the same run.
        load_model: Loads the model.
        open_decoder: Opens the source of frames for that model, if it needs video.
        asked: What was typed about the model, where loading it takes time.
        secrets: Texts that are written nowhere, whoever echoes them.

    Raises:
        InputError: The folder holds another run, a video was replaced since, or it is in use or cannot be written.
    """
    launch = environment.launch()
    try:
        store.prepare_folder(folder)
    except InputError:
        if (summary := _read_only(plan, folder, load_model, launch, asked)) is None:
            raise
        return summary
    with store.locked(folder, launch.id):
        previous = store.read_run(folder)
        check_same_run(folder, previous, plan.spec())
        check_same_videos(folder, plan, launch)
        records = store.read_records(folder)
        if asked is not None and previous is not None and is_done(plan, previous, records, asked):
            return _again(plan, folder, records, launch)
        model = load_model()
        spec = {**plan.spec(), "model": model.describe()}
        check_same_run(folder, previous, spec)
        _open_session(folder, spec, plan, launch, asked, secrets)
        started = time.monotonic()
        with open_decoder(model) if model.needs_video else nullcontext(NO_VIDEO) as decoder:
            _answer(plan, folder, model, decoder, records, launch, secrets)
            timings = {"seconds": time.monotonic() - started, "decode_wait_s": decoder.waited_s()}
        return _finish(plan, folder, timings, launch)


def check_same_run(folder: Path, previous: Mapping[str, Any] | None, spec: Mapping[str, Any]) -> None:
    """Refuse to continue a run under another spec; keys that `spec` does not have yet are not compared. Raises InputError."""
    if previous is None:
        return
    changed = [key for key in spec if previous["spec"].get(key) != spec[key]]
    if changed:
        detail = "; ".join(_difference(key, previous["spec"].get(key), spec[key]) for key in changed)
        raise InputError(f"the run that {folder} was started with", f"a changed spec: {detail}", "use another --output")


def check_same_videos(folder: Path, plan: Plan, launch: Launch) -> None:
    """Refuse to continue where a video that has a reply is another file by now; ranks share the work. Raises InputError."""
    seen = {video: file for video, file in seen_files(plan, store.read_records(folder)).items() if video in plan.videos}
    for video in sorted(seen)[launch.rank :: launch.world]:
        check_same_file(plan.videos[video], seen[video], identity(plan.videos[video]), folder)


def seen_files(plan: Plan, records: Mapping[tuple[str, str], Record]) -> dict[str, str]:
    """Which file each video was when it was answered, by video key."""
    video = {sample.id: sample.video for sample in plan.samples}
    answered = [record for record in records.values() if record["error"] is None and "file" in record]
    return {video[record["id"]]: record["file"] for record in answered if record["id"] in video}


def _difference(key: str, old: Any, new: Any) -> str:
    if isinstance(old, dict) and isinstance(new, dict):
        return "; ".join(_difference(f"{key}.{k}", old.get(k), new.get(k)) for k in {**old, **new} if old.get(k) != new.get(k))
    return f"{key} was {old!r}, now {new!r}"


def open_jobs(plan: Plan, records: Mapping[tuple[str, str], Record], launch: Launch) -> list[Job]:
    """Jobs of this process with open questions; a question whose record is an error is open again."""
    groups: dict[tuple[str, Span | None], list[Sample]] = {}
    for sample in plan.samples:
        groups.setdefault((sample.video, sample.clip), []).append(sample)
    jobs = []
    for (video, clip), samples in list(groups.items())[launch.rank :: launch.world]:
        questions = [
            Question(sample, mode, plan.protocol, plan.videos.get(video))
            for sample in samples
            for mode in plan.modes
            if (record := records.get((sample.id, mode))) is None or record["error"] is not None
        ]
        if questions:
            jobs.append(Job(video, plan.videos.get(video), clip, questions))
    return jobs


def _answer(
    plan: Plan,
    folder: Path,
    model: Model,
    decoder: Decoder,
    records: Mapping[tuple[str, str], Record],
    launch: Launch,
    secrets: Sequence[str],
) -> None:
    jobs = open_jobs(plan, records, launch)
    total = len(plan.samples) * len(plan.modes)
    asked = {(sample.id, mode) for sample in plan.samples for mode in plan.modes}
    with Progress(total, plan) as progress:
        progress.update([new for key, new in records.items() if key in asked and new["error"] is None], 0.0)
        if model.needs_video:
            missing = _missing_records(plan, [job for job in jobs if job.path is None])
            store.append(folder, [new for new in missing if error_type(records.get((new["id"], new["mode"]))) != MISSING_VIDEO])
            progress.update(missing, 0.0)
            jobs = [job for job in jobs if job.path is not None]
        clock, seen = store.Clock(), seen_files(plan, records)
        for job, frames in decoder.frames(jobs):
            if job.path is not None and model.needs_video and (file := identity(job.path)) is not None:
                check_same_file(job.path, seen.setdefault(job.key, file), file, folder)
            new = [redacted(record, secrets) for record in answer_job(model, job, frames, seen.get(job.key))]
            store.append(folder, new, sync=clock.due())
            progress.update(new, decoder.waited_s())


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


def _open_session(
    folder: Path, spec: Mapping[str, Any], plan: Plan, launch: Launch, asked: Asked | None, secrets: Sequence[str]
) -> None:
    """Write `run.json`, once for all the processes of a launch: by the first that comes here."""
    with store.exclusive(folder):
        sessions = (store.read_run(folder) or {"sessions": []})["sessions"]
        last = sessions[-1] if sessions else {}
        if launch.world == 1 or last.get("launch") != launch.sha256 or f"timings_rank_{launch.rank}" in last:
            session = _session(plan, launch, asked, secrets)
            document = {"schema": store.RUN_SCHEMA, "status": "running", "spec": spec, "sessions": [*sessions, session]}
            store.write_json(folder / store.RUN, document)


def _session(plan: Plan, launch: Launch, asked: Asked | None, secrets: Sequence[str]) -> dict[str, Any]:
    typed = [redact(hidden(argument), secrets) for argument in sys.argv[1:]]
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        # `python -m harness` is typed otherwise and means the same.
        "command": [Path(sys.argv[0]).name.replace("__main__.py", "harness"), *typed],
        "environment": environment.describe(plan.protocol.video.decoder),
        "videos_missing": len(plan.missing()),
        "launch": launch.sha256,
        **({"asked_sha256": asked.sha256} if asked else {}),
    }


def _finish(plan: Plan, folder: Path, timings: Mapping[str, float], launch: Launch) -> Summary:
    """Sign off; score if all processes of the launch have. Under the lock on the samples, so that exactly one of them scores."""
    with store.exclusive(folder) as descriptor:
        records = store.read_records(folder)
        document = store.read_run(folder)
        assert document is not None, "written by _open_session"
        session = document["sessions"][-1]
        session[f"timings_rank_{launch.rank}"] = {key: round(value, 3) for key, value in timings.items()}
        if last := sum(key.startswith("timings_rank_") for key in session) == launch.world:
            os.fsync(descriptor)
            summary = summarize(plan, folder, records)
            store.write_json(folder / store.SCORES, summary.scores or {})
            wrong = {"wrong_clock": len(summary.wrong_clocks)} if summary.wrong_clocks else {}
            counts = {"questions": len(plan.samples) * len(plan.modes), "failed": summary.failed, **wrong}
            document |= {"status": "finished", "counts": counts}
        store.write_json(folder / store.RUN, document)
    return summary if last else Summary(folder, None, failed(plan, records))


def _read_only(plan: Plan, folder: Path, load_model: Callable[[], Model], launch: Launch, asked: Asked | None) -> Summary | None:
    """The end of a run that finished as it is typed now, in a folder that cannot be written; None where it is no such run."""
    previous = store.read_run(folder)
    if previous is None or previous["status"] != "finished":
        return None
    check_same_run(folder, previous, plan.spec())
    if asked is None:
        check_same_run(folder, previous, {**plan.spec(), "model": load_model().describe()})
    elif not is_same(previous, asked):
        return None
    return _told(plan, folder, store.read_records(folder), launch)


def _again(plan: Plan, folder: Path, records: Mapping[tuple[str, str], Record], launch: Launch) -> Summary:
    """The end of a finished run once more; `scores.json` is written where it is not what it was."""
    summary = _told(plan, folder, records, launch)
    with contextlib.suppress(OSError, ValueError):
        if summary.scores is None or json.loads((folder / store.SCORES).read_text(encoding="utf-8")) == summary.scores:
            return summary
    store.write_json(folder / store.SCORES, summary.scores or {})
    return summary


def _told(plan: Plan, folder: Path, records: Mapping[tuple[str, str], Record], launch: Launch) -> Summary:
    """How a finished run ended, told by the first process of a launch."""
    if launch.rank:
        return Summary(folder, None, failed(plan, records))
    return replace(summarize(plan, folder, records), again=True)
