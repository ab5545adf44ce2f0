"""`harness plot`."""

import sys
from argparse import Namespace
from pathlib import Path

from harness.arguments import given
from harness.output import write
from harness.scoring import judge
from leaderboards.compare.words import letters
from leaderboards.plot import FORMATS, Plotted, plot
from leaderboards.trainings import read, trainings
from leaderboards.view.data import called
from leaderboards.view.runs import choose
from tasks.errors import InputError, quoted
from tasks.words import counted


def main(options: Namespace) -> int:
    """Draw runs into one figure: shares by level of the main metric, its histogram, and the training of their models.

    Of the folder of an experiment, the trainings that it reports.
    """
    output = Path(options.output)
    kind = output.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        step = f"harness plot … --output {quoted(output.stem or 'figure')}.svg"
        raise InputError(f"a file that ends in {' or '.join(f'.{each}' for each in FORMATS)}", str(output), step)
    if len(options.runs) == 1 and (experiment := read(Path(options.runs[0]))) is not None:
        write(output, trainings(Path(options.runs[0]), experiment, kind))
        sys.stdout.write(f"{output}\n")
        return 0
    chosen = choose([Path(path) for path in options.runs], **given(choose, options))
    lines = []
    names = called(chosen.shown)
    for letter, run, model in zip(letters(len(chosen.shown)), chosen.shown, names, strict=True):
        for mode in chosen.modes:
            name = " ".join([*([letter] if len(chosen.shown) > 1 else []), model, mode])
            found = judge(chosen.samples, run.records, run.plan.protocol, mode)
            lines.append(Plotted(name, found, run.training if mode == chosen.modes[0] else ()))
    plan = chosen.shown[0].plan
    misread = [f"{name}: {run.misread}" for run, name in zip(chosen.shown, names, strict=True) if run.misread]
    sys.stderr.write("".join(f"{note}\n" for note in misread))
    doubts = "".join([", FORCED" if chosen.forced else "", ", REPLIES OF ANOTHER FORM" if misread else ""])
    title = f"{plan.name}, protocol {plan.protocol.name}, {counted(len(chosen.samples), 'query')}{doubts}"
    write(output, plot(title, lines, kind))
    sys.stdout.write(f"{output}\n")
    return 0
