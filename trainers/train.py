"""One training from a plan to a checkpoint; the same call continues one that was interrupted."""

import json
import logging
import os
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate.utils import is_peft_model
from datasets import Dataset
from transformers.utils.logging import disable_progress_bar
from trl import GRPOConfig, SFTConfig
from trl.distributed import DistributedBackend

from harness import environment, store
from harness.frames import Frames
from harness.models import generate, loading
from harness.models.checkpoint import RECORD, Checkpoint, find, fingerprint
from harness.models.hf import SUPPRESSED
from harness.models.inputs import Inputs
from harness.models.options import Options
from harness.models.positions import check_positions
from harness.plan import Plan
from harness.run import check_same_run
from harness.video.pool import FramePool, Job
from tasks.errors import Failure, InputError, unknown
from tasks.sample import Sample, split_sha256
from tasks.span import Span
from trainers import vllm
from trainers.answers import answers
from trainers.callbacks import callbacks
from trainers.dev import DevEvaluation
from trainers.examples import Examples, curriculum
from trainers.grpo import OffPolicy, VideoGRPOTrainer
from trainers.recipe import Recipe
from trainers.sft import VideoSFTTrainer
from trainers.steady import WHOLE, last_checkpoint
from trainers.terms import Term
from trainers.trackers import trackers
from trainers.watch import Watch

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
MIXED = "mixed"
SCHEMA = "vtg-harness/train/1"

OURS = {
    "remove_unused_columns": False,
    "num_train_epochs": 1,
    "logging_steps": 1,
    "disable_tqdm": True,
    "save_strategy": "steps",
    "save_steps": 50,
    "save_total_limit": 2,
    "logging_nan_inf_filter": False,
    "ddp_find_unused_parameters": False,
}
"""Where our defaults are not TRL's. The whole curriculum is one epoch of the trainer."""

FIXED = ("output_dir", "remove_unused_columns", "num_train_epochs", "per_device_train_batch_size", "num_generations", "seed",
         "shuffle_dataset", "bf16", "fp16", "use_cpu")  # fmt: skip
"""Arguments of TRL that the recipe decides under another name, or that would break what is promised."""


@dataclass(frozen=True)
class Training:
    """What is trained.

    Attributes:
        recipe: How.
        plan: The train split and the rules of its prompts.
        model: Checkpoint folder or hub id.
        folder: Where everything goes; the trained model lies there itself.
        seed: Of order, sampling and adapters.
        skip_missing: Whether samples without a video file are left out; otherwise they stop the training.
        dtype: `float32`, `bfloat16`, `mixed` (weights in float32, computed with in bfloat16), or `auto`: see `precision`.
        attn: Attention implementation.
        deadline_s: Seconds after which decoding a video is given up.
        dev_every: Steps between two evaluations on the task's `dev` split, 0 for none.
        dev_limit: Samples of `dev` for that.
    """

    recipe: Recipe
    plan: Plan
    model: str
    folder: Path
    seed: int = 0
    skip_missing: bool = False
    dtype: str = "auto"
    attn: str = "sdpa"
    deadline_s: float = 120.0
    dev_every: int = 0
    dev_limit: int = 100


class Precision(NamedTuple):
    """Numbers a training computes with.

    Attributes:
        weights: Dtype of the weights.
        bf16: Whether their products are in bfloat16 (autocast).
    """

    weights: str
    bf16: bool


@dataclass(frozen=True)
class Usable:
    """The samples of a split that can be trained on, and why the others cannot."""

    samples: list[Sample]
    dropped: dict[str, list[str]]


def usable(training: Training) -> Usable:
    """Leave out moments without length, which no answer can match, and with `skip_missing` what has no video.

    Raises:
        InputError: Videos are missing, or nothing is left.
    """
    plan = training.plan
    flat = [s.id for s in plan.samples if not any(span.end_s > span.start_s for span in s.targets)]
    missing = [s.id for s in plan.samples if s.video not in plan.videos]
    if missing and not training.skip_missing:
        found = f"{len(plan.missing()):,} videos of {len(missing):,} samples are missing, e.g. {plan.missing()[0]}"
        raise InputError(f"the videos of {plan.name}", found, f"harness data check {plan.name}, or --skip-missing")
    left_out = {*flat, *missing}
    samples = [sample for sample in plan.samples if sample.id not in left_out]
    if not samples:
        raise InputError(f"samples of {plan.name} to train on", "none", f"harness data check {plan.name}")
    return Usable(samples, {"moment without length": flat, "missing video": missing})


def spec(training: Training) -> dict[str, Any]:
    """What makes two trainings the same training."""
    return {
        **training.plan.spec(),
        "recipe": json.loads(json.dumps(asdict(training.recipe))),
        "model": training.model,
        "seed": training.seed,
        "skip_missing": training.skip_missing,
        "dtype": training.dtype,
        "attn": training.attn,
    }


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


def read(folder: Path) -> dict[str, Any] | None:
    """`train.json` of a folder, None if there is none. Raises InputError if it cannot be read."""
    return store.read_document(folder / RECORD, SCHEMA)


