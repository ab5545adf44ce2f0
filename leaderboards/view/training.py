"""The log of a training as curves."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from harness import store

LOG = "log.jsonl"
"""Written by `harness train` beside the model, one line of JSON a step."""
FIRST = ("reward", "advantage_skewness", "top1_iou/q50", "iou", "loss", "parse_rate", "kl", "entropy")
"""What is shown first: reward, skewness and top-1 IoU are Figures 2 to 4 of TempSamp-R1."""
NO_CURVES = ("step", "seconds", "epoch", "num_tokens")
MOST = 600
"""Points of a curve."""


class Curve(NamedTuple):
    """One figure over the steps of a training: as the log calls it, and at most `MOST` steps with their values."""

    name: str
    points: list[tuple[int, float]]


def curves(entries: Iterable[Mapping[str, Any]]) -> list[Curve]:
    """One curve a figure, those of `FIRST` in front, then by name the others that change.

    Of a long training every k-th point is kept, and the last. Entries without a number for a figure are left out of its curve.
    """
    points: dict[str, list[tuple[int, float]]] = {}
    for entry in entries:
        for name, value in entry.items():
            if name not in NO_CURVES and isinstance(value, int | float) and math.isfinite(value):
                points.setdefault(name, []).append((int(entry["step"]), float(value)))
    shown = [name for name, found in points.items() if name in FIRST or len({value for _, value in found}) > 1]
    order = sorted(shown, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    return [Curve(name, thinned(points[name])) for name in order]


def thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most `MOST` of these points, evenly chosen, the first and the last among them."""
    if len(points) <= MOST:
        return points
    return [points[round(i * (len(points) - 1) / (MOST - 1))] for i in range(MOST)]


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The entries of the log in a model folder; none where there is no log.

    A line without its end is being written, or was when the training was killed, and is left out. Others raise InputError
    where they are no entry.
    """
    return list(store.read_lines(folder / LOG, _entry, "a log of harness train, one JSON object with a step a line"))


def _entry(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(step := value.get("step"), int | float) or not math.isfinite(step):
        raise ValueError("no step")
    return value
