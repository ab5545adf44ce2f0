"""Figures for papers: IoU thresholds, IoU histogram and training curves of runs, as PNG or SVG."""

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from harness import extras
from harness.scoring import Scored
from leaderboards.compare.errors import CURVE, curve
from leaderboards.compare.result import value_name
from leaderboards.view.data import BINS
from leaderboards.view.training import Curve
from tasks.metrics import Floats

FORMATS = ("png", "svg")
SIZE_IN, DPI, COLUMNS = (3.4, 2.6), 200, 2
FIGURES = 4
"""Training figures that are drawn, the first of `training.FIRST` that a log has."""
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "vtg",
    "text.parse_math": False,
}
"""Text of an SVG stays text, and the same figure has the same bytes."""
COLOURS = ("#0a58ca", "#b5480a", "#7a3fb8", "#1a7f37", "#a01d5c", "#59636e")
DASHES = ("-", "--", "-.", ":")


class Plotted(NamedTuple):
    """One line of a figure: a run in one mode, as the legend calls it, and the curves of the training of its model."""

    name: str
    found: Scored
    training: Sequence[Curve] = ()


def plot(title: str, lines: Sequence[Plotted], kind: str) -> bytes:
    """Draw runs on the same queries into one figure, as the content of a file of one of `FORMATS`.

    Raises InputError where matplotlib is not installed.
    """
    with extras.needed("plots"):
        import matplotlib
        from matplotlib.figure import Figure
    figures = list(dict.fromkeys(curve.name for line in lines for curve in line.training))[:FIGURES]
    rows = -(-(2 + len(figures)) // COLUMNS)
    content = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMNS * SIZE_IN[0], rows * SIZE_IN[1] + 0.4), layout="constrained")
        figure.suptitle(title)
        axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
        _thresholds(axes[0], lines)
        _histogram(axes[1], lines)
        for axis, name in zip(axes[2:], figures, strict=False):
            _training(axis, name, lines)
        for axis in axes[2 + len(figures) :]:
            axis.remove()
        if len(lines) > 1:
            figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
        save(figure, content, kind)
    return content.getvalue()


def save(figure: Any, content: io.BytesIO, kind: str) -> None:
    """Write a figure of matplotlib as one of `FORMATS`, the same bytes for the same figure."""
    figure.savefig(content, format=kind, dpi=DPI, metadata={"Date": None} if kind == "svg" else {"Software": None})


def look(i: int) -> dict[str, Any]:
    """How the i-th line of a figure is drawn."""
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i % len(DASHES)], "linewidth": 1.4}


def _thresholds(axis: Any, lines: Sequence[Plotted]) -> None:
    single = lines[0].found.kind.single
    for i, line in enumerate(lines):
        points = curve(line.found)[line.found.kept] if single else _reached(line.found)
        axis.plot(CURVE, points.mean(axis=0) if len(points) else [np.nan] * len(CURVE), label=line.name, **look(i))
    said = ("IoU threshold", "R1, %") if single else (f"{value_name(lines[0].found)} of a query", "queries that reach it, %")
    axis.set(xlabel=said[0], ylabel=said[1], xlim=(0, 1), ylim=(0, 100))


def _reached(found: Scored) -> Floats:
    """`(k, t)` percentages: which of the k queries that count reach the levels of `CURVE` with their main metric."""
    values = found.columns[found.main]
    return np.where(values[~np.isnan(values), None] >= np.array(CURVE), 100.0, 0.0)


def _histogram(axis: Any, lines: Sequence[Plotted]) -> None:
    edges = np.linspace(0, 1, BINS + 1)
    for i, line in enumerate(lines):
        values = line.found.columns[line.found.main]
        counts, _ = np.histogram(values[~np.isnan(values)], edges)
        axis.stairs(100 * counts / max(1, counts.sum()), edges, fill=len(lines) == 1, **look(i))
    axis.set(xlabel=value_name(lines[0].found), ylabel="queries, %", xlim=(0, 1))


def _training(axis: Any, name: str, lines: Sequence[Plotted]) -> None:
    for i, line in enumerate(lines):
        for trained in line.training:
            if trained.name == name:
                axis.plot(*zip(*trained.points, strict=True), **look(i))
    axis.locator_params(axis="x", integer=True)
    axis.set(xlabel="step", ylabel=name)
