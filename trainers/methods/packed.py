"""Sequences that share a prompt as one row: the prompt stands once, every continuation sees the prompt and itself.

A group lies in a row as `prefix, branch 1, ..., branch G`. A branch starts with the last token of its prompt, so that each of its
tokens is predicted by the token before it, as in an ordinary row, and the fused head of TRL reads packed rows as they are.
Rotary positions restart after the prefix. Exact under activation checkpointing, which drops a prefix cache.

There are three layouts, see `LAYOUTS`, which give the same log-probabilities; `cheapest` says which of them takes the least time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partialmethod
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from torch.distributed.tensor import DTensor, Partial

from harness.models import attention
from harness.models.generate import Row
from harness.models.prompt import Video

IGNORED = -100  # Label of a token that is not scored
LAYOUTS = ("repeated", "mask", "branches")
"""Of groups: the prompt repeated in an ordinary row for each branch, for any model and kernel; a row each, under a mask over
pairs of tokens; all in one row, without mask and padding, whose attention `harness.models.attention` computes by branches."""

MASKED = 1.7
"""Time of causal attention under a mask, which skips no pair of tokens, beside the time without one, on a CPU."""

CALL = 5e6
"""Weights of a layer whose product with one token takes as long as what attention over one more branch adds, on a CPU."""


class Prices(NamedTuple):
    """What attention takes in one layer, in the time of a token's products with its weights."""

    pair: float  # A token and one that it sees
    call: float  # One more branch


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


def chunks(prompts: Sequence[Any], most_rows: int) -> list[list[list[int]]]:
    """Rows by the prompt that they share, in chunks of at most `most_rows` rows; a group is never cut."""
    groups: dict[Any, list[int]] = {}
    for index, prompt in enumerate(prompts):
        groups.setdefault(prompt, []).append(index)
    found: list[list[list[int]]] = []
    for group in groups.values():
        if not found or sum(map(len, found[-1])) + len(group) > most_rows:
            found.append([])
        found[-1].append(group)
    return found


def apart(groups: Sequence[Group]) -> list[Group]:
    """A group of one branch for each branch: the prompt repeated."""
    return [replace(group, branches=[branch]) for group in groups for branch in group.branches]


def pack(groups: Sequence[Group], dtype: torch.dtype, device: torch.device, layout: str = "mask") -> dict[str, Any]:
    """Keyword arguments of a Qwen-VL model in one of `LAYOUTS`; rows are padded on the right.

    Returns:
        `input_ids` and `labels` `(rows, tokens)`, `position_ids` `(3, rows, tokens)`, the videos, and `attention_mask`
        `(rows, tokens)`, 0 on padding, or where a prompt is shared under a mask `(rows, 1, tokens, tokens)`, added to the
        attention scores. Of `branches` their `lengths`.
    """
    groups = apart(groups) if layout == "repeated" else groups
    rows = [list(groups)] if layout == "branches" else [[group] for group in groups]
    shape = (len(rows), max(sum(map(tokens, row)) for row in rows))
    ids = torch.zeros(shape, dtype=torch.long)
    labels = torch.full(shape, IGNORED)
    positions = torch.zeros(3, *shape, dtype=torch.long)
    # Padding is a segment of its own, which nothing else sees.
    segments = torch.full(shape, -1)
    for row, members in enumerate(rows):
        begin = 0
        for group in members:
            start = begin + len(group.prefix.ids)
            following = int(group.prefix.positions.max()) + 1
            ids[row, begin:start] = torch.tensor(group.prefix.ids)
            positions[:, row, begin:start] = group.prefix.positions
            segments[row, begin:start] = 0
            for number, branch in enumerate(group.branches, 1):
                end = start + len(branch.ids)
                ids[row, start:end] = torch.tensor(branch.ids)
                labels[row, start + 1 : end] = torch.tensor(branch.labels[1:])
                positions[:, row, start:end] = following + torch.arange(len(branch.ids))
                segments[row, start:end] = number
                start = end
            begin = start
    masked = layout == "mask" and any(len(group.branches) > 1 for group in groups)
    return {
        "input_ids": ids.to(device),
        "position_ids": positions.to(device),
        "attention_mask": _mask(segments.to(device), dtype) if masked else (segments >= 0).long().to(device),
        "labels": labels.to(device),
        "pixel_values_videos": torch.cat([group.video.pixels for group in groups]).to(device, dtype),
        "video_grid_thw": torch.cat([group.video.grid for group in groups]).to(device),
        **({"branches": [lengths(group) for group in groups]} if layout == "branches" else {}),
    }


