"""Plans from the options that several verbs share."""

from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from harness.data.videos import passed_over
from harness.paths import data_root
from harness.plan import Plan, make_plan, read_ids
from tasks.errors import InputError

SHOWN = 10


def plans(options: Namespace, names: str) -> list[Plan]:
    """One plan a task name in `names`, comma-separated; a name that stands twice is taken once."""
    every_plan = [
        make_plan(
            name,
            split=options.split,
            protocol=options.protocol,
            modes=tuple(dict.fromkeys(options.modes.split(","))) if options.modes else (),
            data_root=data_root(options.data_root),
            video_folders=[Path(folder) for folder in options.videos],
            limit=getattr(options, "limit", None),
            seed=getattr(options, "seed", 0),
        )
        for name in dict.fromkeys(names.split(","))
    ]
    if not (files := getattr(options, "ids", [])):
        return every_plan
    ids = read_ids(map(Path, files))
    return [plan.only(ids) for plan in every_plan]


def as_run(plan: Plan, ids_sha256: str | None, answered: Iterable[str]) -> Plan:
    """The plan of a finished run under `--ids`: which samples those were its records say. Raises InputError if they do not."""
    if ids_sha256 is None or plan.ids_sha256 is not None:
        return plan
    restricted = plan.only(set(answered))
    if restricted.ids_sha256 != ids_sha256:
        raise InputError("a finished run", "a run under --ids without a record of each", "harness score RUN --ids FILE")
    return restricted


def video_notes(plan: Plan) -> str:
    """What the start of a run says about videos: which are missing, and which file is taken of several."""
    return missing_videos(plan) + chosen_videos(plan)


def chosen_videos(plan: Plan) -> str:
    """Which file is taken where several have the name of a video; empty if none has."""
    used = {sample.video for sample in plan.samples} & plan.videos.keys()
    rivals = sorted(passed_over({video: plan.videos[video] for video in used}).items())
    lines = [
        f"{plan.name}: {video}: {plan.videos[video].name} is taken, not {', '.join(path.name for path in others)}\n"
        for video, others in rivals[:SHOWN]
    ]
    more = [f"{plan.name}: {len(rivals) - SHOWN:,} more videos with several files\n"] if len(rivals) > SHOWN else []
    return "".join(lines + more)


def missing_videos(plan: Plan) -> str:
    """What `harness data check` and the start of a run say about missing videos; empty if all are there."""
    missing = plan.missing()
    if not missing:
        return ""
    questions = sum(1 for sample in plan.samples if sample.video not in plan.videos)
    shown = ", ".join(missing[:SHOWN]) + (f" and {len(missing) - SHOWN:,} more" if len(missing) > SHOWN else "")
    total = len({sample.video for sample in plan.samples})
    return (
        f"{plan.name}: {len(missing):,} of {total:,} videos are missing ({questions:,} queries, each scored 0): {shown}\n"
        f"  looked in {', '.join(map(str, plan.searched))}\n"
    )
