"""`harness demo`."""

import json
import os
import sys
from argparse import Namespace
from pathlib import Path

import trainers
from harness.cli import main as harness
from harness.synthetic.make import make
from trainers.experiment import check_packages
from trainers.located import FOLDER


def main(options: Namespace) -> int:
    """Render the benchmark, train three recipes from the weak base, evaluate everything, print one table."""
    check_packages()
    folder = Path(options.output)
    make(folder / "data", 0)
    weak, experiment = "trainers/base/weak", folder / "demo.yaml"
    here = json.dumps(str(Path(trainers.__file__).parents[1] / weak))
    experiment.write_text((FOLDER / "demo.yaml").read_text(encoding="utf-8").replace(weak, here), encoding="utf-8")
    places = ["--output", str(folder / "experiment"), "--data-root", str(folder / "data")]
    code = harness(["experiment", str(experiment), *places, "--jobs", str(os.cpu_count() or 1)])
    if code == 0:
        sys.stdout.write(f"The base comes with the project: docs/base.md. Models and runs: {folder / 'experiment'}\n")
    return code
