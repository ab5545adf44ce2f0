"""From what stands behind `--model` to a model; torch is imported only for a checkpoint."""

from collections.abc import Callable, Sequence
from pathlib import Path

from harness import extras
from harness.models import own, trivial
from harness.models.base import Model
from harness.models.options import Options
from harness.models.replay import ReplayModel
from tasks.errors import InputError, unknown
from tasks.protocol import Protocol
from tasks.sample import Sample

REPLAY = "replay:"


def is_checkpoint(name: str) -> bool:
    """Whether `--model` names a checkpoint rather than a replay or a trivial model."""
    return not name.startswith(REPLAY) and name not in trivial.NAMES


BACKENDS = ("hf", "vllm", "openai", "lmms", "lmms-simple")
AUTO = ("hf",)
"""Backends that find a batch size and the places of a model's layers themselves."""
ENGINE = ("tensor_parallel", "gpu_memory", "max_model_len")
"""Options of vLLM's engine."""


def open_model(
    name: str,
    protocol: Protocol,
    train: Callable[[], Sequence[Sample]],
    options: Options,
    backend: str = "hf",
    samples: Sequence[Sample] = (),
    check_videos: Callable[[], None] = lambda: None,
) -> Model:
    """Open what `--model` names: a trivial model, a replay, a checkpoint, a class in a file or a model behind a server.

    `train` loads the train split, for `train-prior`; `samples` are what will be asked, among which a replay finds those that its
    rows name. `backend`, one of `BACKENDS`, runs other names: `lmms:NAME` in the model class of lmms-eval, its chat variant if it
    has one, `lmms-simple:NAME` in its simple one. `check_videos` is called before weights load. Raises InputError, also as that.
    """
    named = (*trivial.NAMES, *own.added())  # a file from outside that takes the name of ours is refused
    if backend != "vllm" or not is_checkpoint(name):
        _refuse_engine_options(options, f"--backend {backend}" if is_checkpoint(name) else f"--model {name}")
    if name.startswith(REPLAY):
        return ReplayModel(Path(name.removeprefix(REPLAY)), samples, options.reply_key)
    if (model := trivial.trivial(name, protocol, train, options.seed)) is not None:
        return model
    if own.is_own(name):
        return own.load(name, backend)
    kind, _, lmms_name = backend.partition(":")
    if kind not in BACKENDS or bool(lmms_name) != kind.startswith("lmms"):
        step = "python -m lmms_eval models" if kind.startswith("lmms") else "harness run --help"
        raise InputError("--backend hf, vllm, openai, lmms:NAME or lmms-simple:NAME", repr(backend), step)
    if options.model_args and not lmms_name:
        raise InputError("--model-args with --backend lmms:NAME", f"--backend {backend}", "leave --model-args out")
    if backend in ("hf", "vllm") and "/" not in name and not Path(name).exists():
        expected = "a checkpoint folder, a hub id (owner/name), FILE.py:CLASS, replay:FILE or a baseline"
        raise InputError(expected, unknown(name, named), "harness ls models")
    if kind not in AUTO and (options.batch_size == "auto" or options.device_map):
        raise InputError("a number for --batch-size, and no --device-map", f"--backend {backend}", "--batch-size 8")
    if backend == "openai":
        with extras.needed("openai"):
            from harness.models.openai_api import OpenAiModel
        return OpenAiModel(name, protocol, options)
    if lmms_name:
        with extras.needed("lmms-eval"):
            from harness.models import lmms
        return lmms.load(name, lmms_name, kind == "lmms-simple", protocol, options)
    if backend == "vllm":
        with extras.needed("hf"):
            from harness.models import vllm_start
        check_videos()
        return vllm_start.load(name, protocol, options)
    with extras.needed("hf"):
        from harness.models import hf
    check_videos()
    return hf.load(name, protocol, options)


def _refuse_engine_options(options: Options, asked: str) -> None:
    """Raises InputError where an option of vLLM's engine is given to what has none."""
    for name in ENGINE:
        if (value := getattr(options, name)) is not None:
            raise InputError(
                f"--{name.replace('_', '-')} {value} with --backend vllm", asked, f"leave --{name.replace('_', '-')} out"
            )
