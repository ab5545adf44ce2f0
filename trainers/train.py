"""One training from a plan to a checkpoint; the same call continues one that was interrupted."""

import hashlib
import logging
import shutil
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from accelerate.utils import is_peft_model
from datasets import Dataset
from transformers.utils.logging import disable_progress_bar
from trl.distributed import DistributedBackend

from harness import environment, store
from harness.data.videos import check_same_file, identity
from harness.models import loading, tags, template
from harness.models.checkpoint import RECORD, Checkpoint, fingerprint, to_train
from harness.models.hf import HfModel
from harness.models.inputs import Inputs
from harness.models.options import Options
from harness.models.positions import check_positions
from harness.run import check_same_run
from tasks.question import Question
from tasks.sample import split_sha256
from trainers import four_bits
from trainers.check import check
from trainers.curriculum import curriculum
from trainers.examples import Examples, Row
from trainers.given_answers import given_answers
from trainers.methods.callbacks import callbacks, trackers
from trainers.methods.configs import adapters, arguments, sampling
from trainers.methods.dev_evaluation import DevEvaluation, dev_questions
from trainers.methods.grpo import OffPolicy, VideoGRPOTrainer
from trainers.methods.rollout_metrics import ParseRateWatch, RolloutMetrics
from trainers.methods.safe_checkpoints import WHOLE, SafeCheckpoints, check_whole, last_checkpoint
from trainers.methods.sft import VideoSFTTrainer
from trainers.methods.sight import Sight
from trainers.mix import Share, questions_of
from trainers.reading import frame_reader
from trainers.recipe import Recipe
from trainers.rewards import maximum
from trainers.terms import terms
from trainers.training import Training, precision, spec, usable

logger = logging.getLogger(__name__)

SCHEMA = "vtg-harness/train/1"


class SftTrainer(SafeCheckpoints, VideoSFTTrainer):
    """SFT that stops rather than spoils."""


class GrpoTrainer(SafeCheckpoints, VideoGRPOTrainer):
    """GRPO that stops rather than spoils."""


def train(training: Training) -> dict[str, Any]:
    """Train, or continue, or return at once if it is done.

    Returns:
        The content of `train.json`.

    Raises:
        InputError: Something cannot be used as asked, the folder holds another training, or the loss is not finite.
    """
    launch = environment.launch()
    folder = training.folder
    quiet()
    store.prepare_folder(folder)
    with store.locked(folder, launch.id):
        previous = store.read_document(folder / RECORD, SCHEMA)
        check_same_run(folder, previous, spec(training))
        if previous is not None and previous["status"] == "finished":
            return previous
        check(training)
        shares, dropped = usable(training)
        questions = questions_of(shares)
        files = same_files(training, questions, previous)
        for reason, ids in dropped.items():
            if ids and launch.rank == 0:
                logger.warning("%s: %d left out (%s), the first %s", training.name, len(ids), reason, ids[0])
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "status": "running",
            "spec": spec(training),
            "trained_on": {**trained_on(training, shares), "files": files, "dropped": dropped},
            "sessions": [*(previous["sessions"] if previous else []), {"environment": environment.describe("pyav")}],
        }
        started = time.monotonic()
        outcome = _run(training, shares, record, launch.rank == 0)
        record["sessions"][-1] |= {"seconds": round(time.monotonic() - started, 2), "from_step": outcome.pop("from_step")}
        record |= {"status": "finished", **outcome}
        if launch.rank == 0:
            store.write_json(folder / RECORD, record)
        return record


def trained_on(training: Training, shares: Sequence[Share]) -> dict[str, Any]:
    """The splits and what is used of them; a mix also says it of each."""
    samples = list({question.sample.id: question.sample for question in questions_of(shares)}.values())
    hashes = [part.plan.split_sha256 for part in training.parts]
    parts = [
        {"split": part.plan.name, "weight": part.weight, "split_sha256": part.plan.split_sha256, "samples": len(share.questions)}
        for part, share in zip(training.parts, shares, strict=True)
    ]
    return {
        "split": training.name,
        "split_sha256": hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest(),
        "used_sha256": split_sha256(samples),
        "samples": len(samples),
        "videos": sorted({sample.video for sample in samples}),
        **({"parts": parts} if len(parts) > 1 else {}),
    }


def same_files(training: Training, questions: Sequence[Question], previous: Mapping[str, Any] | None) -> dict[str, str]:
    """Which file each video is, by video key. Raises InputError if one was another when the training began."""
    paths = {question.sample.video: question.video for question in questions if question.video is not None}
    files = {video: file for video, path in sorted(paths.items()) if (file := identity(path)) is not None}
    before = previous["trained_on"].get("files", {}) if previous is not None else {}
    for video, file in files.items():
        check_same_file(paths[video], before.get(video), file, training.folder)
    return files


