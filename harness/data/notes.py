"""What is said of the videos of a plan, a line each."""

from harness.data.videos import passed_over
from harness.plan import Plan

SHOWN = 10


def video_notes(plan: Plan) -> list[str]:
    """Which videos are missing, and which file is taken of several."""
    return [*missing_videos(plan), *chosen_videos(plan)]


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
    used = {sample.video for sample in plan.samples} & plan.videos.keys()
    rivals = sorted(passed_over({video: plan.videos[video] for video in used}).items())
    lines = [
        f"{plan.name}: {video}: {plan.videos[video].name} is taken, not {', '.join(path.name for path in others)}"
        for video, others in rivals[:SHOWN]
    ]
    more = [f"{plan.name}: {len(rivals) - SHOWN:,} more videos with several files"] if len(rivals) > SHOWN else []
    return lines + more
