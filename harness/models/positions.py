"""Multimodal rotary positions as the models were trained with, checked and corrected in the installed transformers.

The rule (Qwen2-VL, arXiv 2409.12191, section 2.1; Qwen2.5-VL, arXiv 2502.13923, section 2.1.2): a text token has three
equal positions that grow by one. A visual token at temporal patch k, row i and column j (after merging) has
`start + floor(k * seconds_per_patch * tokens_per_second)`, `start + i`, `start + j`. What follows starts at the largest
position so far plus one. Qwen2-VL counts k itself. Qwen3-VL (arXiv 2511.21631) writes the time as text, so each temporal
patch is a block of its own with k = 0.

Releases of transformers from 5.3 start the text at `start + max(rows, columns)` instead, inside the video's own time
span (reported in huggingface/transformers issue 45381 and huggingface/lerobot issue 3648); 4.57 cut the seconds down to
whole numbers.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

import torch
import transformers

from harness.models import families
from harness.models.families import Positions
from harness.models.torchvision_fix import TRANSFORMERS
from tasks.errors import InputError

IMAGE, VIDEO = 1, 2
"""Token types of transformers' `mm_token_type_ids`; 0 is text."""

PROBES = ((9, 1.0), (2, 0.25), (5, 1.515625))
"""Temporal patches and seconds per patch of the prompts on which the two rules are compared."""

Grid = tuple[int, int, int]


def block_positions(grid: Grid, seconds: float, rate: float, start: int) -> torch.Tensor:
    """Temporal, row and column position of each token of one image or video, `(3, patches * rows * columns)` int64.

    `seconds` are those of a temporal patch, `rate` positions a second, `start` the position of the first token.
    """
    # Two float32 products in this order are what the models saw in training.
    time = (torch.arange(grid[0]) * seconds * rate).long()
    axes = torch.meshgrid(time, torch.arange(grid[1]), torch.arange(grid[2]), indexing="ij")
    return torch.stack(axes).reshape(3, -1) + start


def row_positions(
    types: Iterable[int], images: Iterator[Grid], videos: Iterator[tuple[Grid, float]], rate: float
) -> torch.Tensor:
    """Positions `(3, tokens)` int64 of one prompt of tokens of these types, `rate` a second.

    The next images and videos are taken from their merged grids, videos with their seconds per temporal patch.
    """
    parts: list[torch.Tensor] = []
    start = 0
    for kind, group in groupby(types):
        if kind in (IMAGE, VIDEO):
            grid, seconds = next(videos) if kind == VIDEO else (next(images), 0.0)
            part = block_positions(grid, seconds, rate, start)
        else:
            part = torch.arange(len(list(group))).expand(3, -1) + start
        parts.append(part)
        start = int(part.max()) + 1
    return torch.cat(parts, dim=1)


def original_rule(config: Any) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """The rule as a function with the signature of transformers' `get_rope_index`, for models of `config.model_type`.

    Its second result continues generation: position = index among the attended tokens + delta.
    """
    vision = config.vision_config
    merge = vision.spatial_merge_size
    family = families.of(config.model_type)
    rate = float(getattr(vision, family.told.rate)) if isinstance(family.told, Positions) else 1.0

    def merged(grids: Any) -> list[Grid]:
        return [] if grids is None else [(int(t), int(h) // merge, int(w) // merge) for t, h, w in grids.tolist()]

    def get_rope_index(
        input_ids: torch.Tensor,
        mm_token_type_ids: torch.Tensor,
        image_grid_thw: torch.Tensor | None = None,
        video_grid_thw: torch.Tensor | None = None,
        second_per_grid_ts: Any = None,
        attention_mask: torch.Tensor | None = None,
        **_: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        grids = merged(video_grid_thw)
        seconds = [1.0] * len(grids) if second_per_grid_ts is None else [float(value) for value in second_per_grid_ts]
        videos = list(zip(grids, seconds, strict=True))
        if family.blocks:
            videos = [((1, h, w), s) for (t, h, w), s in videos for _ in range(t)]
        image, video = iter(merged(image_grid_thw)), iter(videos)
        positions = torch.zeros(3, *input_ids.shape, dtype=torch.long)
        deltas = []
        for row in range(len(input_ids)):
            keep = torch.ones_like(input_ids[row]) if attention_mask is None else attention_mask[row]
            keep = keep.bool().cpu()
            part = row_positions(mm_token_type_ids[row].cpu()[keep].tolist(), image, video, rate)
            positions[:, row, keep] = part
            deltas.append(int(part.max()) + 1 - part.shape[1])
        return positions.to(input_ids.device), torch.tensor(deltas, device=input_ids.device)[:, None]

    return get_rope_index


def check_positions(model: Any) -> dict[str, str]:
    """Compare the installed position rule with the original; where they differ, correct this model instance.

    The correction replaces `model.model.get_rope_index` (of this instance only), so `generate`, training and the shared
    prefix all follow it. Gives what was found and done, for `run.json`. Raises InputError where it can do neither.
    """
    inner, version = model.model, transformers.__version__
    installed = type(inner).get_rope_index.__get__(inner)
    if "mm_token_type_ids" not in inspect.signature(installed).parameters:
        found = f"transformers {version} with another get_rope_index"
        raise InputError("a transformers release whose positions can be checked", found, f"pip install '{TRANSFORMERS}'")
    original = original_rule(model.config)
    probes = [_probe(model.config, patches, seconds) for patches, seconds in PROBES]
    wrong = [probe for probe in probes if not all(map(torch.equal, installed(**probe), original(**probe)))]
    if not wrong:
        return {"rule": "original", "installed": f"{version} agrees", "action": "none"}
    last = [int(rule(**wrong[0])[0][:, 0, -1].max()) for rule in (installed, original)]
    inner.get_rope_index = original
    found = f"differs in {len(wrong)} of {len(probes)} probes; text after a video ends at {last[0]} instead of {last[1]}"
    return {"rule": "original", "installed": f"{version} {found}", "action": "corrected"}


def _probe(config: Any, patches: int, seconds: float) -> dict[str, Any]:
    """Two rows of text, video, text; the second padded on the left."""
    merge = config.vision_config.spatial_merge_size
    frame = [VIDEO] * 6
    family = families.of(config.model_type)
    video = [0, 0, *frame] * patches if family.blocks else frame * patches
    types = torch.tensor([[0] * 7 + video + [0] * 4, [0] * 9 + video + [0] * 2])
    mask = torch.ones_like(types)
    mask[1, :3] = 0
    probe = {
        "input_ids": torch.where(types == VIDEO, config.video_token_id, 0),
        "mm_token_type_ids": types,
        "video_grid_thw": torch.tensor([[patches, 2 * merge, 3 * merge]] * 2),
        "attention_mask": mask,
    }
    return probe | ({"second_per_grid_ts": torch.tensor([seconds] * 2)} if isinstance(family.told, Positions) else {})
