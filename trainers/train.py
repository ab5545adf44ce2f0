"""One training from a plan to a checkpoint; the same call continues one that was interrupted."""

import logging
import shutil
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
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
from harness.frames import Frames, Job
from harness.models import loading, template
from harness.models.checkpoint import RECORD, Checkpoint, find, fingerprint
from harness.models.inputs import Inputs
from harness.models.options import Options
from harness.models.positions import check_positions
from harness.run import check_same_run
from harness.video.pool import FramePool
from tasks.errors import Failure
from tasks.sample import Sample, split_sha256
from tasks.span import Span
from trainers.examples import Examples, curriculum
from trainers.given_answers import answers
from trainers.methods.callbacks import callbacks
from trainers.methods.configs import adapters, arguments, check_launch, sampling
from trainers.methods.dev_evaluation import DevEvaluation
from trainers.methods.grpo import OffPolicy, VideoGRPOTrainer
from trainers.methods.rollout_metrics import Watch
from trainers.methods.safe_checkpoints import WHOLE, check_whole, last_checkpoint
from trainers.methods.sft import VideoSFTTrainer
from trainers.methods.sight import Sight
from trainers.methods.trackers import trackers
from trainers.rollout import vllm
from trainers.terms import Term
from trainers.training import Training, precision, spec, usable

logger = logging.getLogger(__name__)

SCHEMA = "vtg-harness/train/1"


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
        previous = read(folder)
        check_same_run(folder, previous, spec(training))
        if previous is not None and previous["status"] == "finished":
            return previous
        chosen = usable(training)
        files = same_files(training, chosen.samples, previous)
        for reason, ids in chosen.dropped.items():
            if ids and launch.rank == 0:
                logger.warning("%s: %d left out (%s), the first %s", training.plan.name, len(ids), reason, ids[0])
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "status": "running",
            "spec": spec(training),
            "trained_on": {
                "split": training.plan.name,
                "split_sha256": training.plan.split_sha256,
                "used_sha256": split_sha256(chosen.samples),
                "samples": len(chosen.samples),
                "videos": sorted({sample.video for sample in chosen.samples}),
                "files": files,
                "dropped": chosen.dropped,
            },
            "sessions": [*(previous["sessions"] if previous else []), {"environment": environment.describe("pyav")}],
        }
        started = time.monotonic()
        outcome = _run(training, chosen.samples, record, launch.rank == 0)
        record["sessions"][-1] |= {"seconds": round(time.monotonic() - started, 2), "from_step": outcome.pop("from_step")}
        record |= {"status": "finished", **outcome}
        if launch.rank == 0:
            store.write_json(folder / RECORD, record)
        return record


def same_files(training: Training, samples: list[Sample], previous: Mapping[str, Any] | None) -> dict[str, str]:
    """Which file each video is, by video key. Raises InputError if one was another when the training began."""
    videos = training.plan.videos
    files = {video: file for video in sorted({s.video for s in samples}) if (file := identity(videos[video])) is not None}
    before = previous["trained_on"].get("files", {}) if previous is not None else {}
    for video, file in files.items():
        check_same_file(videos[video], before.get(video), file, training.folder)
    return files


def read(folder: Path) -> dict[str, Any] | None:
    """`train.json` of a folder, None if there is none. Raises InputError if it cannot be read."""
    return store.read_document(folder / RECORD, SCHEMA)


def _run(training: Training, samples: list[Sample], record: dict[str, Any], main: bool) -> dict[str, Any]:
    checkpoint = find(training.model)
    record["base"] = {"name": checkpoint.name, "revision": checkpoint.revision, "fingerprint": fingerprint(checkpoint.folder)}
    with reader(training, checkpoint) as (model, processor, inputs, pool):
        examples = Examples(
            {sample.id: sample for sample in samples}, training.plan.protocol, inputs, training.plan.videos, pool_reader(pool)
        )
        trainer = build(training, samples, model, processor, examples)
        check_launch(training, DistributedBackend(trainer.accelerator))
        whole = last_checkpoint(Path(trainer.args.output_dir))
        if main:
            store.write_json(training.folder / RECORD, record)
            _remove_parts(Path(trainer.args.output_dir))
        trainer.add_callback(Sight(trainer, inputs, partial(_record_sight, training.folder, record, main)))
        if training.dev_every:
            trainer.add_callback(DevEvaluation(training, checkpoint, processor, pool_reader(pool)))
        if whole is not None:
            examples.replaced |= check_whole(whole)["replaced"]
        result = trainer.train(resume_from_checkpoint=None if whole is None else str(whole))
        _save(trainer, training, processor)
        replaced = trainer.replaced()
    steps = trainer.state.global_step
    return {
        "from_step": 0 if whole is None else int(whole.name.rpartition("-")[2]),
        "steps": steps,
        "loss": result.training_loss,
        "replaced": replaced,
    }


