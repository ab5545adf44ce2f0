"""`harness rewards`."""

import sys
from argparse import Namespace
from functools import partial

from trainers.rewards.gauntlet import CHECKS, examine, tried
from trainers.rewards.rows import spoken
from trainers.rewards.user import load

HOLDS, BREAKS = 0, 1


def main(options: Namespace) -> int:
    """Run a user's reward through the gauntlet; print each check, and what breaks it. Exit code 1 if something does."""
    reward = load(options.file)
    found, skipped = examine(reward, partial(spoken, words=options.answer), options.seed)
    findings = dict(found)
    lines = [f"{reward.__name__} of {options.file}, on rows of {', '.join(tried(reward))}"]
    for check, description in CHECKS.items():
        verdict = "skipped" if check in skipped else "breaks" if check in findings else "holds"
        lines.append(f"  {verdict:8} {check:9} {description}")
        if check in findings:
            lines.append(f"{'':21}{findings[check]}")
    sys.stdout.write("\n".join(lines) + "\n")
    return BREAKS if findings else HOLDS
