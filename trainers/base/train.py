"""Train the base from nothing into a checkpoint folder, in one loop that may be cut off anywhere and continues where it was."""

import json
import math
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch.nn import functional

from harness.models.checkpoint import fingerprint
from harness.models.inputs import Inputs
from harness.models.positions import check_positions
from harness.store import prepare_folder, write_json
from tasks.errors import InputError
from trainers.base import curriculum, model
from trainers.base.batch import Batches
from trainers.base.curriculum import Lesson
from trainers.base.muon import Muon
from trainers.methods.packed import IGNORED, pack

RECORD, STATE = "training.json", "state.pt"
SCHEMA = "vtg-harness/base/1"
SAVE_EVERY_S = 20.0
REPORT_EVERY = 200
STREAM = 0xBA5E  # Keeps the random numbers of lessons apart from those of the benchmark's own videos
WEAK_STEPS = 2000  # Length of the schedule that a weak base leaves early
WEAK_COOLDOWN = {"moment": 40, "all": 250}  # Steps of the last stage, by kinds


@dataclass(frozen=True)
class Settings:
    """Everything that decides the weights."""

    family: str = "qwen3_vl"  # One of `model.FAMILIES`
    seed: int = 0  # Initial weights and all lessons
    kinds: str = "moment"  # A key of `curriculum.STAGES`: what is asked in the end
    steps: int = 2600  # Length of the schedule
    # A weak base: steps of the last stage, in which the learning rate falls to 0. None for the whole schedule.
    cooldown: int | None = None
    videos: int = 16  # Videos a step; each is asked about all its events
    warmup: int = 50  # Steps until the full learning rate
    matrix_rate: float = 2e-2  # Learning rate of Muon, for the matrices inside the layers
    rate: float = 2e-3  # Learning rate of AdamW, for everything else
    decay: float = 0.01  # Weight decay of both
    clip: float = 1.0  # Largest norm of the gradient
    naming: float = 0.5  # Weight of the loss that has visual tokens named; without it shapes are not learned
    # The opening is learned when the loss per answer token is below this. An answer that ignores the query cannot get below
    # ln(3) / 4 = 0.275: three events, four answer tokens.
    gate: float = 0.26
    # So is a later stage. One that tells all words apart but three cannot get below 0.06; those three would then stay alike.
    later_gate: float = 0.1
    window: int = 30  # Steps over which that loss is averaged


class Trainer:
    """Weights, optimizers and progress of one training."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.model, self.processor = model.make(settings.family, settings.seed)
        check_positions(self.model)
        self.batches = Batches(Inputs(self.model, self.processor, settings.family))
        self.step = 0  # Steps done
        self.learned: list[int] = []  # The steps at which a stage was learned
        self.losses: list[float] = []  # Losses per answer token of the last steps
        self._optimizers = _optimizers(self.model, settings)
        stages = curriculum.STAGES[settings.kinds]
        self._stages = stages if settings.cooldown is None else (curriculum.COLOURS_FIRST, stages[-1])

    @property
    def passed(self) -> int | None:
        """The step at which the last stage began; None before."""
        return self.learned[-1] if len(self.learned) == len(self._stages) - 1 else None

    @property
    def gate(self) -> float:
        """The loss per answer token below which the present stage is learned."""
        return self.settings.later_gate if self.learned else self.settings.gate

    @property
    def finished(self) -> bool:
        """Whether the schedule is at its end."""
        steps, cooldown = self.settings.steps, self.settings.cooldown
        return self.step >= (steps if cooldown is None or self.passed is None else min(steps, self.passed + cooldown))

    def advance(self) -> None:
        """One step. Raises InputError, before any weight moves, if the loss is not a number."""
        settings = self.settings
        rng = np.random.default_rng([settings.seed, self.step, 0, STREAM])
        shares = self._stages[len(self.learned)]
        lessons = curriculum.lessons(rng, settings.videos, shares, self.batches.inputs.pixel_factor)
        answers, names = losses(self.model, self.batches, lessons)
        if not math.isfinite(answers.item() + names.item()):
            raise InputError("a finite loss", f"{answers.item()} in step {self.step}", "another --seed, in another folder")
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        (answers + settings.naming * names).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        share = schedule(self.step, self.passed, settings)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * share
            optimizer.step()
        self.step += 1
        self.losses = [*self.losses, answers.item()][-settings.window :]
        learning_for = self.step - max(self.learned, default=0)
        if self.passed is None and learning_for >= settings.window and np.mean(self.losses) < self.gate:
            self.learned.append(self.step)

    def state(self) -> dict[str, Any]:
        """All that `restore` needs; lessons follow from the seed and the step."""
        return {
            "settings": asdict(self.settings),
            "progress": (self.step, self.learned, self.losses),
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state` of the same settings."""
        self.step, self.learned, self.losses = state["progress"]
        self.model.load_state_dict(state["model"])
        for optimizer, values in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)


