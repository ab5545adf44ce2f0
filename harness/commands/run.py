"""`harness run`."""

import sys
from argparse import Namespace
from typing import Any

from harness.arguments import given
from harness.evaluate import evaluate, notes_before
from harness.models import naming
from harness.models.options import Options
from harness.plan import Plan, listed, make_plan
from harness.report import Floor, by_task, floors, render
from harness.summary import conclusion, tells_whole_seconds, usage


def main(options: Namespace) -> int:
    """Evaluate the model on each task in turn; all is planned before anything runs, so that bad input stops the command."""
    plans = [make_plan(name, **given(make_plan, options)) for name in listed(options.tasks)]
    sys.stderr.write("".join(f"{note}\n" for note in notes_before(options.model, plans)))
    failed, broke = 0, False
    done: list[tuple[Plan, dict[str, Any], list[Floor]]] = []
    for plan, summary in evaluate(plans, settings=Options(**given(Options, options)), **given(evaluate, options)):
        failed += summary.failed
        broke = broke or summary.broke
        sys.stderr.write("".join(f"{note}\n" for note in summary.notes))
        found = floors(plan, tells_whole_seconds(summary.folder)) if summary.scores is not None else []
        sys.stdout.write(conclusion(options.model, plan, summary, found) + usage(summary, options.price))
        done += [(plan, summary.scores, found)] if summary.scores is not None else []
    if len(done) > 1:
        sys.stdout.write(f"\n{naming.local(options.model)}, the main metric of each task:\n{render(by_task(done))}\n")
    return int(broke if options.max_errors is None else failed > options.max_errors)
