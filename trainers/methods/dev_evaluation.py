"""A look at the task's dev split while training goes on; never at a split that is reported."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate.utils import is_peft_model
from transformers import TrainerCallback

from harness.frames import Frames, Job
from harness.models.base import Question
from harness.models.checkpoint import Checkpoint
from harness.models.hf import HfModel
from harness.plan import make_plan
from harness.run import answer_job
from harness.scoring import judge
from tasks import kinds
from tasks.errors import Failure, InputError
from tasks.span import Span
from trainers.methods.callbacks import LOG

if TYPE_CHECKING:
    from trainers.training import Training


class DevEvaluation(TrainerCallback):
    """Every N steps the model answers some samples of `dev`, as `harness run` asks them; the main metric goes to the log."""

    def __init__(
        self,
        training: "Training",
        checkpoint: Checkpoint,
        processor: Any,
        read: Callable[[Path, Span | None], Frames | Failure],
    ) -> None:
        plan = training.plan
        modes = (training.recipe.epochs[-1],)
        name, folders = f"{plan.task.name}@dev", plan.searched
        self.plan = make_plan(name, None, plan.protocol.name, modes, plan.data_root, folders, training.dev_limit, seed=0)
        if not self.plan.videos:
            raise InputError(f"videos of {self.plan.name}", "none", f"harness data check {self.plan.name}, or --dev-every 0")
        self.every, self.folder = training.dev_every, training.folder
        self._model = lambda model: HfModel(checkpoint, model, processor, plan.protocol)
        self._main = kinds.find(plan.protocol.kind).main
        self._read = read

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Evaluate, on the main process."""
        if state.global_step % self.every or not state.is_world_process_zero:
            return
        plain = model.get_base_model() if is_peft_model(model) else model
        training = plain.training
        plain.eval()
        value = self.score(self._model(plain))
        plain.train(training)
        with (self.folder / LOG).open("a", encoding="utf-8") as file:
            entry = {"step": state.global_step, f"dev/{self._main}": round(value, 4), "dev/n": len(self.plan.samples)}
            file.write(json.dumps(entry) + "\n")

    def score(self, model: HfModel) -> float:
        """The main metric in percent, as `harness run` gives it; a sample without a video or reply counts 0."""
        plan, mode = self.plan, self.plan.modes[0]
        records = {}
        for video, path in plan.videos.items():
            samples = [sample for sample in plan.samples if sample.video == video]
            questions = [Question(sample, mode, plan.protocol.question(sample, mode)) for sample in samples]
            if questions:
                job = Job(video, path, samples[0].clip, questions)
                for record in answer_job(model, job, self._read(path, samples[0].clip)):
                    records[record["id"], mode] = record
        scored = judge(plan.samples, records, plan.protocol, mode)
        return float(scored.means()[scored.main] or 0.0)
