"""`harness score`."""

import json
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from harness import store
from harness.commands.plans import plans
from harness.commands.run import conclusion
from harness.models.base import Question
from harness.models.replay import ReplayModel
from harness.plan import Plan
from harness.records import Record, make_record
from harness.run import Summary, score_plan
from tasks.errors import InputError


def main(options: Namespace) -> int:
    """Score a run folder or a file of replies under a protocol; nothing is written."""
    path = Path(options.path)
    if (run := store.read_run(path)) is not None:
        spec = run["spec"]
        options.protocol = options.protocol or spec["protocol"]["name"]
        options.modes, options.limit, options.seed = ",".join(spec["modes"]), spec["limit"], spec["seed"]
        plan = _plan(options, options.task or f"{spec['task']}@{spec['split']}")
        if plan.split_sha256 != spec["split_sha256"]:
            raise InputError(
                f"the split the run was made on, {spec['split_sha256'][:8]}", plan.split_sha256[:8], "--data-root DIR"
            )
        records: Mapping[tuple[str, str], Record] = store.read_records(path)
    else:
        if not path.is_file() or not options.task:
            found = f"{path}" if path.is_file() else f"no run.json in {path}" if path.is_dir() else f"no {path}"
            raise InputError("a run folder, or a JSONL of replies with --task", found, "harness score FILE --task charades@test")
        plan = _plan(options, options.task)
        records = _replayed(plan, path)
    scores = score_plan(plan, records)
    if options.json:
        sys.stdout.write(json.dumps(scores, indent=1) + "\n")
    else:
        sys.stdout.write(conclusion(path.name, plan, Summary(path, scores, 0)))
    return 0


def _plan(options: Namespace, name: str) -> Plan:
    (plan,) = plans(options, name)
    return plan


def _replayed(plan: Plan, path: Path) -> dict[tuple[str, str], Record]:
    questions = [Question(sample, mode, "") for sample in plan.samples for mode in plan.modes]
    outcomes = ReplayModel(path).answer(None, questions)
    return {(q.sample.id, q.mode): make_record(q, outcome) for q, outcome in zip(questions, outcomes, strict=True)}