def _run(training: Training, samples: list[Sample], record: dict[str, Any], main: bool) -> dict[str, Any]:
    checkpoint = find(training.model)
    record["base"] = {"name": training.model, "revision": checkpoint.revision, "fingerprint": fingerprint(checkpoint.folder)}
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
        if training.dev_every:
            trainer.add_callback(DevEvaluation(training, checkpoint, processor, pool_reader(pool)))
        if whole is not None:
            examples.replaced |= json.loads((whole / WHOLE).read_text(encoding="utf-8"))["replaced"]
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


def precision(training: Training) -> Precision:
    """What weights are kept in, and whether they are computed with in bfloat16. Both towers and rollouts follow it.

    `auto` is `mixed` on a GPU. Where another copy holds what bfloat16 rounds away, weights themselves are bfloat16: DeepSpeed
    keeps one in float32, and of adapters only they are trained, which PEFT keeps in float32.
    """
    chosen = training.dtype
    if chosen == "auto":
        kept_apart = training.recipe.lora is not None or os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true"
        chosen = "float32" if not torch.cuda.is_available() else "bfloat16" if kept_apart else MIXED
    return Precision("float32" if chosen == MIXED else chosen, chosen != "float32")


@contextmanager
def reader(training: Training, checkpoint: Checkpoint) -> Iterator[tuple[Any, Any, Inputs, FramePool]]:
    """The loaded checkpoint, its processor and input builder, and a decoder for its videos."""
    options = Options(device="cpu", dtype=precision(training).weights, attn=training.attn)
    model, processor, _ = loading.read(checkpoint, options)
    check_positions(model)
    inputs = Inputs(model, processor, checkpoint.family, training.plan.protocol.prompt)
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


def arguments(training: Training) -> GRPOConfig | SFTConfig:
    """TRL's configuration. Raises InputError on a key it does not have, or that the recipe decides under another name."""
    recipe = training.recipe
    kind = SFTConfig if recipe.method == "sft" else GRPOConfig
    known = {f.name for f in fields(kind)} - set(FIXED)
    for key in recipe.trainer:
        if key not in known:
            raise InputError(f"an argument of trl.{kind.__name__}", unknown(key, known), f"edit recipe {recipe.name}")
    rows = recipe.prompts_per_device * (1 if recipe.method == "sft" else recipe.group_size)
    per_method: dict[str, Any] = (
        {"dataset_kwargs": {"skip_prepare_dataset": True}, "max_length": None}
        if recipe.method == "sft"
        else {
            "num_generations": recipe.group_size,
            "shuffle_dataset": False,
            "reward_weights": [part.weight for part in recipe.rewards],
            "steps_per_generation": 1,
        }
    )
    cpu = not torch.cuda.is_available()
    values = {
        **OURS,
        **per_method,
        **recipe.trainer,
        "output_dir": str(training.folder / CHECKPOINTS),
        "report_to": "none",  # see `trackers`
        "per_device_train_batch_size": rows,
        "seed": training.seed,
        "use_cpu": cpu,
        "bf16": precision(training).bf16,
        "dataloader_pin_memory": not cpu,
    }
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        raise InputError(f"arguments that trl.{kind.__name__} takes", str(error), f"edit recipe {recipe.name}") from error


def check_launch(training: Training, launch: DistributedBackend) -> None:
    """Refuse what would wait for ever, or save a part, where no process holds the whole model. Raises InputError."""
    step = "accelerate launch --config_file trainers/launch/zero2.yaml, or ddp.yaml"
    if (launch.is_zero3 or launch.is_fsdp) and training.recipe.lora is not None:
        raise InputError("adapters on a model that each process holds whole", "a sharded one (ZeRO-3, FSDP)", step)
    if (launch.is_zero3 or launch.is_fsdp) and training.dev_every:
        found = f"--dev-every {training.dev_every} on a sharded one (ZeRO-3, FSDP)"
        raise InputError("an evaluation of a model that each process holds whole", found, "--dev-every 0")
    if launch.is_fsdp and training.recipe.method == "grpo":
        found = "FSDP, which gathers weights at every token: processes whose replies end earlier would not answer"
        raise InputError("DDP or DeepSpeed for recipes that generate", found, step.replace("zero2", "zero3"))


def sampling(model: Any, processor: Any, args: GRPOConfig) -> generate.Rules:
    """How replies are drawn in training."""
    stop = model.generation_config.eos_token_id
    return generate.Rules(
        max_new_tokens=args.max_completion_length,
        stop=frozenset([stop] if isinstance(stop, int) else stop),
        suppress=tuple(processor.tokenizer.convert_tokens_to_ids(list(SUPPRESSED))),
        temperature=args.temperature,
        repetition_penalty=args.repetition_penalty,
        top_p=args.top_p,
    )


def adapters(recipe: Recipe) -> Any:
    """PEFT's configuration, None for full training. Raises InputError on a setting it does not have."""
    if recipe.lora is None:
        return None
    from peft import LoraConfig

    try:
        return LoraConfig(**{"task_type": "CAUSAL_LM", **recipe.lora})
    except TypeError as error:
        raise InputError("settings of peft.LoraConfig", str(error), f"edit recipe {recipe.name}") from error


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
