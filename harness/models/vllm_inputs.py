"""What vLLM is given: our token ids, pixels and grids, as its own processors would hand them on; knows no engine and no trainer.

Its processors would choose, resize and time frames by rules of their own.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from harness.models import families
from harness.models.generate import Row, Rules
from harness.models.positions import block_positions
from harness.models.prompt import Video

SEEDS = 2**62
"""vLLM takes seeds of 64 bits; the replies to a prompt get the seeds that follow its first."""

SUPPRESSED = -100.0
"""The lowest bias that vLLM takes for a token that is never to be chosen."""


class Visual(NamedTuple):
    """The visual part of the prompts on one video: modality, an item each image or video, and a hash of each item."""

    kind: str
    items: list[Any]
    hashes: list[str]


def visual(video: Video, config: Any, processor: Any | None, salt: str = "") -> Visual:
    """A video as vLLM takes it, its hashes constant for its content and `salt`.

    Qwen3-VL's blocks, with a timestamp before each, are given as one image each: the same patches, computed alike, while of a
    video with gaps vLLM's server cannot be told the places. Positions and features are those of the video (a test compares).
    An engine that normalizes pixels itself is given them as before the `processor`'s own normalization; None: as they are.
    """
    from vllm.multimodal.inputs import MultiModalFieldConfig, MultiModalKwargsItems

    apart = families.of(config.model_type).blocks or video.apart
    frames, rows, columns = video.grid[0].tolist()
    kind, names = ("image", ("pixel_values", "image_grid_thw")) if apart else ("video", ("pixel_values_videos", "video_grid_thw"))
    grids = torch.tensor([[1, rows, columns]] * frames if apart else [[frames, rows, columns]])
    pixels = video.pixels if processor is None else raw(video.pixels, processor)
    data = {names[0]: pixels, names[1]: grids}
    fields = {
        names[0]: MultiModalFieldConfig.flat_from_sizes(kind, grids.prod(-1)),
        names[1]: MultiModalFieldConfig.batched(kind, keep_on_cpu=True),
    }
    if video.seconds is not None:
        seconds = told_seconds(video.seconds, frames, float(config.vision_config.tokens_per_second))
        data["second_per_grid_ts"] = torch.tensor([seconds], dtype=torch.float64)
        fields["second_per_grid_ts"] = MultiModalFieldConfig.batched(kind, keep_on_cpu=True)
    items = list(MultiModalKwargsItems.from_hf_inputs(data, fields)[kind])
    digest = hashlib.sha256(video.pixels.numpy().tobytes())
    digest.update(f"{grids.tolist()} {video.seconds} {salt}".encode())
    return Visual(kind, items, [f"{digest.hexdigest()}-{index}" for index in range(len(items))])


def told_seconds(seconds: float, patches: int, rate: float) -> float:
    """Seconds of a temporal patch from which vLLM computes the temporal positions of the original rule, `rate` a second.

    The original multiplies twice in float32 and rounds down, vLLM once in float64: of 0.7 s it makes other positions.
    """
    wanted = block_positions((patches, 1, 1), seconds, rate, 0)[0].double()
    index = torch.arange(patches, dtype=torch.float64)
    if patches < 2 or torch.equal((index * (seconds * rate)).floor(), wanted):
        return seconds
    # Each patch bounds the factor from both sides.
    lowest, highest = (wanted[1:] / index[1:]).max(), ((wanted[1:] + 1) / index[1:]).min()
    return float(lowest + highest) / 2 / rate


def places(ids: Sequence[int], seen: Visual, config: Any) -> list[Any]:
    """Where the items of a video stand in a prompt."""
    from vllm.multimodal.inputs import PlaceholderRange

    found = [PlaceholderRange(offset=start, length=length) for start, length in runs(ids, config.video_token_id)]
    assert len(found) == len(seen.items)
    return found


def prompt(row: Row, seen: Visual, config: Any) -> Any:
    """A whole prompt, for an engine in this process."""
    from vllm.inputs.engine import mm_input

    kind = seen.kind
    return mm_input(row.ids, {kind: seen.items}, {kind: seen.hashes}, {kind: places(row.ids, seen, config)})


def positions(settings: Any, row: Row, seen: Visual) -> torch.Tensor:
    """The rotary positions `(3, tokens)` that vLLM computes for a prompt; `settings` are the `model_config` of an engine."""
    from vllm.multimodal.inputs import MultiModalFeatureSpec

    kind, _ = settings.registry.resolve_model_cls(settings.architectures, model_config=settings)
    model = kind.__new__(kind)
    # All that the rule reads; a model without weights.
    model.__dict__["config"] = settings.hf_config
    spots = zip(seen.items, seen.hashes, places(row.ids, seen, settings.hf_config), strict=True)
    features = [MultiModalFeatureSpec(item, seen.kind, name, spot) for item, name, spot in spots]
    found: torch.Tensor = kind.get_mrope_input_positions(model, row.ids, features)[0]
    return found.to(row.positions.dtype)


def sampling(rules: Rules, count: int, seed: int) -> dict[str, Any]:
    """Arguments of vLLM's `SamplingParams`, for `count` replies."""
    return {
        "n": count,
        "temperature": rules.temperature,
        "top_p": rules.top_p,
        "repetition_penalty": rules.repetition_penalty,
        "max_tokens": rules.max_new_tokens,
        "stop_token_ids": sorted(rules.stop),
        "ignore_eos": True,  # that of the tokenizer, which the checkpoint's own rule may leave out
        "logit_bias": dict.fromkeys(rules.suppress, SUPPRESSED),
        "seed": seed % SEEDS,
    }


def runs(ids: Sequence[int], token: int) -> list[tuple[int, int]]:
    """Start and length of each run of a token."""
    found: list[tuple[int, int]] = []
    for index, identifier in enumerate(ids):
        if identifier == token:
            start, length = found.pop() if found and sum(found[-1]) == index else (index, 0)
            found.append((start, length + 1))
    return found


def raw(pixels: torch.Tensor, processor: Any) -> torch.Tensor:
    """Bytes of the picture, from patches `(patches, 3 * values)` that the processor normalized."""
    rules = processor.video_processor
    channels = pixels.reshape(len(pixels), 3, -1)
    mean, deviation = (torch.tensor(values)[:, None] for values in (rules.image_mean, rules.image_std))
    values: torch.Tensor = ((channels * deviation + mean) / rules.rescale_factor).round().clamp(0, 255)
    return values.to(torch.uint8).flatten(1)
