"""What is known of each family of models: one module each, found by the folder. Needs neither torch nor transformers."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from typing import Any, Literal, NamedTuple

from harness.frames import Frames
from tasks.errors import InputError, unknown

TICKS = 1_000_000
"""Frame indices per second given to a processor that divides them by their rate: any time is an index."""


WITHOUT_VIDEO = {
    "gemma3": "Gemma 3",
    "gemma3n": "Gemma 3n",
    "idefics3": "Idefics3",
    "lfm2_vl": "LFM2-VL",
    "llama4": "Llama 4",
    "llava": "LLaVA",
    "mllama": "Llama 3.2 Vision",
    "mistral3": "Mistral 3",
    "paligemma": "PaliGemma",
    "phi4_multimodal": "Phi-4-multimodal",
    "pixtral": "Pixtral",
}
"""Values of `model_type` of models whose processors take images and no video."""


class Stamps(NamedTuple):
    """Times that a processor writes into the text beside each visual block.

    Attributes:
        pattern: Finds one in the text before a block at its end, after a block at its start. Groups: minutes, if any, seconds.
        side: On which side of its block a time stands.
        of: Whether it is the time of the first frame of the block or the mean of all.
        frames: Frames of a block.
    """

    pattern: str
    side: Literal["before", "after"] = "before"
    of: Literal["first", "mean"] = "first"
    frames: int = 1


class Positions(NamedTuple):
    """Seconds that reach a model in the temporal positions of visual tokens: so many a second, by a key of the vision config."""

    rate: str


@dataclass(frozen=True)
class Family:
    """What is known of a family.

    Attributes:
        title: What people call it.
        types: Its values of `model_type` in config.json.
        clock: How it is told the time, for `run.json`.
        told: How seconds reach the model; None where only the order of the frames does.
        metadata: From frames to the metadata by which its processor knows their times.
        slot: What its chat template writes for a video.
        placeholder: What its processor is given in the place of the slot, and puts the video there.
        video_slot: How the video stands in the prompt, for `run.json`.
        pictures: Special tokens in whose places the features of a video stand.
        around: Those that stand around them. A model that wrote one of either would break its own bookkeeping.
        ids: For some of them, the key of the configuration that holds the token's id.
        arguments: What else its processor is told, so that it changes neither number nor size of the frames.
        own_size: Whether its processor brings every frame to a size of its own all the same.
        blocks: Whether each temporal patch is a block of its own.
        since: Major and minor of the first transformers that was seen to tell it the right times; empty: any allowed.
        exact: Whether ids and positions are built here, so that a training is possible. Other families go through their
            processor and `generate`.
    """

    title: str
    types: tuple[str, ...]
    clock: str
    told: Stamps | Positions | None
    metadata: Callable[[Frames], dict[str, Any]]
    slot: str
    placeholder: str
    video_slot: str
    pictures: tuple[str, ...]
    around: tuple[str, ...] = ()
    ids: tuple[tuple[str, str], ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    own_size: bool = False
    blocks: bool = False
    since: tuple[int, ...] = ()
    exact: bool = False


def too_old(family: Family) -> InputError | None:
    """What is wrong with the installed transformers for a family; None where nothing is, or none is installed."""
    try:
        installed = metadata.version("transformers")
    except metadata.PackageNotFoundError:
        return None
    if tuple(int(part) for part in installed.split(".")[:2]) >= family.since:
        return None
    least = ".".join(map(str, family.since))
    return InputError(f"transformers {least} or newer for {family.title}", installed, f"pip install 'transformers>={least}'")


def ticks(frames: Frames) -> dict[str, Any]:
    """Metadata for a processor that divides the index of each frame by the rate. Without it, most assume 24 frames a second."""
    indices = [round(float(time) * TICKS) for time in frames.time_s]
    return {"total_num_frames": len(indices), "fps": float(TICKS), "frames_indices": indices}


@cache
def every() -> tuple[Family, ...]:
    """All families: those whose ids are built here first."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = [importlib.import_module(f"{__name__}.{name}").FAMILY for name in names]
    return tuple(sorted(found, key=lambda family: (not family.exact, family.title)))


def of(model_type: str) -> Family:
    """The family of a `model_type`. Raises InputError if there is none, or none that takes a video."""
    for family in every():
        if model_type in family.types:
            return family
    if title := WITHOUT_VIDEO.get(model_type):
        step = "serve it, and: harness run --backend openai (each frame is an image behind its time)"
        raise InputError("a model that takes a video", f"{title} (model_type {model_type}), which takes images", step)
    names = [name for family in every() for name in family.types]
    found = f"model_type {unknown(model_type, names)}"
    raise InputError(f"a model of one of the families {', '.join(names)}", found, "harness ls models")
