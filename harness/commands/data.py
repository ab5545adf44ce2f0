"""`harness data`."""

import sys
from argparse import Namespace

from harness.commands.plans import missing_videos, plans
from harness.paths import data_root


def main(options: Namespace) -> int:
    """Check annotations and videos, or render the generated sets."""
    return {"check": _check, "make": _make}[options.action](options)


def _check(options: Namespace) -> int:
    for plan in plans(options, options.tasks):
        videos = len({sample.video for sample in plan.samples})
        sys.stdout.write(f"{plan.name}: annotations as published, {videos:,} videos, {len(plan.samples):,} queries\n")
        sys.stdout.write(missing_videos(plan) or f"{plan.name}: all videos are there\n")
    return 0


def _make(options: Namespace) -> int:
    root = data_root(options.data_root)
    if options.what == "clock":
        from harness.synthetic.clock import make_clock

        make_clock(root)
    else:
        from harness.synthetic.make import make

        make(root, options.seed)
    sys.stdout.write(f"{root / options.what}\n")
    return 0
