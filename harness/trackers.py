"""`--report-to`: the scores of runs to a tracker that the user has, under the name of the model."""

import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import extras
from tasks.errors import InputError, unknown

SHOWN = 500
"""Characters of a tracker's error that are shown."""
PROJECT = "vtg-harness"
"""What a tracker files runs under, where its own variable (`WANDB_PROJECT`, `MLFLOW_EXPERIMENT_NAME`) names nothing else."""


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The trackers of `--report-to`, each of which can be used. Raises InputError where one is unknown or not installed."""
    for name in names:
        if name not in SENDERS:
            raise InputError(
                f"--report-to with {', '.join(SENDERS)}", unknown(name, SENDERS), f"--report-to {next(iter(SENDERS))}"
            )
        extras.check(name, name)
    return tuple(names)


def send(names: Sequence[str], model: str, folder: Path, run: Mapping[str, Any], scores: Mapping[str, Any]) -> None:
    """Send the scores of a finished run.

    Args:
        names: Of `SENDERS`.
        model: What the run is called.
        folder: Of the run; TensorBoard writes its files there.
        run: Content of `run.json`, of which the spec and the last environment, with its commit, are sent.
        scores: Of `scores.json`.

    Raises:
        InputError: A tracker refused them, whatever it raised.
    """
    identity = settings({**run["spec"], "environment": run["sessions"][-1]["environment"]})
    for name in names:
        try:
            SENDERS[name](f"{model} {folder.name}", folder, identity, values(scores))
        except Exception as error:
            found = textwrap.shorten(f"{name}: {type(error).__name__}: {error}", SHOWN)
            step = f"mend that and type the same command: {folder} has all replies and scores"
            raise InputError("a tracker that takes the scores", found, step) from error


def values(scores: Mapping[str, Any]) -> dict[str, float]:
    """Every figure of a run under `task@split/mode/figure`: metrics, shares and counts; what is no number is left out."""
    found: dict[str, float] = {}
    for mode, entry in scores["modes"].items():
        figures = {**entry["aggregate"], "parse rate": entry.get("parse_rate"), "query gap": entry.get("query_gap")}
        figures |= {name: value for name, value in entry.get("counts", {}).items() if not isinstance(value, Mapping)}
        place = f"{scores['task']}@{scores['split']}/{mode}"
        found |= {f"{place}/{name}": float(value) for name, value in figures.items() if isinstance(value, int | float)}
    return found


def settings(spec: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """What identifies a run, flat: `protocol.video.fps`."""
    found: dict[str, Any] = {}
    for key, value in spec.items():
        found |= settings(value, f"{above}{key}.") if isinstance(value, Mapping) else {f"{above}{key}": value}
    return found


def _wandb(run: str, folder: Path, config: Mapping[str, Any], figures: Mapping[str, float]) -> None:
    wandb = extras.package("wandb", "wandb")
    project = os.environ.get("WANDB_PROJECT", PROJECT)
    with wandb.init(project=project, name=run, config=dict(config), dir=str(folder), reinit="create_new") as started:
        started.log(dict(figures))


def _tensorboard(run: str, folder: Path, config: Mapping[str, Any], figures: Mapping[str, float]) -> None:
    writer = extras.package("torch.utils.tensorboard", "tensorboard").SummaryWriter(str(folder / "tensorboard"))
    writer.add_text("run", run)
    writer.add_text("spec", "\n".join(f"- {key}: {value}" for key, value in config.items()))
    for name, value in figures.items():
        writer.add_scalar(name, value, 0)
    writer.close()


def _mlflow(run: str, folder: Path, config: Mapping[str, Any], figures: Mapping[str, float]) -> None:
    mlflow = extras.package("mlflow", "mlflow")
    if "MLFLOW_EXPERIMENT_NAME" not in os.environ:
        mlflow.set_experiment(PROJECT)
    with mlflow.start_run(run_name=run, tags={"folder": folder.name}):
        mlflow.log_params({key: str(value)[:500] for key, value in config.items()})
        # MLflow takes letters, digits and some signs; `@` is not among them.
        mlflow.log_metrics({name.replace("@", "."): value for name, value in figures.items()})


SENDERS: Mapping[str, Callable[[str, Path, Mapping[str, Any], Mapping[str, float]], None]] = {
    "wandb": _wandb,
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
}
"""By the names of transformers' `report_to`."""
