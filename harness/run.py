"""The run: folders opened, continued, scored and closed; what is asked in between is in `harness.asking`."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import environment, store
from harness.again import Asked, is_done, is_same
from harness.asking import NO_VIDEO, Decoder, Part, answer, seen_files
from harness.data.videos import check_same_file, identity
from harness.environment import Launch
from harness.models.base import Model, Telling
from harness.plan import Plan
from harness.records import Record
from harness.secret import hidden, redact
from harness.summary import Summary, failed, summarize
from tasks.errors import InputError

OpenDecoder = Callable[[Model], AbstractContextManager[Decoder]]


def run(
    plan: Plan,
    folder: Path,
    load_model: Callable[[], Model],
    open_decoder: OpenDecoder,
    asked: Asked | None = None,
    secrets: Sequence[str] = (),
) -> Summary:
    """Answer what is still open in one run folder, then score the split; arguments and errors as for `run_together`."""
    (summary,) = run_together([Part(plan, folder)], load_model, open_decoder, asked, secrets)
    return summary


def run_together(
    parts: Sequence[Part],
    load_model: Callable[[], Model],
    open_decoder: OpenDecoder,
    asked: Asked | None = None,
    secrets: Sequence[str] = (),
) -> list[Summary]:
    """Answer what is still open in several run folders, each video decoded once for all of them, then score each split.

    Work is divided by video over the processes of a launch, without collectives: each takes every world-size-th video, and
    the last to end scores. A finished run that is typed again is scored without its model, also where it can only be read.

    Args:
        parts: What to ask, and the run folder of each plan; continued if it holds the same run. Video rules are the same.
        asked: What was typed about the model, where loading it takes time.
        secrets: Texts that are written nowhere, whoever echoes them.

    Raises:
        InputError: A folder holds another run, a video was replaced since, or it is in use or cannot be written.
    """
    launch, told, began_s = environment.launch(), dict[Path, Summary](), time.monotonic()
    with ExitStack() as held:
        for part in parts:
            if (summary := _closed(part, load_model, asked, launch, held)) is not None:
                told[part.folder] = summary
        if still := [part for part in parts if part.folder not in told]:
            model = load_model()
            for plan, folder in still:
                spec = {**plan.spec(), "model": model.describe()}
                check_same_run(folder, store.read_run(folder), spec)
                _open_session(folder, spec, plan, launch, asked, secrets)
            with open_decoder(model) if model.needs_video else nullcontext(NO_VIDEO) as decoder:
                timings = answer(still, model, decoder, launch, secrets, began_s)
            news = model.told() if isinstance(model, Telling) else {}
            told |= {part.folder: _finish(*part, times, news, launch) for part, times in zip(still, timings, strict=True)}
    return [told[part.folder] for part in parts]


def _closed(part: Part, load_model: Callable[[], Model], asked: Asked | None, launch: Launch, held: ExitStack) -> Summary | None:
    """Lock a run folder; the end of its run where that has finished as it is typed now, None where questions are open."""
    plan, folder = part
    try:
        store.prepare_folder(folder)
    except InputError:
        if (summary := _read_only(plan, folder, load_model, launch, asked)) is None:
            raise
        return summary
    held.enter_context(store.locked(folder, launch.id))
    previous = store.read_run(folder)
    check_same_run(folder, previous, plan.spec())
    check_same_videos(folder, plan, launch)
    records = store.read_records(folder)
    done = asked is not None and previous is not None and is_done(plan, previous, records, asked)
    return _again(plan, folder, records, launch) if done else None


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


def _difference(key: str, old: Any, new: Any) -> str:
    if isinstance(old, dict) and isinstance(new, dict):
        return "; ".join(_difference(f"{key}.{k}", old.get(k), new.get(k)) for k in {**old, **new} if old.get(k) != new.get(k))
    return f"{key} was {old!r}, now {new!r}"


def _open_session(
    folder: Path, spec: Mapping[str, Any], plan: Plan, launch: Launch, asked: Asked | None, secrets: Sequence[str]
) -> None:
    """Write `run.json`, once for all the processes of a launch: by the first that comes here."""
    with store.exclusive(folder):
        sessions = (store.read_run(folder) or {"sessions": []})["sessions"]
        last = sessions[-1] if sessions else {}
        if launch.world == 1 or last.get("launch") != launch.sha256 or f"timings_rank_{launch.rank}" in last:
            new = session(plan, launch, asked, secrets)
            document = {"schema": store.RUN_SCHEMA, "status": "running", "spec": spec, "sessions": [*sessions, new]}
            store.write_json(folder / store.RUN, document)


def session(plan: Plan, launch: Launch, asked: Asked | None, secrets: Sequence[str]) -> dict[str, Any]:
    """What `run.json` tells of this process: when it began, what was typed, and on what it runs."""
    typed = [redact(hidden(argument), secrets) for argument in sys.argv[1:]]
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        # `python -m harness` is typed otherwise and means the same.
        "command": [Path(sys.argv[0]).name.replace("__main__.py", "harness"), *typed],
        "environment": environment.describe(plan.protocol.video.decoder),
        "videos_missing": len(plan.missing()),
        "launch": launch.sha256,
        **({"own_data": plan.task.own_path} if plan.task.own_path else {}),
        **({"asked_sha256": asked.sha256} if asked else {}),
    }


def _finish(plan: Plan, folder: Path, timings: Mapping[str, float], news: Mapping[str, Any], launch: Launch) -> Summary:
    """Sign off; score if all processes of the launch have. Under the lock on the samples, so that exactly one of them scores."""
    with store.exclusive(folder) as descriptor:
        records = store.read_records(folder)
        document = store.read_run(folder)
        assert document is not None, "written by _open_session"
        session = document["sessions"][-1]
        session[f"timings_rank_{launch.rank}"] = {key: round(value, 3) for key, value in timings.items()}
        session |= {f"model_rank_{launch.rank}": news} if news else {}
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
