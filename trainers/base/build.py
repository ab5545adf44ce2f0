"""From settings to a checkpoint folder with its training record, however often that is interrupted."""

import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from harness.models.checkpoint import fingerprint
from harness.store import prepare_folder, write_json
from tasks.errors import InputError
from trainers.base import exam
from trainers.base.train import STREAM, Settings, Trainer

RECORD, STATE = "training.json", "state.pt"
SCHEMA = "vtg-harness/base/1"
SAVE_EVERY_S = 20.0
EXAM_EVERY, EXAM_VIDEOS = 200, 50


def build(folder: Path, settings: Settings, report: Callable[[str], None], save_every_s: float = SAVE_EVERY_S) -> None:
    """Train into `folder`; continues what an earlier call with the same settings began, does nothing if that is finished.

    Args:
        folder: Gets the checkpoint and `training.json`; `state.pt` lies there while training goes on.
        settings: What decides the weights.
        report: Takes a line after each exam.
        save_every_s: Seconds between two states: what an interruption costs at most.

    Raises:
        InputError: The folder holds another training or cannot be written, the loss is not a number, or the first level
            was not learned.
    """
    prepare_folder(folder)
    if (folder / RECORD).is_file():
        _check_same(folder, json.loads((folder / RECORD).read_text(encoding="utf-8")), settings)
        return
    session = Session(settings)
    if (folder / STATE).is_file():
        state = torch.load(folder / STATE, weights_only=True)
        _check_same(folder, state, settings)
        session.restore(state)
    saved_s = time.monotonic()
    while not session.trainer.finished:
        session.advance(report)
        if time.monotonic() - saved_s > save_every_s:
            _save(session.state(), folder / STATE)
            saved_s = time.monotonic()
    if session.trainer.passed is None:
        found = f"{np.mean(session.trainer.losses):.3f} after {session.trainer.step} steps"
        raise InputError(f"a loss per answer token below {settings.gate}", found, "another --seed, in another folder")
    _publish(session, folder)
    (folder / STATE).unlink(missing_ok=True)


class Session:
    """A training, its exams and the time it has taken over all calls."""

    def __init__(self, settings: Settings) -> None:
        self.trainer = Trainer(settings)
        self.exams: list[dict[str, float]] = []
        self._before = {"seconds": 0.0, "cpu_seconds": 0.0}
        self._started = _clocks()
        rng = np.random.default_rng([settings.seed, 0, 1, STREAM])
        self._videos = exam.draw(rng, EXAM_VIDEOS, self.trainer.model)

    def advance(self, report: Callable[[str], None]) -> None:
        """One step, and an exam when one is due. Raises InputError, as `build`."""
        trainer = self.trainer
        trainer.advance()
        if trainer.step % EXAM_EVERY == 0 or trainer.finished:
            loss = round(float(np.mean(trainer.losses)), 4)
            found = {name: round(float(value), 2) for name, value in exam.examine(trainer.model, self._videos).items()}
            self.exams.append({"step": trainer.step, **self.time(), "loss": loss, **found})
            report(", ".join(f"{name} {value:g}" for name, value in self.exams[-1].items()))

    def time(self) -> dict[str, float]:
        """Wall and processor seconds so far."""
        return {name: round(self._before[name] + now - self._started[name], 1) for name, now in _clocks().items()}

    def state(self) -> dict[str, Any]:
        """All that `restore` needs."""
        return {
            "settings": asdict(self.trainer.settings),
            "trainer": self.trainer.state(),
            "exams": self.exams,
            "time": self.time(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state` of the same settings."""
        self.trainer.restore(state["trainer"])
        self.exams, self._before, self._started = state["exams"], state["time"], _clocks()


def _clocks() -> dict[str, float]:
    return {"seconds": time.monotonic(), "cpu_seconds": time.process_time()}


def _check_same(folder: Path, found: Mapping[str, Any], settings: Settings) -> None:
    wanted = asdict(settings)
    if found["settings"] != wanted:
        changed = [f"{n} was {found['settings'].get(n)!r}, now {v!r}" for n, v in wanted.items() if found["settings"].get(n) != v]
        raise InputError(f"the training that {folder} was started with", "; ".join(changed), "name another folder")


def _save(state: Mapping[str, Any], path: Path) -> None:
    """Replace the state at once, so that a cut leaves the old or the new one."""
    temporary = path.with_suffix(".partial")
    torch.save(state, temporary)
    temporary.replace(path)


def _publish(session: Session, folder: Path) -> None:
    """Write the checkpoint, then its record: a folder with a record is complete."""
    trainer = session.trainer
    trainer.model.model.save_pretrained(folder)
    trainer.model.processor.save_pretrained(folder)
    record = {
        "schema": SCHEMA,
        "settings": asdict(trainer.settings),
        "first_level_learned_at_step": trainer.passed,
        "exams": session.exams,
        "exam_videos": EXAM_VIDEOS,
        "parameters": trainer.model.model.num_parameters(),
        "fingerprint": fingerprint(folder),
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__},
    }
    write_json(folder / RECORD, record)
