"""The table of an experiment: recipes over seeds, each against the baseline, and what exceeds the noise."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

import numpy as np

from harness import store
from harness.plan import Plan
from harness.report import CUT_OFF, floor_rows, heading
from harness.report import render as as_text
from harness.scoring import Scored, judge
from leaderboards.compare.paired import SEEDS, Comparison, holm, over_seeds
from tasks.errors import InputError
from tasks.metrics import Floats

LEVEL = 0.05


class Entry(NamedTuple):
    """One run of one cell.

    Attributes:
        split: What its model was trained on.
        label: Label of the recipe.
        change: Point of the grid.
        seed: Seed of the training.
        folder: Run folder.
        seconds: Seconds of training.
    """

    split: str
    label: str
    change: str
    seed: int
    folder: Path
    seconds: float


def choose(entries: Sequence[Entry]) -> dict[tuple[str, str], str]:
    """The point of the grid with the best mIoU for each split and recipe; the first of equals."""
    best: dict[tuple[str, str], tuple[float, str]] = {}
    for entry in entries:
        (scored,) = _scores(entry.folder)["modes"].values()
        key, value = (entry.split, entry.label), float(scored["aggregate"]["mIoU"])
        if key not in best or value > best[key][0]:
            best[key] = value, entry.change
    return {key: change for key, (_, change) in best.items()}


def choices(chosen: Mapping[tuple[str, str], str], dev: Sequence[str]) -> str:
    """What was chosen, in words."""
    return "".join(f"{label} on {split}: {change}, by mIoU on {', '.join(dev)}\n" for (split, label), change in chosen.items())


def render(plan: Plan, entries: Sequence[Entry], baseline: str, base: Entry) -> str:
    """Tables of one evaluation split, one a train split and mode, with what can be said and what cannot.

    Args:
        plan: The evaluation split.
        entries: Runs on it.
        baseline: Label the others are compared with.
        base: Run of the model before training.
    """
    parts = []
    for split in dict.fromkeys(entry.split for entry in entries):
        for mode in plan.modes:
            parts.append(_table(plan, [entry for entry in entries if entry.split == split], baseline, base, mode))
    return "\n".join(parts)


def _table(plan: Plan, entries: Sequence[Entry], baseline: str, base: Entry, mode: str) -> str:
    labels = list(dict.fromkeys(entry.label for entry in entries))
    runs = {label: [entry for entry in entries if entry.label == label] for label in labels}
    read = {label: [_values(plan, entry, mode) for entry in some] for label, some in runs.items()}
    videos = [sample.video for sample in plan.samples]
    against = {
        label: over_seeds([_main(v) for v in read[baseline]], [_main(v) for v in read[label]], videos)
        for label in labels
        if label != baseline
    }
    corrected = dict(zip(against, holm(np.array([found.p[0] for found in against.values()])), strict=True))
    rows = [_row(base.label, [base], [_values(plan, base, mode)], mode)]
    rows += [_row(label, runs[label], read[label], mode, against.get(label)) for label in labels]
    rows += [{**row, "mode": mode} for row in floor_rows(plan)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    aligned = [{name: row.get(name, "") for name in names if name not in ("coverage", "mode", "95 %")} for row in rows]
    said = [_sentence(label, baseline, found, corrected[label], len(runs[label])) for label, found in against.items()]
    return f"trained on {entries[0].split}, {mode}: {heading(plan)}\n{as_text(aligned)}\n" + "".join(said)


def _row(
    label: str, entries: Sequence[Entry], read: Sequence[Scored], mode: str, against: Comparison | None = None
) -> dict[str, str]:
    scored = [_scores(entry.folder)["modes"][mode] for entry in entries]
    row = {"model": label, "seeds": str(len(entries))}
    row["parsed"] = f"{100 * fmean(entry['parse_rate'] for entry in scored):.1f}%"
    if any(cut_off := [entry["counts"].get("truncated", 0) for entry in scored]):
        row[CUT_OFF] = f"{fmean(cut_off):.4g}"
    for name, title in read[0].kind.shown(read[0].columns).items():
        row[title] = _spread([100 * float(np.nanmean(one.columns[name])) for one in read])
    gaps = [entry["query_gap"] for entry in scored if entry.get("query_gap") is not None]
    row["gap"] = _spread(gaps) if gaps else "-"
    row["train s"] = f"{fmean(entry.seconds for entry in entries):.0f}" if any(entry.seconds for entry in entries) else "-"
    if against is not None:
        low, high = against.interval[0]
        row["mIoU difference"] = f"{against.difference[0]:+.1f} ({low:+.1f} to {high:+.1f})"
    return row


def _sentence(label: str, baseline: str, found: Comparison, p: float, seeds: int) -> str:
    over = f"over {seeds} seeds" if seeds >= SEEDS else f"of these {seeds} runs (too few seeds to speak of others)"
    if p < LEVEL:
        verdict = f"differs from {baseline} by {found.difference[0]:+.1f} mIoU {over}"
    else:
        verdict = f"cannot be told apart from {baseline} {over}"
        if not math.isnan(found.detectable[0]):
            verdict += f"; a difference of {found.detectable[0]:.1f} mIoU would be found"
    return f"{label}: {verdict} (p {p:.3f}, Holm)\n"


def _spread(numbers: Sequence[float]) -> str:
    return f"{fmean(numbers):.1f}" + (f" ± {stdev(numbers):.1f}" if len(numbers) > 1 else "")


def _main(scored: Scored) -> Floats:
    return 100 * scored.columns[scored.main][:, None]


def _values(plan: Plan, entry: Entry, mode: str) -> Scored:
    run = store.read_run(entry.folder)
    if (
        run is None
        or run["spec"]["split_sha256"] != plan.split_sha256
        or run["spec"]["protocol"]["sha256"] != plan.protocol.sha256
    ):
        raise InputError(f"a run on {plan.name} under {plan.protocol.name}", str(entry.folder), f"rm -r {entry.folder}")
    return judge(plan.samples, store.read_records(entry.folder), plan.protocol, mode)


def _scores(folder: Path) -> dict[str, Any]:
    path = folder / store.SCORES
    if not path.is_file():
        raise InputError("a scored run", f"no {path}", f"harness score {folder}")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