def build(folder: Path, settings: Settings, report: Callable[[str], None], save_every_s: float = SAVE_EVERY_S) -> None:
    """Train into `folder`; continues what an earlier call with the same settings began, does nothing if that is finished.

    The folder gets the checkpoint and `training.json`; `state.pt` lies there meanwhile, `save_every_s` seconds old at most.

    Raises:
        InputError: The folder holds another training or cannot be written, the loss is not a number, or a stage
            before the last was not learned.
    """
    prepare_folder(folder)
    if (folder / RECORD).is_file():
        _check_same(folder, json.loads((folder / RECORD).read_text(encoding="utf-8")), settings)
        return
    began_s = time.process_time()
    trainer = Trainer(settings)
    if (folder / STATE).is_file():
        state = torch.load(folder / STATE, weights_only=True)
        _check_same(folder, state, settings)
        trainer.restore(state)
        began_s -= state["cpu_s"]
    saved_s = time.monotonic()
    while not trainer.finished:
        trainer.advance()
        if trainer.step % REPORT_EVERY == 0 or trainer.finished:
            report(f"step {trainer.step}, loss {np.mean(trainer.losses):.4f}")
        if time.monotonic() - saved_s > save_every_s:
            # Replaced at once, so that a cut leaves the old state or the new one.
            torch.save(trainer.state() | {"cpu_s": time.process_time() - began_s}, folder / f"{STATE}.partial")
            (folder / f"{STATE}.partial").replace(folder / STATE)
            saved_s = time.monotonic()
    if trainer.passed is None:
        found = f"{np.mean(trainer.losses):.3f} after {trainer.step} steps"
        raise InputError(f"a loss per answer token below {trainer.gate}", found, "another --seed, in another folder")
    _publish(trainer, folder, time.process_time() - began_s)
    (folder / STATE).unlink(missing_ok=True)


def _check_same(folder: Path, found: Mapping[str, Any], settings: Settings) -> None:
    wanted = asdict(settings)
    if found["settings"] != wanted:
        changed = [f"{n} was {found['settings'].get(n)!r}, now {v!r}" for n, v in wanted.items() if found["settings"].get(n) != v]
        raise InputError(f"the training that {folder} was started with", "; ".join(changed), "name another folder")


def _publish(trainer: Trainer, folder: Path, cpu_s: float) -> None:
    """Write the checkpoint, then its record: a folder with a record is complete."""
    trainer.model.save_pretrained(folder)
    trainer.processor.save_pretrained(folder)
    record = {
        "schema": SCHEMA,
        "settings": asdict(trainer.settings),
        "stages_learned_at_steps": trainer.learned,
        "steps": trainer.step,
        "cpu_s": round(cpu_s, 1),
        "loss": round(float(np.mean(trainer.losses)), 4),
        "parameters": trainer.model.num_parameters(),
        "fingerprint": fingerprint(folder),
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__},
    }
    write_json(folder / RECORD, record)


def losses(network: Any, batches: Batches, lessons: list[Lesson]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean cross-entropy of the answer tokens, and of the words for what each visual token shows."""
    packed = pack(batches.groups(lessons), network.dtype, network.device)
    labels = packed.pop("labels")[:, 1:]
    video = network.model.get_video_features(packed.pop("pixel_values_videos"), packed.pop("video_grid_thw"), return_dict=True)
    hidden = network.model(**packed, mm_encoder_outputs={"video": video}, use_cache=False).last_hidden_state
    taught = labels != IGNORED
    answers = functional.cross_entropy(network.lm_head(hidden[:, :-1][taught]), labels[taught])
    visual = network.model.language_model.norm(torch.cat(tuple(video.pooler_output)))
    return answers, functional.cross_entropy(network.lm_head(visual), batches.word_targets(lessons))


def schedule(step: int, passed: int | None, settings: Settings) -> float:
    """Share of the full learning rate: a linear rise, half a cosine down to 5 %, and the cooldown from where that is."""
    share = min(1.0, (step + 1) / settings.warmup) * _cosine(step, settings)
    if settings.cooldown is None or passed is None:
        return share
    return _cosine(passed, settings) * (1 - (step - passed) / settings.cooldown)


def _cosine(step: int, settings: Settings) -> float:
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / settings.steps))


def _optimizers(network: Any, settings: Settings) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings, norms, biases and the patch convolution."""
    named = list(network.named_parameters())
    inside = ("layers.", "blocks.", "merger.")
    matrices = {name: value for name, value in named if value.ndim == 2 and any(part in name for part in inside)}
    rest = [value for name, value in named if name not in matrices]
    muon = Muon(matrices.values(), lr=settings.matrix_rate, weight_decay=settings.decay)
    adam = torch.optim.AdamW(rest, lr=settings.rate, betas=(0.9, 0.95), weight_decay=settings.decay)
    for group in (*muon.param_groups, *adam.param_groups):
        group["initial_lr"] = group["lr"]
    return [muon, adam]
