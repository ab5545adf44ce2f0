"""The table of an experiment: a board of its recipes over seeds, each compared with the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import store
from harness.plan import Plan
from harness.scoring import judge
from leaderboards.board import runs
from leaderboards.board.formats import text
from leaderboards.board.ranking import build
from leaderboards.board.rows import Identity, Number, Row, of_floors
from leaderboards.board.seeds import grouped
from leaderboards.compare.paired import SEEDS
from leaderboards.compare.result import System, compare
from tasks.errors import InputError

LEVEL = 0.05


def score(folder: Path, data_root: Path) -> float:
    """The main metric of a run, by which a point of the grid is chosen. Raises InputError."""
    row = runs.load(folder, data_root).rows[0]
    value = row.metrics[row.main].value
    if value is None:
        raise InputError(f"a run with {row.main}", str(folder), f"harness score {folder}")
    return value


def choose(scores: Mapping[tuple[str, str, str], float]) -> dict[tuple[str, str], str]:
    """The best point of the grid for each split and recipe, the first of equals; from scores by split, recipe and point."""
    best: dict[tuple[str, str], str] = {}
    for (split, label, change), value in scores.items():
        if (split, label) not in best or value > scores[split, label, best[split, label]]:
            best[split, label] = change
    return best


def render(
    plan: Plan, systems: Mapping[str, Sequence[Path]], baseline: str, beside: Mapping[str, Path], title: str, data_root: Path
) -> str:
    """A board of one evaluation split, with what can be said of each recipe against the baseline, and what cannot.

    Args:
        systems: Runs on it, by label: the seeds of each recipe.
        baseline: Label the others are compared with.
        beside: Runs that are shown without a comparison, by label.

    Raises:
        InputError: A run is of other samples or rules.
    """
    rows = [
        replace(row, model=label, group=label)
        for label, folders in {**{label: [folder] for label, folder in beside.items()}, **systems}.items()
        for folder in folders
        for row in _rows(plan, folder, data_root)
    ]
    found = {mode: _against(plan, systems, baseline, mode) for mode in plan.modes}
    compared = [_compared(row, baseline, found.get(row.mode, {}).get(row.model)) for row in grouped(rows)]
    return text(build(compared, [], lambda _: of_floors(plan), None)._replace(title=title))


def _rows(plan: Plan, folder: Path, data_root: Path) -> list[Row]:
    rows = runs.load(folder, data_root).rows
    if rows[0].identity != Identity(plan.task.version, plan.split_sha256, plan.protocol.name, plan.protocol.sha256):
        raise InputError(f"a run on {plan.name} under {plan.protocol.name}", str(folder), f"rm -r {folder}")
    return rows


def _against(plan: Plan, systems: Mapping[str, Sequence[Path]], baseline: str, mode: str) -> dict[str, dict[str, Any]]:
    """What `harness compare` says of the main metric of every system, against the baseline."""
    read = [
        System(label, tuple(judge(plan.samples, store.read_records(folder), plan.protocol, mode) for folder in systems[label]))
        for label in dict.fromkeys((baseline, *systems))
    ]
    found = compare(plan.samples, read)
    return {pair["b"]: pair["metrics"][found["main"]] for pair in found["comparisons"]}


def _compared(row: Row, baseline: str, pair: Mapping[str, Any] | None) -> Row:
    """A row with its difference to the baseline, and in words whether it is one."""
    if pair is None:
        return row
    low, high = pair["interval_95"]
    difference = Number(pair["difference"], None if low is None or high is None else (low, high))
    over = f"over {row.seeds} seeds" if row.seeds >= SEEDS else f"in {row.seeds} run(s), too few seeds to speak of others"
    if pair["p_holm"] is not None and pair["p_holm"] < LEVEL:
        verdict = f"differs from {baseline} by {pair['difference']:+.1f} {row.main} {over}"
    else:
        verdict = f"cannot be told apart from {baseline} {over}"
        if pair["detectable"] is not None:
            verdict += f"; a difference of {pair['detectable']:.1f} {row.main} would be found"
    p = "-" if pair["p_holm"] is None else f"{pair['p_holm']:.3f}"
    return replace(row, counts={**row.counts, "difference": difference}, notes=(*row.notes, f"{verdict} (p {p}, Holm)"))
