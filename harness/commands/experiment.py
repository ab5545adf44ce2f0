"""`harness experiment`."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from harness.paths import data_root, run_beside
from harness.plan import Plan, make_plan
from tasks.errors import InputError
from tasks.overlap import overlaps

if TYPE_CHECKING:
    from trainers.experiment import Cell, Experiment


OTHERS = "name other splits under `train` or `evaluate` in the file of the experiment (harness ls tasks)"


def main(options: Namespace) -> int:
    """Train and evaluate every cell, or go on where it stopped; end in one table."""
    from trainers.experiment import check_packages, load

    experiment = load(options.file)
    if not options.dry_run:
        check_packages()
    output = Path(options.output or f"experiments/{experiment.name}")
    return conduct(experiment, output, data_root(options.data_root), options.jobs, options.launcher, options.dry_run)


def conduct(experiment: "Experiment", output: Path, root: Path, jobs: int = 1, launcher: str = "", dry_run: bool = False) -> int:
    """What `harness experiment` does, on an experiment at hand."""
    from leaderboards import experiment as tables
    from trainers import experiment as cells_of

    common = ["--data-root", str(root)]
    choosing = [experiment.dev] if experiment.dev else []

    def plans(names: Sequence[str], modes: Sequence[str] = ()) -> list[Plan]:
        return [make_plan(name, None, experiment.protocol, modes, root) for name in names]

    evaluated = plans(experiment.evaluate, experiment.modes)
    refuse_overlap(plans(experiment.train), [*evaluated, *plans(choosing)])

    def jobs_of(cells: Sequence["Cell"], splits: Sequence[str]) -> list[tuple["Cell", list[list[str]]]]:
        return [(one, cells_of.commands(experiment, one, splits, common)) for one in cells]

    grid = cells_of.grid_cells(experiment, output)
    base, evaluation = cells_of.base_commands(experiment, output, common)
    first = [(base, evaluation), *jobs_of(grid, choosing)]
    if dry_run:
        listed = [*first, *jobs_of(cells_of.final_cells(experiment, output, {}), experiment.evaluate)]
        sys.stdout.write("".join(f"harness {' '.join(arguments)}\n" for _, some in listed for arguments in some))
        return 0
    if problems := cells_of.execute(first, jobs, launcher, _tell):
        return _report(problems)
    tried = {(one.split, one.label, one.change): tables.score(run_beside(one.folder, choosing[0]), root) for one in grid}
    chosen = tables.choose(tried)
    cells = cells_of.final_cells(experiment, output, chosen)
    if problems := cells_of.execute(jobs_of(cells, experiment.evaluate), jobs, launcher, _tell):
        return _report(problems)
    cells_of.check_identical(cells)
    text = "".join(f"{label} on {split}: {change}, chosen on {experiment.dev}\n" for (split, label), change in chosen.items())
    for plan, split in product(evaluated, experiment.train):
        systems: dict[str, list[Path]] = {}
        for one in cells:
            if one.split == split:
                systems.setdefault(one.label, []).append(run_beside(one.folder, plan.name))
        beside = {base.label: run_beside(base.folder, plan.name)}
        text += tables.render(plan, systems, experiment.baseline, beside, f"trained on {split}", root)
    (output / "table.txt").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def refuse_overlap(trained: Sequence[Plan], evaluated: Sequence[Plan]) -> None:
    """Stop before anything is trained on a video that is evaluated. Raises InputError with the overlap."""
    splits = {plan.name: plan.samples for plan in (*trained, *evaluated)}
    names = {plan.name for plan in trained}
    found = [overlap for overlap in overlaps(splits) if overlap.train in names]
    if same := names & {plan.name for plan in evaluated}:
        raise InputError("evaluation on other splits than are trained on", ", ".join(sorted(same)), OTHERS)
    if found:
        shown = "; ".join(f"{overlap}: {', '.join(overlap.videos[:5])}" for overlap in found)
        raise InputError("evaluation on videos that are not trained on", shown, OTHERS)


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _report(problems: Sequence[str]) -> int:
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    sys.stderr.write("the other cells are kept; the same command goes on\n")
    return 1
