"""An evaluation on the task's dev split while training goes on; never on a split that is reported."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from accelerate.utils import is_peft_model
from transformers import TrainerCallback

from harness.asking import answer_job
from harness.frames import Job
from harness.models.hf import HfModel
from harness.plan import make_plan
from harness.records import Record
from harness.scoring import judge
from tasks.errors import InputError
from tasks.own import dev_split
from tasks.question import Question
from tasks.rules import VideoRules
from tasks.span import Span
from trainers.examples import ReadFrames, protocols_of
from trainers.methods.callbacks import LOG
from trainers.training import Training


class DevEvaluation(TrainerCallback):
    """Every so many steps the model answers questions as `harness run` asks them; their main metrics go to the log in `folder`.

    `opened` makes the network that is trained a model that answers.
    """

    def __init__(
        self, questions: Sequence[Question], every: int, folder: Path, opened: Callable[[Any], HfModel], read: ReadFrames
    ) -> None:
        self.questions = questions
        self.every = every
        self.folder = folder
        self._opened = opened
        self._read = read

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Evaluate, on the main process."""
        if state.global_step % self.every or not state.is_world_process_zero:
            return
        plain = model.get_base_model() if is_peft_model(model) else model
        training = plain.training
        plain.eval()
        figures = main_metrics(self._opened(plain), self.questions, self._read)
        plain.train(training)
        entry = {f"dev/{name}": round(value, 4) for name, value in figures.items()}
        with (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": state.global_step, **entry, "dev/n": len(self.questions)}) + "\n")


def dev_questions(training: Training) -> list[Question]:
    """Questions of the dev split of each task, in the mode of the last epoch. Raises InputError where one has no videos."""
    mode, asked = training.recipe.epochs[-1], []
    for plan in {part.plan.task.name: part.plan for part in training.parts}.values():
        name = f"{plan.task.typed}@{dev_split(plan.task, plan.data_root)}"
        dev = make_plan(name, None, plan.protocol, (mode,), plan.data_root, plan.searched, training.dev_limit, seed=0)
        if not dev.videos:
            raise InputError(f"videos of {dev.name}", "none", f"harness data check {dev.typed}, or --dev-every 0")
        asked += [Question(sample, mode, dev.protocol, dev.videos.get(sample.video)) for sample in dev.samples]
    return asked


def main_metrics(model: HfModel, questions: Sequence[Question], read: ReadFrames) -> dict[str, float]:
    """The main metric in percent, as `harness run` gives it; a question without a video or reply counts 0.

    Of questions of several tasks or under several protocols, that of each: `TASK/METRIC`, `PROTOCOL/METRIC`.
    """
    protocols_of(questions)
    seen: dict[tuple[Path, Span | None, VideoRules], list[Question]] = {}
    apart: dict[tuple[str, str], list[Question]] = {}
    for question in questions:
        apart.setdefault((question.sample.task, question.protocol.name), []).append(question)
        if question.video is not None:
            seen.setdefault((question.video, question.sample.clip, question.protocol.video), []).append(question)
    records: dict[tuple[str, str], dict[tuple[str, str], Record]] = {key: {} for key in apart}
    for (path, clip, video), asked in seen.items():
        answered = answer_job(model, Job(path.stem, path, clip, asked), read(path, clip, video))
        for question, record in zip(asked, answered, strict=True):
            records[question.sample.task, question.protocol.name][question.sample.id, question.mode] = record
    tasks, rules = ({key[place] for key in apart} for place in (0, 1))
    figures = {}
    for (task, name), own in apart.items():
        scored = judge([question.sample for question in own], records[task, name], own[0].protocol, own[0].mode)
        label = [task] * (len(tasks) > 1) + [name] * (len(rules) > 1 and len(tasks) < len(apart))
        figures["/".join([*label, scored.main])] = float(scored.means()[scored.main] or 0.0)
    return figures
