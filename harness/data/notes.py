"""What is said of the videos of a plan, a line each."""

from pathlib import Path

from harness.data.videos import RULES, listed
from harness.plan import Plan
from tasks import annotations
from tasks import task as tasks
from tasks.words import counted

SHOWN = 10


def video_notes(plan: Plan) -> list[str]:
    """Which videos are missing, and which file is taken of several."""
    return [*missing_videos(plan), *ambiguous_videos(plan), *chosen_videos(plan)]


def ambiguous_videos(plan: Plan) -> list[str]:
    """For which videos several different files stand, of which none is taken."""
    asked = sorted({sample.video for sample in plan.samples} & plan.ambiguous.keys())
    lines = [f"{plan.name}: {video}: several different files: {', '.join(map(str, plan.ambiguous[video]))}" for video in asked]
    more = [f"{plan.name}: {len(asked) - SHOWN:,} more videos with several different files"] if len(asked) > SHOWN else []
    return lines[:SHOWN] + more


def matched(plan: Plan) -> list[str]:
    """Where annotations and videos were found, and how each group of files goes by the names of its videos."""
    _, places = annotations.locate(plan.task, tasks.origin(plan.task, plan.split, plan.data_root), plan.data_root)
    files = ", ".join(_from_root(path, plan.data_root) for path in places.values())
    groups: dict[tuple[Path, bool, str], list[str]] = {}
    for video in sorted({sample.video for sample in plan.samples} & plan.matches.keys()):
        match = plan.matches[video]
        groups.setdefault((match.folder, "/" in match.below, match.rule), []).append(video)
    lines = [f"{plan.name}: annotations are {files}"]
    for (folder, nested, rule), videos in groups.items():
        first = plan.matches[videos[0]].below
        example = f", such as {first}" if nested or rule != RULES[0] else ""
        example += f" for {videos[0]}" if rule != RULES[0] else ""
        lines.append(f"{plan.name}: {counted(len(videos), 'video')} {'below' if nested else 'in'} {folder} by {rule}{example}")
    unread = [folder / name for folder in plan.searched for name in listed(folder, plan.flat).unreadable]
    return lines + [f"{plan.name}: {path} cannot be read" for path in unread]


def _from_root(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def missing_videos(plan: Plan) -> list[str]:
    """Which videos are missing, and where they were looked for; empty if all are there."""
    missing = plan.missing()
    if not missing:
        return []
    questions = sum(1 for sample in plan.samples if sample.video not in plan.videos)
    shown = ", ".join(missing[:SHOWN]) + (f" and {len(missing) - SHOWN:,} more" if len(missing) > SHOWN else "")
    total = len({sample.video for sample in plan.samples})
    return [
        f"{plan.name}: {len(missing):,} of {total:,} videos are missing ({questions:,} queries, each scored 0): {shown}",
        f"  looked in {', '.join(map(str, plan.searched))}",
    ]


def chosen_videos(plan: Plan) -> list[str]:
    """Which file is taken where several have the name of a video; empty if none has."""
    used = {sample.video for sample in plan.samples} & plan.matches.keys()
    rivals = [(video, match) for video in sorted(used) if (match := plan.matches[video]).others]
    lines = [
        f"{plan.name}: {video}: {match.below} is taken, not "
        + ", ".join(match._replace(path=path).below for path in match.others)
        for video, match in rivals[:SHOWN]
    ]
    more = [f"{plan.name}: {len(rivals) - SHOWN:,} more videos with several files"] if len(rivals) > SHOWN else []
    return lines + more
