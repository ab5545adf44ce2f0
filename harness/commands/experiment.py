"""`harness experiment`."""

import sys
from argparse import Namespace

from harness.api.experiments import CellsError, experiment, prepared
from harness.arguments import given


def main(options: Namespace) -> int:
    """Train and evaluate every cell, or go on where it stopped; end in a table of each split and the contrasts."""
    if options.dry_run:
        sys.stdout.write(prepared(**given(prepared, options)).show())
        return 0
    try:
        sys.stdout.write(experiment(**given(experiment, options)).table)
    except CellsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
