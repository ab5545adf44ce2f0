"""A finished experiment as it lies on disk: its document, and its trainings drawn."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leaderboards.plot_trainings import Log, plot
from leaderboards.view.training import read_log
from tasks.errors import InputError, quoted

RESULT, TABLE = "experiment.json", "table.txt"
SCHEMA = "vtg-harness/experiment/1"


def read(folder: Path) -> dict[str, Any] | None:
    """What `harness experiment` wrote when it was done; None where the folder is none of an experiment. Raises InputError."""
    path = folder / RESULT
    if not path.is_file():
        return None
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']!r}")
        for cell in document["cells"]:
            cell["row"], cell["label"], cell["folder"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"a {RESULT} of schema {SCHEMA}", f"{path}: {error!r}", "harness experiment FILE, again") from error
    return document


def logs(folder: Path, experiment: Mapping[str, Any]) -> dict[str, dict[str, list[Log]]]:
    """Logs of the trainings that are reported, by what was trained on and recipe, one a seed. Raises InputError."""
    found: dict[str, dict[str, list[Log]]] = {}
    for cell in experiment["cells"]:
        found.setdefault(cell["row"], {}).setdefault(cell["label"], []).append(read_log(folder / cell["folder"]))
    return found


def trainings(folder: Path, experiment: Mapping[str, Any], kind: str) -> bytes:
    """The figure of an experiment, as the content of a file. Raises InputError where there are no logs to draw."""
    title = f"{experiment['spec']['name']}: mean and standard deviation over {len(experiment['spec']['seeds'])} seeds"
    try:
        return plot(title, logs(folder, experiment), kind)
    except ValueError as error:
        step = f"ls {quoted(folder / 'cells')}"
        raise InputError("logs of trainings beside their models", f"{folder}: {error}", step) from error
