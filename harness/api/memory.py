"""Predictions in memory, written down as a file in the form that `harness.predictions` reads."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, Protocol, runtime_checkable

from harness.paths import AnyPath
from tasks.errors import InputError


@runtime_checkable
class Frame(Protocol):
    """A table that writes itself as JSON Lines: `pandas.DataFrame`, `datasets.Dataset`."""

    def to_json(self, path: Any, /, *, orient: Any, lines: Any) -> Any:
        """Write the rows."""


Predictions = Frame | Sequence[Mapping[str, Any]] | Mapping[str, Any]
"""A data frame, a list of rows, or replies by sample id."""


def on_disk(predictions: AnyPath | Predictions) -> AnyPath:
    """A path as it is; of predictions in memory, a file that lives as long as this process. Raises InputError for others."""
    if isinstance(predictions, str | PathLike):
        return predictions
    file = Path(mkdtemp(dir=_scratch().name)) / "predictions.jsonl"
    if isinstance(predictions, Frame):
        predictions.to_json(file, orient="records", lines=True)
        return file
    file = file.with_suffix(".json")
    try:
        file.write_text(json.dumps(predictions, default=_plain), encoding="utf-8")
    except (TypeError, ValueError) as error:
        expected = "a path, a data frame, a list of rows, or replies by sample id"
        raise InputError(expected, f"a {type(predictions).__name__}: {error}", "docs/predictions.md shows the rows") from error
    return file


def _plain(value: Any) -> Any:
    """Arrays and numbers of numpy as Python has them."""
    if not hasattr(value, "tolist"):
        raise TypeError(f"a value of type {type(value).__name__}")
    return value.tolist()


@cache
def _scratch() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="vtg-harness-")
