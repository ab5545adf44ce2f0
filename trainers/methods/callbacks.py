"""What a training leaves to read: a line of JSON a step, and one line of progress."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback

LOG = "log.jsonl"


class Log(TrainerCallback):
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
            kept = [line for line in lines if _step(line) is not None and _step(line) <= state.global_step]
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
            quiet = not sys.stderr.isatty()
            self.bar = tqdm(total=state.max_steps, initial=state.global_step, unit="step", file=sys.stderr, disable=quiet)

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


def callbacks(folder: Path) -> list[TrainerCallback]:
    """The callbacks of a training."""
    return [Log(folder), ProgressLine()]


def _step(line: str) -> int | None:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return None
