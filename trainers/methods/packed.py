"""Sequences that share a prompt as one row: the prompt stands once, every continuation sees the prompt and itself.

Where no group has more than one branch, rows are ordinary ones with an ordinary mask, for any model and attention kernel.
Otherwise a row is `prefix, branch 1, ..., branch G`. A branch starts with the last token of its prompt, so that each of its
tokens is predicted by the token before it, as in an ordinary row, and the fused head of TRL reads packed rows as they are.
Rotary positions restart after the prefix. Exact under activation checkpointing, which drops a prefix cache.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from harness.models.generate import Row
from harness.models.prompt import Video

IGNORED = -100  # Label of a token that is not scored


class Branch(NamedTuple):
    """What follows a prefix."""

    ids: Sequence[int]  # Token ids
    labels: Sequence[int]  # The same ids, `IGNORED` where no log-probability is asked for; the first is never scored


@dataclass(frozen=True)
class Group:
    """Branches that share a prefix."""

    prefix: Row  # Token ids and `(3, tokens)` rotary positions; contains the whole video
    video: Video  # The video of the prefix
    branches: Sequence[Branch]  # What follows; text only


def completions(prompt: Row, video: Video, replies: Sequence[Sequence[int]]) -> Group:
    """A prompt and its replies, every token of which is scored."""
    last = prompt.ids[-1]
    branches = [Branch([last, *reply], [IGNORED, *reply]) for reply in replies]
    return Group(Row(prompt.ids[:-1], prompt.positions[:, :-1]), video, branches)


def pack(groups: Sequence[Group], dtype: torch.dtype, device: torch.device) -> dict[str, torch.Tensor]:
    """Keyword arguments of a Qwen-VL model, one row a group, padded on the right to `tokens`.

    Returns:
        `input_ids` and `labels` `(groups, tokens)`, `position_ids` `(3, groups, tokens)`, the videos, one a group, and
        `attention_mask`: `(groups, 1, tokens, tokens)` added to the attention scores, or `(groups, tokens)`, 0 on padding, where
        no prompt is shared.
    """
    lengths = [len(group.prefix.ids) + sum(len(branch.ids) for branch in group.branches) for group in groups]
    shape = (len(groups), max(lengths))
    shared = any(len(group.branches) > 1 for group in groups)
    ids = torch.zeros(shape, dtype=torch.long)
    labels = torch.full(shape, IGNORED)
    positions = torch.zeros(3, *shape, dtype=torch.long)
    # Padding is a segment of its own, which nothing else sees.
    segments = torch.full(shape, -1)
    for row, (group, length) in enumerate(zip(groups, lengths, strict=True)):
        start = len(group.prefix.ids)
        following = int(group.prefix.positions.max()) + 1
        ids[row, :start] = torch.tensor(group.prefix.ids)
        positions[:, row, :start] = group.prefix.positions
        segments[row, :start] = 0
        for number, branch in enumerate(group.branches, 1):
            end = start + len(branch.ids)
            ids[row, start:end] = torch.tensor(branch.ids)
            labels[row, start + 1 : end] = torch.tensor(branch.labels[1:])
            positions[:, row, start:end] = following + torch.arange(len(branch.ids))
            segments[row, start:end] = number
            start = end
        assert start == length
    return {
        "input_ids": ids.to(device),
        "position_ids": positions.to(device),
        "attention_mask": _mask(segments.to(device), dtype) if shared else (segments >= 0).long().to(device),
        "labels": labels.to(device),
        "pixel_values_videos": torch.cat([group.video.pixels for group in groups]).to(device, dtype),
        "video_grid_thw": torch.cat([group.video.grid for group in groups]).to(device),
    }


def scored(values: torch.Tensor, labels: torch.Tensor, groups: Sequence[Group]) -> list[torch.Tensor]:
    """Of `values` `(groups, tokens - 1)`, whose column t belongs to the token at t + 1, those of each branch's scored tokens."""
    counts = [sum(label != IGNORED for label in branch.labels[1:]) for group in groups for branch in group.branches]
    return list(values[labels[:, 1:] != IGNORED].split(counts))


def packable(config: Any) -> str | None:
    """Why a model cannot be given groups, None if it can: branches are hidden from each other by a mask over pairs of tokens."""
    kernel = config._attn_implementation
    if kernel not in ("sdpa", "eager"):
        return f"attention {kernel} takes no mask over pairs of tokens"
    kinds = set(getattr(config.get_text_config(), "layer_types", None) or ["full_attention"]) - {"full_attention"}
    return f"layers with {', '.join(sorted(kinds))}" if kinds else None


def _mask(segments: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """0 where a token sees another: an earlier one of the prefix or of its own branch. Added, so right in every kernel."""
    tokens = segments.shape[1]
    earlier = torch.ones(tokens, tokens, dtype=torch.bool, device=segments.device).tril()
    own = segments[:, :, None] == segments[:, None, :]
    seen = earlier & (own | (segments[:, None, :] == 0))
    return torch.zeros(seen.shape, dtype=dtype, device=segments.device).masked_fill(~seen, torch.finfo(dtype).min)[:, None]
