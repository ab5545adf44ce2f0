"""`harness score`."""

import gc
import json
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from tabulate import tabulate

from harness import all_protocols as across
from harness import secret, store
from harness.arguments import given
from harness.kept import keep
from harness.plan import Plan, make_plan
from harness.predicted import Matching, check_duplicates
from harness.predictions import submission
from harness.recorded import open_run, planned
from tasks import protocol


def main(options: Namespace) -> int:
    """Score a run folder or anyone's predictions under a protocol; only `--output` writes."""
    path = Path(options.path)
    if options.all_protocols:
        return _all_protocols(options, path)
    # The report of the official evaluator is for a submission that no other rules are named for, if the task has one.
    own_rules = options.task and not (options.protocol or options.reply_key or options.output)
    if own_rules and path.is_file() and submission.is_submission(path):
        plan = make_plan(options.task, **given(make_plan, options))
        if plan.samples[0].truth.clips is not None:
            return _submission(options, plan, path)
    run = open_run(**given(open_run, options), keep_texts=False)
    # What was read stays to the end: collections need not walk it again and again.
    gc.freeze()
    _tell([*run.notes, *([run.hint] if run.hint else [])])
    sys.stdout.write(json.dumps(run.scores, indent=1) + "\n" if options.json else f"{run!r}\n")
    if options.output is not None:
        sys.stderr.write(f"kept: {keep(run, options.output, options.system, secret.of(options))}\n")
    return 0


def _all_protocols(options: Namespace, path: Path) -> int:
    document = store.read_run(path)
    plan = planned(path, document, options.task, **given(make_plan, options))
    protocols = [rules for rules in map(protocol.load, protocol.names()) if rules.kind == plan.protocol.kind]
    mode = plan.modes[0]
    check_duplicates(plan, options.duplicates)
    rows = Matching(plan, path if document is None else path / store.SAMPLES, options.reply_key)
    readings, notes = across.read_all(rows, [plan.protocol, *protocols], mode, options.duplicates)
    _tell([*rows.notes, *notes])
    gc.freeze()
    table = across.table(plan.samples, readings, plan.protocol, protocols, mode)
    if options.json:
        sys.stdout.write(json.dumps(table, indent=1) + "\n")
    else:
        title = f"{plan.name}, mode {mode}: the same replies under every protocol of kind {plan.protocol.kind}. Last columns: "
        title += f"what the protocol's parser, rounding, … alone would do under {plan.protocol.name}."
        sys.stdout.write(f"{title}\n{tabulate(table, headers='keys', disable_numparse=True, stralign='right')}\n")
    return 0


def _submission(options: Namespace, plan: Plan, path: Path) -> int:
    report = submission.report(path, plan.samples, plan.ids_sha256 is not None)
    if options.json:
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
    else:
        version = f"v{plan.task.version} ({plan.split_sha256[:8]})"
        title = f"{plan.name} {version}, rules of the official evaluator, n {len(plan.samples)}"
        sys.stdout.write(f"{title}\n{tabulate(report['brief'].items(), headers=['metric', '%'], floatfmt='.2f')}\n")
    return 0


def _tell(notes: Iterable[str]) -> None:
    sys.stderr.write("".join(f"{note}\n" for note in notes))
