"""Whether a model sees the video: what changes in a clip must change its numbers, on the path that replies take.

transformers before 5.18 swallows the keyword that carries the video's features, and a model answers blind, without a word.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
import transformers

from harness.frames import Frames
from harness.models.torchvision_fix import TRANSFORMERS
from tasks.errors import InputError

TEXTS = ("When?", "What is to be seen, and when does it end?")
"""Two questions of different length: in one batch, the shorter is padded."""

PATCHES = 2
"""Temporal patches of the clip."""

NOISE = 3.0
"""A change must move the numbers by more than this many times what two passes of the same clip differ by."""

STEP = f"pip install '{TRANSFORMERS}'; where that is installed, `harness demo` tells whether the checkpoint is to blame"

Look = Callable[[Frames], torch.Tensor]
"""From a clip to numbers `(rows, n)` that must follow it: logits, or log-probabilities of a reply."""


def clip(factor: int, patch: int) -> Frames:
    """Two temporal patches of `patch` frames of noise, 2 x 3 visual tokens each, one frame a second."""
    count = PATCHES * patch
    pixels = np.random.default_rng(0).integers(0, 256, (count, 2 * factor, 3 * factor, 3), dtype=np.uint8)
    return Frames(pixels, np.arange(count, dtype=np.float64), 1.0, 0.0, "made")


def changes(frames: Frames, patch: int) -> dict[str, Frames]:
    """The clip with one frame inverted, for each frame, and with its temporal patches in another order."""
    found = {}
    for index in range(len(frames.pixels)):
        pixels = frames.pixels.copy()
        pixels[index] = 255 - pixels[index]
        found[f"frame {index + 1}"] = replace(frames, pixels=pixels)
    order = frames.pixels.reshape(PATCHES, patch, *frames.pixels.shape[1:])[::-1].reshape(frames.pixels.shape)
    return {**found, "the order of the frames": replace(frames, pixels=np.ascontiguousarray(order))}


def probe(look: Look, model: Any, factor: int, what: str = "logits") -> str:
    """Look at a clip, at changed ones, and at the clip without what the vision tower gives; returns and raises as `check`.

    `look` takes the path whose sight is in question, `model` is the plain checkpoint behind it, `what` names the numbers.
    """
    vision = model.config.vision_config
    patch: int = vision.temporal_patch_size
    plain, tower = clip(factor, patch), model.model.visual
    shown = {name: partial(look, frames) for name, frames in changes(plain, patch).items()}
    shown["the vision tower"] = partial(_without, tower, None, look, plain)
    for level in range(len(getattr(vision, "deepstack_visual_indexes", ()))):
        shown[f"its deepstack features {level + 1}"] = partial(_without, tower, level, look, plain)
    return check(what, partial(look, plain), shown)


def check(what: str, plain: Callable[[], torch.Tensor], changed: Mapping[str, Callable[[], torch.Tensor]]) -> str:
    """Refuse numbers `(rows, n)` that do not follow every change; what was found, for `run.json`.

    Two passes over what is not changed tell what the order of additions in kernels moves. Raises InputError where a row stays
    where it was after a change, is not finite, or cannot be computed.
    """
    everything = ", ".join(changed)
    try:
        first = plain()
        if not first.isfinite().all():
            step = "--dtype bfloat16, or float32 on a CPU"
            raise InputError(f"{what} about a probe clip that are finite numbers", "infinite ones, or none (NaN)", step)
        noise = _distance(first, plain())
        blind = [name for name, look in changed.items() if not bool((_distance(first, look()) > NOISE * noise).all())]
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        found = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise InputError(f"a model that computes {what} about a probe clip", found, STEP) from error
    if blind:
        found = f"the same {what} whatever {', '.join(blind)} shows, with transformers {transformers.__version__}"
        raise InputError(f"a model that sees the video: {what} that follow {everything}", found, STEP)
    return f"probed: {what} follow {everything}"


@contextmanager
def listening(model: torch.nn.Module) -> Iterator[list[torch.Tensor]]:
    """Collects the last logits `(rows, vocabulary)` of each pass of a model, in float32."""
    heard: list[torch.Tensor] = []

    def hear(_module: Any, _given: Any, output: Any) -> None:
        if (logits := getattr(output, "logits", None)) is not None:
            heard.append(logits[:, -1].detach().float())

    with model.register_forward_hook(hear):
        yield heard


def _without(tower: torch.nn.Module, level: int | None, look: Look, frames: Frames) -> torch.Tensor:
    """Look while the vision tower gives zeros: everywhere, or in one level of its deepstack features."""

    def blank(_module: Any, _given: Any, output: Any) -> Any:
        deep = getattr(output, "deepstack_features", None)
        if level is None:
            output.pooler_output = torch.zeros_like(output.pooler_output)
        if deep is not None:
            output.deepstack_features = [torch.zeros_like(f) if level in (None, index) else f for index, f in enumerate(deep)]
        return output

    with tower.register_forward_hook(blank):
        return look(frames)


def _distance(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """`(rows,)`; the mean over many numbers is a steadier measure of noise than the largest."""
    return (first.double() - second.double()).abs().mean(dim=-1)
