"""From what stands behind `--model` to a model; torch is imported only for a checkpoint."""

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.models import trivial
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


BACKENDS = ("hf", "openai")


def open_model(
    name: str, protocol: Protocol, train: Callable[[], Sequence[Sample]], options: Options, backend: str = "hf"
) -> Model:
    """Open a trivial model, a replay, a checkpoint or a model behind a server.

    Args:
        name: The argument of `--model`.
        protocol: The rules it will answer under.
        train: Loads the train split of the task, for `train-prior`.
        options: How it is run.
        backend: What runs a name that is neither trivial nor a replay: one of `BACKENDS`.

    Raises:
        InputError: There is no such model, or the checkpoint cannot be used.
    """
    if name.startswith(REPLAY):
        return ReplayModel(Path(name.removeprefix(REPLAY)))
    if (model := trivial.trivial(name, protocol, train, options.seed)) is not None:
        return model
    if backend == "hf" and "/" not in name and not Path(name).exists():
        raise InputError(
            "a checkpoint folder, a hub id (owner/name), replay:FILE or a trivial model",
            unknown(name, trivial.NAMES),
            "harness ls models",
        )
    try:
        if backend == "openai":
            from harness.models.openai_api import OpenAiModel

            return OpenAiModel(name, protocol, options)
        from harness.models import hf
    except ModuleNotFoundError as error:
        raise InputError(f"the packages of extra {backend}", str(error), f"pip install 'vtg-harness[{backend}]'") from error
    return hf.load(name, protocol, options)
