"""`harness demo`."""

import sys
from argparse import Namespace
from pathlib import Path

from harness.arguments import parser
from harness.commands.run import evaluate
from harness.models.trivial import NAMES
from harness.report import heading, render, rows


def main(options: Namespace) -> int:
    """Render the benchmark, build a tiny checkpoint of each family, run everything, print one table."""
    from harness.models.tiny import build
    from harness.synthetic.make import make

    folder = Path(options.output)
    make(folder / "data", 0)
    tiny = [str(build(folder / "checkpoints" / f"tiny-{family}", family)) for family in ("qwen2_5_vl", "qwen3_vl")]
    table, title = [], ""
    for model in (*NAMES, *tiny):
        name = Path(model).name.replace(":", "-")
        arguments = ["--tasks", "synthetic@test", "--data-root", str(folder / "data"), "--output", str(folder / "runs" / name)]
        for plan, summary in evaluate(parser().parse_args(["run", "--model", model, *arguments])):
            title = heading(plan)
            table += rows(Path(model).name, summary.scores or {"modes": {}})
    sys.stdout.write(f"{title}\n{render(table)}\nThe tiny checkpoints are untrained. Runs: {folder / 'runs'}\n")
    return 0
