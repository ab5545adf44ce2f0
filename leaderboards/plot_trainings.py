"""The trainings of an experiment as PNG or SVG: what its logs say of each recipe, mean and spread over seeds."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from harness import extras
from leaderboards.plot import SIZE_IN, STYLE, look, save
from tasks.metrics import Floats

FIGURES = {
    "advantage_skewness": "skewness of advantages",
    "top1_iou/q50": "best IoU of a prompt, median",
    "iou": "IoU of own replies",
    "parse_rate": "own replies that can be read",
}
"""What is drawn, by its name in the log; the first two are Figures 3 and 4 of TempSamp-R1."""
POINTS = 25
"""Points of a line: steps are averaged in blocks, for a step has few prompts."""

Log = Sequence[Mapping[str, Any]]
Systems = Mapping[str, Sequence[Log]]
"""Logs of each recipe, one a seed."""


class Band(NamedTuple):
    """A figure over the steps: `(k,)` last steps of blocks, mean over seeds, and its standard deviation (0 for one seed)."""

    steps: Floats
    mean: Floats
    sd: Floats


def band(logs: Sequence[Log], figure: str) -> Band | None:
    """A figure of trainings that differ in their seed, at the steps that all logged; None where they logged none."""
    values = [{int(entry["step"]): float(entry[figure]) for entry in log if _is_number(entry.get(figure))} for log in logs]
    shared = sorted(set.intersection(*(set(one) for one in values))) if values else []
    if not shared:
        return None
    blocks = np.array_split(np.array(shared), min(POINTS, len(shared)))
    table = np.array([[np.mean([one[int(step)] for step in block]) for block in blocks] for one in values])
    sd = table.std(axis=0, ddof=1) if len(table) > 1 else np.zeros(len(blocks))
    return Band(np.array([float(block[-1]) for block in blocks]), table.mean(axis=0), sd)


def plot(title: str, rows: Mapping[str, Systems], kind: str) -> bytes:
    """Draw one row of panels for each training set, one panel a figure, one line a recipe, as the content of a file.

    Raises:
        InputError: matplotlib is not installed.
        ValueError: No log has one of `FIGURES`.
    """
    with extras.needed("plots"):
        import matplotlib
        from matplotlib.figure import Figure
    bands = {
        (row, name, label): found
        for row, systems in rows.items()
        for name in FIGURES
        for label, logs in systems.items()
        if (found := band(logs, name)) is not None
    }
    figures = [name for name in FIGURES if any(key[1] == name for key in bands)]
    if not figures:
        raise ValueError(f"no log has one of {', '.join(FIGURES)}")
    labels = list(dict.fromkeys(label for systems in rows.values() for label in systems))
    content = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        size = (len(figures) * SIZE_IN[0], len(rows) * SIZE_IN[1] + 0.6)
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(title)
        axes = figure.subplots(len(rows), len(figures), squeeze=False)
        for line, row in zip(axes, rows, strict=True):
            for axis, name in zip(line, figures, strict=True):
                _panel(axis, {label: bands[row, name, label] for label in labels if (row, name, label) in bands}, labels)
                axis.set(xlabel="step", ylabel=FIGURES[name], title=row)
        drawn = {text: handle for axis in axes.ravel() for handle, text in zip(*axis.get_legend_handles_labels(), strict=True)}
        order = [label for label in labels if label in drawn]
        figure.legend([drawn[x] for x in order], order, loc="outside lower center", ncols=min(8, len(order)), frameon=False)
        save(figure, content, kind)
    return content.getvalue()


def _panel(axis: Any, bands: Mapping[str, Band], labels: Sequence[str]) -> None:
    for label, found in bands.items():
        style = look(labels.index(label))
        axis.plot(found.steps, found.mean, label=label, **style)
        axis.fill_between(found.steps, found.mean - found.sd, found.mean + found.sd, color=style["color"], alpha=0.12, lw=0)
    axis.locator_params(axis="x", integer=True)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
