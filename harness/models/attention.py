"""Attention of each tower without a mask over pairs of tokens: texts that share a prefix, and the windows of a video.

transformers calls attention functions by name and hands them what a model's `forward` was given beyond its own arguments. The two
functions here are its sdpa for everything else, so that generation, evaluation and ordinary rows compute what they did before.
"""

import functools
import inspect
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention as sdpa
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

Branches = Sequence[Sequence[int]]
"""Of each group in a row, one after the other: the tokens of its prefix, then those of each of its branches."""

BRANCHED = "sdpa_over_branches"  # Of the text tower; `branches=...` among the model's arguments says where
WINDOWED = "sdpa_called_as_flash"
"""Of the vision tower: by "flash" in the name, its layers hand over all windows in one call, with their bounds."""

Found = tuple[torch.Tensor, None]  # `(rows, tokens, heads, width)`, and no weights


def branched(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    branches: Branches | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **options: Any,
) -> Found:
    """Attention in which each branch sees its prefix and itself: the prefix is causal, a branch continues it.

    Args:
        module: The layer that calls.
        query: `(1, heads, tokens, width)`; keys and values may have fewer heads.
        key: As long as `query`.
        value: As long as `query`.
        attention_mask: Read where there are no `branches` only.
        branches: How the row is divided; None for an ordinary one.
        scaling: Of the products of queries and keys.
        dropout: Share of weights that are dropped.
        options: What else transformers' sdpa takes.
    """
    if branches is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **options)
    how = {"dropout_p": dropout, "scale": scaling, "enable_gqa": query.shape[1] != key.shape[1]}
    parts, start = list[torch.Tensor](), 0
    for prefix, *lengths in branches:
        if len(lengths) == 1:
            prefix, lengths = prefix + lengths[0], []
        begin, start = start, start + prefix
        shared = key[:, :, begin:start], value[:, :, begin:start]
        parts.append(sdpa(query[:, :, begin:start], *shared, is_causal=True, **how))
        for length in lengths:
            own = slice(start, start + length)
            seen = [torch.cat([first, whole[:, :, own]], 2) for first, whole in zip(shared, (key, value), strict=True)]
            later = _later(length, prefix, max(lengths), query)
            parts.append(sdpa(query[:, :, own], *seen, attn_mask=later, **how))
            start += length
    return torch.cat(parts, 2).transpose(1, 2).contiguous(), None


def _later(length: int, prefix: int, longest: int, query: torch.Tensor) -> torch.Tensor:
    """Hides from the tokens of a branch what comes after them; aligned at the right end, as its keys begin with the prefix.

    On a GPU nothing is stored. On a CPU, where it is, one mask serves all branches and layers.
    """
    if query.device.type != "cpu":
        return causal_lower_right(length, prefix + length)
    return _stored(prefix, longest, query.dtype)[:length, : prefix + length]


@functools.lru_cache(maxsize=2)
def _stored(prefix: int, length: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.full((length, prefix + length), -torch.inf, dtype=dtype).triu(prefix + 1)


def windowed(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    cu_seq_lens_q: torch.Tensor | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **options: Any,
) -> Found:
    """Attention inside windows: one call for all of the same length, where sdpa's own loop has one for each.

    Args:
        module: The layer that calls.
        query: `(1, heads, tokens, width)`, as are keys and values.
        key: As `query`.
        value: As `query`.
        attention_mask: None.
        cu_seq_lens_q: `(windows + 1)` bounds of the windows; None for one over all.
        scaling: Of the products of queries and keys.
        dropout: Share of weights that are dropped.
        options: What else transformers' sdpa takes.
    """
    if cu_seq_lens_q is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **options)
    places = list(_by_length(cu_seq_lens_q.tolist()))
    parts = []
    for place in places:
        windows = (states[0, :, place.to(states.device)].transpose(0, 1) for states in (query, key, value))
        parts.append(sdpa(*windows, dropout_p=dropout, scale=scaling).transpose(1, 2).flatten(0, 1))
    order = torch.cat([place.flatten() for place in places]).argsort().to(query.device)
    return torch.cat(parts)[order][None], None


def _by_length(bounds: Sequence[int]) -> Iterator[torch.Tensor]:
    """Places `(windows, tokens)` of the tokens of all windows of one length, for each length."""
    found: dict[int, list[int]] = {}
    for begin, end in pairwise(bounds):
        found.setdefault(end - begin, []).append(begin)
    for length, begins in found.items():
        yield torch.tensor(begins)[:, None] + torch.arange(length)


AttentionInterface.register(BRANCHED, branched)
AttentionInterface.register(WINDOWED, windowed)
AttentionMaskInterface.register(BRANCHED, sdpa_mask)


def by_windows(model: Any) -> None:
    """Let the vision tower of a model under sdpa compute its windows together, where it has any."""
    tower = getattr(model.model, "visual", None)
    inside = [] if tower is None else [block.attn for block in getattr(tower, "blocks", []) if hasattr(block, "attn")]
    takes_bounds = bool(inside) and "cu_seqlens" in inspect.signature(type(inside[0]).forward).parameters
    if takes_bounds and tower.config._attn_implementation == "sdpa":
        tower.config._attn_implementation = WINDOWED


def by_tower(model: Any) -> None:
    """Also let its text tower take `branches`, if it computes with sdpa or a flash kernel."""
    by_windows(model)
    text = model.config.get_text_config()
    if text._attn_implementation == "sdpa" or "flash" in text._attn_implementation:
        text._attn_implementation = BRANCHED
