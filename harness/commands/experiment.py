"""`harness experiment`."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from harness.paths import data_root, run_beside
from harness.plan import Plan, make_plan
from tasks.errors import InputError
from tasks.overlap import overlaps


def main(options: Namespace) -> int:
    """Train and evaluate every cell, or go on where it stopped; end in one table."""
    from leaderboards import experiment as tables
    from trainers import experiment as experiments

    experiment = experiments.load(options.file)
    output = Path(options.output or f"experiments/{experiment.name}")
    root = data_root(options.data_root)
    common = ["--data-root", str(root)]
    evaluated = [_plan(name, experiment.protocol, experiment.modes, root) for name in experiment.evaluate]
    trained = [_plan(name, experiment.protocol, (), root) for name in experiment.train]
    choosing = [experiment.dev] if experiment.dev else []
    refuse_overlap(trained, [*evaluated, *(_plan(name, experiment.protocol, (), root) for name in choosing)])

    def jobs_of(cells: Sequence[experiments.Cell], splits: Sequence[str]) -> list[tuple[experiments.Cell, list[list[str]]]]:
        return [(one, experiments.commands(experiment, one, splits, common)) for one in cells]

    def run_of(one: experiments.Cell, split: str, seconds: float) -> tables.Entry:
        return tables.Entry(one.split, one.label, one.change, one.seed, run_beside(one.folder, split), seconds)

    grid = experiments.grid_cells(experiment, output)
    base, evaluation = experiments.base_commands(experiment, output, common)
    first = [*jobs_of(grid, choosing), (base, evaluation)]
    if options.dry_run:
        listed = [*first, *jobs_of(experiments.final_cells(experiment, output, {}), experiment.evaluate)]
        sys.stdout.write("".join(f"harness {' '.join(arguments)}\n" for _, some in listed for arguments in some))
        return 0
    if problems := experiments.execute(first, options.jobs, options.launcher, _tell):
        return _report(problems)
    chosen = tables.choose([run_of(one, choosing[0], 0.0) for one in grid]) if grid else {}
    cells = experiments.final_cells(experiment, output, chosen)
    if problems := experiments.execute(jobs_of(cells, experiment.evaluate), options.jobs, options.launcher, _tell):
        return _report(problems)
    experiments.check_identical(cells)
    text = tables.choices(chosen, choosing)
    for plan in evaluated:
        entries = [run_of(one, plan.name, experiments.seconds(one)) for one in cells]
        text += tables.render(plan, entries, experiment.baseline, run_of(base, plan.name, 0.0))
    (output / "table.txt").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def refuse_overlap(trained: Sequence[Plan], evaluated: Sequence[Plan]) -> None:
    """Stop before anything is trained on a video that is evaluated. Raises InputError with the overlap."""
    splits = {plan.name: plan.samples for plan in (*trained, *evaluated)}
    names = {plan.name for plan in trained}
    found = [overlap for overlap in overlaps(splits) if overlap.train in names]
    if same := names & {plan.name for plan in evaluated}:
        raise InputError("evaluation on other splits than are trained on", ", ".join(sorted(same)), "harness ls plans")
    if found:
        shown = "; ".join(f"{overlap}: {', '.join(overlap.videos[:5])}" for overlap in found)
        raise InputError("evaluation on videos that are not trained on", shown, "harness ls plans")


def _plan(name: str, protocol: str | None, modes: Sequence[str], root: Path) -> Plan:
    return make_plan(name, None, protocol, modes, root)


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _report(problems: Sequence[str]) -> int:
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    sys.stderr.write("the other cells are kept; the same command goes on\n")
    return 1