def _run(training: Training, shares: Sequence[Share], record: dict[str, Any], main: bool) -> dict[str, Any]:
    checkpoint = to_train(training.model)
    record["base"] = {"name": checkpoint.name, "revision": checkpoint.revision, "fingerprint": fingerprint(checkpoint.folder)}
    model, processor, inputs = opened(training, checkpoint)
    with frame_reader(inputs.pixel_factor, training.deadline_s) as read_frames:
        examples = Examples(questions_of(shares), inputs, read_frames, ahead=read_frames.ahead)
        trainer = build(training, model, processor, examples, shares)
        whole = last_checkpoint(Path(trainer.args.output_dir))
        if main:
            store.write_json(training.folder / RECORD, record)
            # What an interrupted save left behind.
            for path in Path(trainer.args.output_dir).glob("checkpoint-*"):
                if not (path / WHOLE).is_file():
                    shutil.rmtree(path)

        def record_sight(found: dict[str, str]) -> None:
            record["sessions"][-1]["sight"] = found
            if main:
                store.write_json(training.folder / RECORD, record)

        trainer.add_callback(Sight(trainer, inputs, training.protocols[0].prompt, record_sight))
        if training.dev_every:
            asked, answering = dev_questions(training), partial(HfModel, checkpoint, processor=processor)
            trainer.add_callback(DevEvaluation(asked, training.dev_every, training.folder, answering, read_frames))
        if whole is not None:
            examples.replaced |= check_whole(whole)["replaced"]
        with _tells_where_it_continues(trainer):
            result = trainer.train(resume_from_checkpoint=None if whole is None else str(whole))
        _save(trainer, training, checkpoint)
        replaced = trainer.replaced()
    return {
        "from_step": 0 if whole is None else _step(whole),
        "steps": trainer.state.global_step,
        "loss": result.training_loss,
        "replaced": replaced,
    }


@contextmanager
def _tells_where_it_continues(trainer: Any) -> Iterator[None]:
    """Log after which step a training continues that is stopped."""
    try:
        yield
    except KeyboardInterrupt:
        last, state = last_checkpoint(Path(trainer.args.output_dir)), trainer.state
        where = "from the start: no checkpoint was saved" if last is None else f"after step {_step(last)}, the last checkpoint"
        logger.warning(
            "stopped after step %d of %d; the same command continues %s (--set save_steps=N, now %g)",
            *(state.global_step, state.max_steps, where, trainer.args.save_steps),
        )
        raise


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def opened(training: Training, checkpoint: Checkpoint) -> tuple[Any, Any, Inputs]:
    """The loaded checkpoint, its processor and input builder."""
    # Quantized weights are made where they stay.
    device, quantized = ("auto", four_bits.arguments(training)) if training.load_in_4bit else ("cpu", None)
    options = Options(device=device, dtype=precision(training).weights, attn=training.attn)
    model, processor, _ = loading.read(checkpoint, options, quantized)
    with loading.refused(checkpoint, options):
        check_positions(model)
        tags.refuse(processor.tokenizer)
        inputs = Inputs(model, processor, checkpoint.family)
        for rules in training.protocols:
            template.check(processor, rules.prompt)
            inputs.check(rules.prompt)
    return model, processor, inputs


def build(
    training: Training, model: Any, processor: Any, examples: Examples, shares: Sequence[Share]
) -> SftTrainer | GrpoTrainer:
    """The trainer of a recipe, on the questions of these shares."""
    recipe, questions = training.recipe, list(examples.questions.values())
    if recipe.freeze_vision:
        model.model.visual.requires_grad_(False)
    given = None if recipe.answers is None else given_answers(recipe.answers, questions, recipe.epochs)
    args, rows = arguments(training), curriculum(shares, recipe.epochs, training.seed)
    examples.follow(rows, recipe.prompts_per_device * getattr(args, "steps_per_generation", 1), args.world_size)
    common: dict[str, Any] = {
        "model": model,
        "args": args,
        "train_dataset": Dataset.from_list(rows),
        "processing_class": processor,
        "callbacks": [*callbacks(training.folder), *trackers(recipe.trainer.get("report_to")), ParseRateWatch(logger.warning)],
        "peft_config": adapters(recipe),
        "examples": examples,
    }
    if recipe.method == "sft":
        assert given is not None
        trainer: SftTrainer | GrpoTrainer = SftTrainer(answer=given, **common)
    else:
        trainer = GrpoTrainer(
            rules=sampling(model, processor, args),
            off_policy=None if given is None else OffPolicy(given, recipe.shaping, partial(top, recipe)),
            shaped=[part.shaped for part in recipe.rewards],
            metrics=RolloutMetrics(examples.protocols, recipe.group_size - 1, training.folder),
            redraws=recipe.redraws,
            reward_funcs=terms(recipe.rewards, examples.protocols, recipe.epochs),
            **common,
        )
    if training.load_in_4bit:
        four_bits.keep_exact(trainer.model)
    for callback in list(trainer.callback_handler.callbacks):
        if type(callback).__name__ in ("PrinterCallback", "ProgressCallback"):
            trainer.remove_callback(callback)
    return trainer


def top(recipe: Recipe, row: Row) -> float:
    """The largest accuracy that the shaped rewards of a recipe can give a row; 1 where none of them counts."""
    counted = [part for part in recipe.rewards if part.shaped and part.counts(row["kind"], row["mode"])]
    return sum(part.weight * maximum(part.name, row["kind"], **part.settings) for part in counted) or 1.0


def _save(trainer: Any, training: Training, base: Checkpoint) -> None:
    """The trained model as an ordinary checkpoint; adapters are merged into it."""
    if not is_peft_model(trainer.model):
        trainer.save_model(str(training.folder))
    else:
        # Under ZeRO-3, merging and reading need every process.
        with DistributedBackend(trainer.accelerator).gather_params(list(trainer.model.parameters())):
            model = trainer.accelerator.unwrap_model(trainer.model)
            merged = four_bits.merged(model, base, training) if training.load_in_4bit else model.merge_and_unload()
            if trainer.accelerator.is_main_process:
                merged.save_pretrained(training.folder)
                trainer.processing_class.save_pretrained(training.folder)
    # What follows, in every process, may read the model.
    trainer.accelerator.wait_for_everyone()


def quiet() -> None:
    """Progress bars of loading and saving only for people; and TRL 1.16 itself uses the names transformers warns of."""
    if not sys.stderr.isatty():
        disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
