"""What a training leaves to read: a line of JSON a step, one line of progress, and the pages of trackers."""

import json
import logging
import math
import time
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback
from transformers.integrations.integration_utils import get_reporting_integration_callbacks

from tasks.errors import InputError

logger = logging.getLogger(__name__)

LOG = "log.jsonl"


class LogFile(TrainerCallback):
    """Appends every figure to `log.jsonl`; on a resumed training the lines after its checkpoint go first.

    `decode_share` is the part of the time since the last line in which videos were read while nothing was computed.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOG
        self.started = self.last = time.monotonic()
        self.step = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Drop what an interrupted session logged beyond the checkpoint it is continued from."""
        if state.is_world_process_zero and self.path.is_file():
            lines = self.path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _step(line) <= state.global_step]
            self.path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        self.last, self.step = time.monotonic(), state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:  # noqa: ARG002
        """One line."""
        if state.is_world_process_zero:
            now, logs = time.monotonic(), logs or {}
            entry = {"step": state.global_step, "seconds": round(now - self.started, 3), **logs}
            if "loss" in logs:
                turns = (state.global_step - self.step) * args.gradient_accumulation_steps
                entry["decode_share"] = round(logs.get("seconds/read", 0.0) * turns / (now - self.last), 4)
                self.last, self.step = now, state.global_step
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")


class ProgressLine(TrainerCallback):
    """Steps, time left and the figures that matter, on standard error where it is a terminal."""

    def __init__(self) -> None:
        self.bar: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Open the line."""
        if state.is_world_process_zero:
            # None: where standard error is no terminal.
            self.bar = tqdm(total=state.max_steps, initial=state.global_step, unit="step", disable=None)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:  # noqa: ARG002
        """Bring it up to date."""
        if self.bar is not None:
            shown = {name: f"{logs[name]:.3g}" for name in ("loss", "reward", "iou") if logs and logs.get(name) is not None}
            self.bar.set_postfix(shown, refresh=False)
            self.bar.update(state.global_step - self.bar.n)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Close it."""
        if self.bar is not None:
            self.bar.close()


class OptionalTracker(TrainerCallback):
    """Passes events on to a tracker (TensorBoard, W&B, trackio …) until it raises: a dashboard out of reach stops no training."""

    def __init__(self, name: str, tracker: TrainerCallback) -> None:
        self.name = name
        self.tracker: TrainerCallback | None = tracker
        for event in ("on_train_begin", "on_log", "on_save", "on_train_end"):
            setattr(self, event, partial(self._pass_on, event))

    def _pass_on(self, event: str, *arguments: Any, **keywords: Any) -> None:
        if self.tracker is None:
            return
        try:
            getattr(self.tracker, event)(*arguments, **keywords)
        except Exception as error:  # noqa: BLE001 - whatever a tracker raises, log.jsonl has the figures
            logger.warning("%s failed, and training continues: %s: %s", self.name, type(error).__name__, error)
            self.tracker = None


def callbacks(folder: Path) -> list[TrainerCallback]:
    """The callbacks of a training."""
    return [LogFile(folder), ProgressLine()]


def trackers(report_to: Any) -> list[TrainerCallback]:
    """Trackers by the names of transformers' `report_to`.

    Raises:
        InputError: There is no such tracker, or its package is not installed: known before training starts.
    """
    made: list[TrainerCallback] = []
    for name in [report_to] if isinstance(report_to, str) else report_to or ():
        if name == "none":
            continue
        try:
            (kind,) = get_reporting_integration_callbacks([name])
            made.append(OptionalTracker(name, kind()))
        except (ValueError, KeyError, RuntimeError, ImportError) as error:
            step = f"pip install {name}, or --set report_to=none"
            raise InputError("a tracker that is installed", f"{name}: {error}", step) from error
    return made


def _step(line: str) -> float:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf
