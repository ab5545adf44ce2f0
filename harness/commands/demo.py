"""`harness demo`."""

import os
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from harness.commands.experiment import conduct


def main(options: Namespace) -> int:
    """Render the benchmark, train three recipes from the weak base, evaluate everything, print one table."""
    import trainers
    from harness.synthetic.make import make
    from trainers.experiment import check_packages, load

    check_packages()
    folder = Path(options.output)
    make(folder / "data", 0)
    weak = Path(trainers.__file__).parent / "base" / "weak"
    experiment = replace(load("demo"), model=str(weak))
    code = conduct(experiment, folder / "experiment", folder / "data", jobs=os.cpu_count() or 1)
    if code == 0:
        sys.stdout.write(f"The base comes with the project: docs/base.md. Models and runs: {folder / 'experiment'}\n")
    return code