def lengths(group: Group) -> list[int]:
    """Tokens of the prefix of a group, then of each of its branches."""
    return [len(group.prefix.ids), *(len(branch.ids) for branch in group.branches)]


def tokens(group: Group) -> int:
    """Tokens of a group, its prefix once."""
    return sum(lengths(group))


def scored(values: torch.Tensor, labels: torch.Tensor, groups: Sequence[Group]) -> list[torch.Tensor]:
    """Of `values` `(groups, tokens - 1)`, whose column t belongs to the token at t + 1, those of each branch's scored tokens."""
    counts = [sum(label != IGNORED for label in branch.labels[1:]) for group in groups for branch in group.branches]
    return list(values[labels[:, 1:] != IGNORED].split(counts))


def layouts(config: Any) -> tuple[str, ...]:
    """The layouts that a model can be given."""
    kernel = config.get_text_config()._attn_implementation
    if packable(config) is not None:
        return LAYOUTS[:1]
    return LAYOUTS if kernel == attention.BRANCHED else LAYOUTS[:2]


def packable(config: Any) -> str | None:
    """Why a model cannot be given groups, None if it can: branches are hidden from each other."""
    text = config.get_text_config()
    kernel = text._attn_implementation
    if kernel not in ("sdpa", "eager", attention.BRANCHED):
        return f"attention {kernel} takes no mask over pairs of tokens"
    kinds = set(getattr(text, "layer_types", None) or ["full_attention"]) - {"full_attention"}
    return f"layers with {', '.join(sorted(kinds))}" if kinds else None


def prices(config: Any) -> Prices:
    """The prices of a model's text tower, from its shape."""
    text = config.get_text_config()
    width, heads, shared = text.hidden_size, text.num_attention_heads, text.num_key_value_heads
    head = getattr(text, "head_dim", None) or width // heads
    experts = getattr(text, "num_experts_per_tok", None)
    inner = experts * text.moe_intermediate_size if experts else text.intermediate_size
    weights = 2 * width * head * (heads + shared) + 3 * width * inner
    return Prices(2 * heads * head / weights, CALL / weights)


def cheapest(groups: Sequence[Sequence[int]], possible: Sequence[str], prices: Prices) -> str:
    """The layout that takes the least time, by what was measured (`tests/benchmarks/loss_by_layout.py`); the first of equals.

    Args:
        groups: The `lengths` of each.
        possible: Layouts that the model can be given.
        prices: Of the model.
    """

    def cost(layout: str) -> float:
        if layout == "branches":
            seen = sum(prefix**2 / 2 + sum(n * (prefix + n / 2) for n in rest) for prefix, *rest in groups)
            return sum(map(sum, groups)) + prices.pair * seen + prices.call * sum(map(len, groups))
        rows = [sum(group) for group in groups] if layout == "mask" else [first + n for first, *rest in groups for n in rest]
        return len(rows) * (max(rows) + prices.pair * max(rows) ** 2 / 2 * (MASKED if layout == "mask" else 1))

    return min(possible, key=cost)


def _mask(segments: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """0 where a token sees another: an earlier one of the prefix or of its own branch. Added, so right in every kernel.

    Made in place, row by row, since nothing else takes as much memory; in the dtype that attention computes with.
    """
    kind, (rows, tokens) = segments.device.type, segments.shape
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
    made = torch.zeros(rows, 1, tokens, tokens, dtype=dtype, device=segments.device)
    for row, mask in zip(segments, made, strict=True):
        mask.masked_fill_((row[:, None] == row).logical_or_(row == 0).tril_().logical_not_(), torch.finfo(dtype).min)
    return made


@contextmanager
def averaged_head() -> Iterator[None]:
    """Within, gathering a shared weight averages its gradient over processes, as FSDP2 does with all other gradients.

    TRL 1.16 multiplies by the head's weight itself, outside of the module that FSDP2 watches, and gathers it by `full_tensor()`.
    That takes its gradient for the same everywhere: each process would keep its own, in its own part of the rows.
    """
    whole = partialmethod(DTensor.full_tensor, grad_placements=[Partial("avg")])
    with patch.object(DTensor, "full_tensor", whole):
        yield