@contextmanager
def reader(training: Training, checkpoint: Checkpoint) -> Iterator[tuple[Any, Any, Inputs, FramePool]]:
    """The loaded checkpoint, its processor and input builder, and a decoder for its videos."""
    options = Options(device="cpu", dtype=precision(training).weights, attn=training.attn)
    model, processor, _ = loading.read(checkpoint, options)
    with loading.refused(checkpoint, options):
        template.check(processor, training.plan.protocol.prompt)
        check_positions(model)
        inputs = Inputs(model, processor, checkpoint.family, training.plan.protocol.prompt)
        inputs.check()
    with FramePool(training.plan.protocol.video, inputs.pixel_factor, deadline_s=training.deadline_s) as pool:
        yield model, processor, inputs, pool


def pool_reader(pool: FramePool) -> Any:
    """Read one video through a pool."""

    def read_video(path: Path, clip: Span | None) -> Frames | Failure:
        ((_, frames),) = pool.frames([Job(str(path), path, clip)])
        return frames

    return read_video


def build(
    training: Training, samples: list[Sample], model: Any, processor: Any, examples: Examples
) -> VideoGRPOTrainer | VideoSFTTrainer:
    """The trainer of a recipe."""
    recipe, protocol = training.recipe, training.plan.protocol
    if recipe.freeze_vision:
        model.model.visual.requires_grad_(False)
    dataset = Dataset.from_list(curriculum(samples, recipe.epochs, protocol, training.seed))
    given = None if recipe.answers is None else answers(recipe.answers, protocol, samples, recipe.epochs)
    common: dict[str, Any] = {
        "model": model,
        "args": arguments(training),
        "train_dataset": dataset,
        "processing_class": processor,
        "callbacks": [*callbacks(training.folder), *trackers(recipe.trainer.get("report_to"))],
        "peft_config": adapters(recipe),
        "examples": examples,
    }
    if recipe.method == "sft":
        assert given is not None
        trainer: VideoGRPOTrainer | VideoSFTTrainer = VideoSFTTrainer(answer=given, **common)
    else:
        args = common["args"]
        if args.use_vllm:
            vllm.check()
        trainer = VideoGRPOTrainer(
            rules=sampling(model, processor, args),
            off_policy=None if given is None else OffPolicy(given, recipe.shaping),
            shaped=[part.shaped for part in recipe.rewards],
            watch=Watch(protocol, training.folder),
            reward_funcs=[Term(part, protocol) for part in recipe.rewards],
            **common,
        )
    for callback in list(trainer.callback_handler.callbacks):
        if type(callback).__name__ in ("PrinterCallback", "ProgressCallback"):
            trainer.remove_callback(callback)
    return trainer


def _record_sight(folder: Path, record: dict[str, Any], main: bool, found: dict[str, str]) -> None:
    record["sessions"][-1]["sight"] = found
    if main:
        store.write_json(folder / RECORD, record)


def _save(trainer: Any, training: Training, processor: Any) -> None:
    """The trained model as an ordinary checkpoint; adapters are merged into it."""
    if trainer.accelerator.is_main_process and is_peft_model(trainer.model):
        merged = trainer.accelerator.unwrap_model(trainer.model).merge_and_unload()
        merged.save_pretrained(training.folder)
        processor.save_pretrained(training.folder)
    elif not is_peft_model(trainer.model):
        trainer.save_model(str(training.folder))
    # What follows, in every process, may read the model.
    trainer.accelerator.wait_for_everyone()


def quiet() -> None:
    """Progress bars of loading and saving only for people; and TRL 1.16 itself uses the names transformers warns of."""
    if not sys.stderr.isatty():
        disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")


def _remove_parts(folder: Path) -> None:
    """What an interrupted save left behind."""
    for path in folder.glob("checkpoint-*"):
        if not (path / WHOLE).is_file():
            shutil.rmtree(path)
