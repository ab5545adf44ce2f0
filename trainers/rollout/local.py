"""Generation for training: the video is encoded and its prompt prefilled once, however many replies are drawn."""

from collections.abc import Sequence
from typing import Any

import torch

from harness.models import generate
from trainers.examples import Prompt


def rollout(
    model: Any, prompts: Sequence[Prompt], copies: Sequence[int], rules: generate.Rules, seeds: Sequence[int]
) -> list[list[generate.Output]]:
    """Draw replies.

    Args:
        model: The plain model (not wrapped, not sharded), on its device.
        prompts: Distinct prompts.
        copies: Replies to each.
        rules: How tokens are chosen; the seed is not read.
        seeds: One a reply, prompt by prompt.

    Returns:
        The replies to each prompt.
    """
    asked = [index for index, count in enumerate(copies) if count]
    if not asked:
        return [[] for _ in prompts]
    videos = [prompts[index].video for index in asked]
    rows = [prompts[index].row for index in asked]
    device = model.device
    with torch.no_grad():
        seen = model.model.get_video_features(
            torch.cat([video.pixels for video in videos]).to(device, model.dtype),
            torch.cat([video.grid for video in videos]).to(device),
            return_dict=True,
        )
    prefix = generate.prefill(model, rows, [len(row.ids) - 1 for row in rows], seen)
    sources = [source for source, index in enumerate(asked) for _ in range(copies[index])]
    outputs = iter(generate.generate(model, [rows[source] for source in sources], rules, prefix, None, sources, seeds))
    return [[next(outputs) for _ in range(count)] for count in copies]
