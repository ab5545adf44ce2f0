"""Figures of comparisons in words: the one place where they are rounded."""

from collections.abc import Mapping
from typing import Any

TOO_FEW = "too few videos"
"""Where an interval is open, or there is a single video: no difference could be told, however large."""


def letters(count: int) -> list[str]:
    """What systems are called in tables."""
    return [chr(ord("A") + i) if i < 26 else f"#{i + 1}" for i in range(count)]


def points(value: float | None, digits: int = 2) -> str:
    """A number in percent or points."""
    return "-" if value is None else f"{value:.{digits}f}"


def signed(value: float | None) -> str:
    """A difference in points, with its sign."""
    return "-" if value is None else f"{round(value, 2) + 0.0:+.2f}"


def interval(figures: Mapping[str, Any]) -> str:
    """The interval of a difference, `interval_95` of n queries; in words where it is open."""
    low, high = figures["interval_95"]
    if low is None or high is None:
        return TOO_FEW if figures["n"] else "-"
    return f"{low:+.2f} to {high:+.2f}"


def detectable(figures: Mapping[str, Any]) -> str:
    """The difference that would be found; in words where none would, `-` where nothing varies."""
    if figures["detectable"] is None and None in figures["interval_95"]:
        return interval(figures)
    return points(figures["detectable"])


def chance(value: float | None) -> str:
    """A p-value."""
    return "-" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"
