"""From what stands behind `--model` to a model; torch is imported only for a checkpoint."""

from collections.abc import Callable, Sequence
from pathlib import Path

from harness import extras
from harness.models import own, trivial
from harness.models.base import Model
from harness.models.fitting import REPLAY
from harness.models.options import Options
from harness.models.replay import ReplayModel
from tasks.errors import InputError, unknown
from tasks.protocol import Protocol
from tasks.sample import Sample


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
    rows name. `backend` runs other names, and `fitting.check` has passed: `lmms:NAME` in the model class of lmms-eval, its chat
    variant if it has one, `lmms-simple:NAME` in its simple one. `check_videos` is called before weights load. Raises InputError.
    """
    if name.startswith(REPLAY):
        return ReplayModel(Path(name.removeprefix(REPLAY)), samples, options.reply_key)
    if (model := trivial.trivial(name, protocol, train, options.seed)) is not None:
        return model
    if own.is_own(name):
        return own.load(name)
    kind, _, lmms_name = backend.partition(":")
    if backend in ("hf", "vllm") and "/" not in name and not Path(name).exists():
        expected = "a checkpoint folder, a hub id (owner/name), FILE.py:CLASS, replay:FILE or a baseline"
        raise InputError(expected, unknown(name, (*trivial.NAMES, *own.added())), "harness ls models")
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
