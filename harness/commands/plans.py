"""Plans from the options that several verbs share."""

from argparse import Namespace
from pathlib import Path

from harness.paths import data_root
from harness.plan import Plan, make_plan


def plans(options: Namespace, names: str) -> list[Plan]:
    """One plan a task name in `names`, comma-separated; a name that stands twice is taken once."""
    return [
        make_plan(
            name,
            split=options.split,
            protocol=options.protocol,
            modes=tuple(dict.fromkeys(options.modes.split(","))),
            data_root=data_root(options.data_root),
            video_folders=[Path(folder) for folder in options.videos],
            limit=getattr(options, "limit", None),
            seed=getattr(options, "seed", 0),
        )
        for name in dict.fromkeys(names.split(","))
    ]


def missing_videos(plan: Plan) -> str:
    """What `harness data check` and the start of a run say about missing videos; empty if all are there."""
    missing = plan.missing()
    if not missing:
        return ""
    questions = sum(1 for sample in plan.samples if sample.video not in plan.videos)
    shown = ", ".join(missing[:10]) + (f" and {len(missing) - 10:,} more" if len(missing) > 10 else "")
    total = len({sample.video for sample in plan.samples})
    return (
        f"{plan.name}: {len(missing):,} of {total:,} videos are missing ({questions:,} queries, each scored 0): {shown}\n"
        f"  looked in {', '.join(map(str, plan.searched))}\n"
    )
