"""What an experiment found: the choice in its grid, a board over seeds for each split, and the contrasts named beforehand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from tabulate import tabulate

from harness import store
from harness.plan import Plan
from harness.scoring import judge
from leaderboards.board import runs
from leaderboards.board.formats import text
from leaderboards.board.ranking import build
from leaderboards.board.rows import Identity, Row, of_floors
from leaderboards.board.seeds import grouped
from leaderboards.compare.paired import SEEDS, holm
from leaderboards.compare.result import System, greatest_sd, main_difference
from leaderboards.compare.verdict import LEVEL, verdict
from leaderboards.compare.words import chance, detectable, interval, signed
from tasks.errors import InputError, quoted

Point = tuple[str, str, str]
"""What was trained on, which recipe, and `KEY=VALUE` of the grid."""


class Contrast(NamedTuple):
    """One system minus another on one split, in points of the main metric."""

    split: str  # `task@split`
    trained_on: str  # Label of what both were trained on
    mode: str
    a: str
    b: str
    primary: bool  # Whether it is the question that the experiment was made for
    metric: str
    seeds: int  # Runs of the system with fewer
    n: int
    mean_a: float | None
    mean_b: float | None
    difference: float | None
    interval_95: tuple[float | None, float | None]  # Bounds that are not corrected; None where too few videos differ to tell
    p: float | None
    p_holm: float | None  # Corrected for the contrasts of this split, mode and training data; None where there is no p
    detectable: float | None  # Smallest difference found in 80 % of cases; None where too few videos differ or nothing varies
    sd: float | None = None  # Greater standard deviation of the metric over the seeds of one of them

    @property
    def differs(self) -> bool:
        """Whether a difference was found, after the correction."""
        return self.p_holm is not None and self.p_holm <= LEVEL

    @property
    def verdict(self) -> str:
        """What `verdict` says of it: the claim, and with few seeds of what it speaks."""
        return verdict(self.a, self.b, self.metric, self._asdict(), (self.seeds, self.seeds), self.sd, corrected=True)


def score(folder: Path, data_root: Path) -> float:
    """The main metric of a run, by which a point of the grid is chosen. Raises InputError."""
    row = runs.load(folder, data_root).rows[0]
    value = row.metrics[row.main].value
    if value is None:
        raise InputError(f"a run with {row.main}", str(folder), f"harness score {quoted(folder)}")
    return value


def choose(scores: Mapping[Point, Sequence[float]]) -> dict[tuple[str, str], str]:
    """The point of the grid with the best mean over seeds for each training set and recipe, the first of equals."""
    best: dict[tuple[str, str], str] = {}
    for (row, label, change), values in scores.items():
        if (row, label) not in best or fmean(values) > fmean(scores[row, label, best[row, label]]):
            best[row, label] = change
    return best


def choices(scores: Mapping[Point, Sequence[float]], chosen: Mapping[tuple[str, str], str], dev: str) -> str:
    """What was chosen and from what, a line for each training set and recipe."""
    lines = []
    for (row, label), change in chosen.items():
        tried = {point[2]: fmean(values) for point, values in scores.items() if point[:2] == (row, label)}
        shown = ", ".join(f"{name.partition('=')[2]}: {value:.1f}" for name, value in tried.items())
        edge = "; at the edge of the grid" if len(tried) > 2 and change in (next(iter(tried)), next(reversed(tried))) else ""
        lines.append(f"{label} on {row}: {change}, chosen on {dev} ({shown}){edge}\n")
    return "".join(lines)


def contrasted(
    plan: Plan, systems: Mapping[str, Sequence[Path]], pairs: Sequence[tuple[str, str]], trained_on: str = "", first: bool = False
) -> list[Contrast]:
    """Each pair compared by the main metric, in every mode, with Holm's correction over the pairs of a mode.

    Args:
        systems: Runs on it, by label: the seeds of each recipe.
        pairs: Labels; the difference is the first minus the second.
        trained_on: What the systems were trained on.
        first: Whether the first pair in the first mode is what the experiment was made for.

    Raises:
        InputError: A file of replies is damaged.
    """
    found: list[Contrast] = []
    labels = dict.fromkeys(sum(pairs, ()))
    records = {folder: store.read_records(folder) for label in labels for folder in systems[label]}
    for mode in plan.modes:
        judged = {
            label: System(label, tuple(judge(plan.samples, records[folder], plan.protocol, mode) for folder in systems[label]))
            for label in labels
        }
        figures = [main_difference(plan.samples, judged[b], judged[a]) for a, b in pairs]
        corrected = holm(np.array([one["p"] for one in figures], dtype=np.float64)).tolist()
        for number, ((a, b), one, p) in enumerate(zip(pairs, figures, corrected, strict=True)):
            run, primary = judged[a].runs[0], first and number == 0 and mode == plan.modes[0]
            metric, seeds = run.headings.get(run.main, run.main), min(len(systems[a]), len(systems[b]))
            told: dict[str, Any] = {key: one[key] for key in ("n", "difference", "p", "detectable")}
            told |= {"mean_a": one["b"], "mean_b": one["a"], "p_holm": None if np.isnan(p) else p}
            told |= {"interval_95": tuple(one["interval_95"]), "sd": greatest_sd(one)}
            found.append(Contrast(plan.name, trained_on, mode, a, b, primary, metric, seeds, **told))
    return found


def first_of_all(contrasts: Sequence[Contrast]) -> str:
    """What the experiment was made for: the verdict on the primary contrast, above everything else. Empty without one."""
    return "".join(f"{one.split}, trained on {one.trained_on}: {one.verdict}\n\n" for one in contrasts if one.primary)


def rendered(contrasts: Sequence[Contrast]) -> str:
    """Contrasts of one split and training set: a table, and a sentence for each. Empty without any."""
    if not contrasts:
        return ""
    several = len({one.mode for one in contrasts}) > 1
    rows = [
        {
            "contrast": f"{one.a} - {one.b}{' (primary)' if one.primary else ''}",
            **({"mode": one.mode} if several else {}),
            one.metric: signed(one.difference),
            "95 %": interval(one._asdict()),
            "p (Holm)": chance(one.p_holm),
            "detectable": detectable(one._asdict()),
        }
        for one in contrasts
    ]
    table = tabulate(rows, headers="keys", disable_numparse=True, stralign="right")
    head = f"contrasts on {contrasts[0].split}, in points of {contrasts[0].metric}; intervals are not corrected"
    if min(one.seeds for one in contrasts) < SEEDS:
        head += "; too few seeds to speak of recipes"
    said = [f"{one.mode}: {one.verdict}" if several else one.verdict for one in contrasts]
    return "\n".join([head, str(table), "", *said]) + "\n"


def board(plan: Plan, systems: Mapping[str, Sequence[Path]], beside: Mapping[str, Path], title: str, data_root: Path) -> str:
    """A board of one evaluation split, with means and deviations over seeds.

    Args:
        systems: Runs on it, by label: the seeds of each recipe.
        beside: Further runs, by label.

    Raises:
        InputError: A run is of other samples or rules.
    """
    rows = [
        replace(row, model=label, group=label)
        for label, folders in {**{label: [folder] for label, folder in beside.items()}, **systems}.items()
        for folder in folders
        for row in _rows(plan, folder, data_root)
    ]
    return text(build(grouped(rows), [], lambda _: of_floors(plan), None)._replace(title=title))


def _rows(plan: Plan, folder: Path, data_root: Path) -> list[Row]:
    rows = runs.load(folder, data_root).rows
    if rows[0].identity != Identity(plan.task.version, plan.split_sha256, plan.protocol.name, plan.protocol.sha256):
        raise InputError(f"a run on {plan.name} under {plan.protocol.name}", str(folder), f"rm -r {quoted(folder)}")
    return rows
