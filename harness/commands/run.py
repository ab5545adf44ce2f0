"""`harness run`."""

import sys
from argparse import Namespace

from harness.arguments import given
from harness.evaluate import evaluate, notes_before
from harness.models.options import Options
from harness.plan import listed, make_plan
from harness.summary import conclusion, usage


def main(options: Namespace) -> int:
    """Evaluate the model on each task in turn; all is planned before anything runs, so that bad input stops the command."""
    plans = [make_plan(name, **given(make_plan, options)) for name in listed(options.tasks)]
    sys.stderr.write("".join(f"{note}\n" for note in notes_before(options.model, plans)))
    failed, broke = 0, False
    for plan, summary in evaluate(plans, settings=Options(**given(Options, options)), **given(evaluate, options)):
        failed += summary.failed
        broke = broke or summary.broke
        sys.stderr.write("".join(f"{note}\n" for note in summary.notes))
        sys.stdout.write(conclusion(options.model, plan, summary) + usage(summary, options.price))
    return int(broke if options.max_errors is None else failed > options.max_errors)
