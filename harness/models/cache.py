"""A key-value cache that can be repeated for many rows and grows without copying itself at every token."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn.functional import pad
from transformers import Cache
from transformers.cache_utils import DynamicLayer

ROOM = 256
"""Tokens reserved whenever the memory is full. `DynamicLayer` copies the whole cache for each new token instead."""


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's keys and values, `(rows, heads, tokens, width)`: views of a memory with room at its end."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self.memory: list[torch.Tensor] = []

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append `(rows, heads, new tokens, width)` and return everything so far."""
        begin = self.get_seq_length()
        end = begin + key_states.shape[-2]
        if not self.memory or end > self.memory[0].shape[-2]:
            self.memory = [self._larger(new, old, end) for new, old in ((key_states, self.keys), (value_states, self.values))]
            self.dtype, self.device, self.is_initialized = key_states.dtype, key_states.device, True
        for memory, states in zip(self.memory, (key_states, value_states), strict=True):
            memory[:, :, begin:end] = states
        self.keys, self.values = (memory[:, :, :end] for memory in self.memory)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep only some rows."""
        length = self.get_seq_length()
        # The layers of a model that is spread over GPUs lie on several.
        self.memory = [memory[indices.to(memory.device)] for memory in self.memory]
        self.keys, self.values = (memory[:, :, :length] for memory in self.memory)

    def fill(self, rows: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Start with rows of keys and values, `(heads, tokens, width)` each; shorter ones get zeros on their left."""
        length = max(keys.shape[-2] for keys, _ in rows)
        self.memory = []
        for states in zip(*rows, strict=True):
            heads, _, width = states[0].shape
            memory = states[0].new_zeros(len(rows), heads, length + ROOM, width)
            for row, state in zip(memory, states, strict=True):
                row[:, length - state.shape[-2] : length] = state
            self.memory.append(memory)
        self.dtype, self.device, self.is_initialized = self.memory[0].dtype, self.memory[0].device, True
        self.keys, self.values = (memory[:, :, :length] for memory in self.memory)

    @staticmethod
    def _larger(new: torch.Tensor, old: torch.Tensor | None, end: int) -> torch.Tensor:
        memory = new.new_empty(*new.shape[:2], end + ROOM, new.shape[-1])
        if old is not None:
            memory[:, :, : old.shape[-2]] = old
        return memory


def empty() -> Cache:
    """A cache for text towers in which every layer sees every token."""
    return Cache(layer_class_to_replicate=RoomyLayer)


def repeat(prefix: Cache, sources: Sequence[int]) -> Cache:
    """A cache whose rows start as copies of these rows of `prefix`, which stays as it is."""
    cache = empty()
    layers: list[Any] = prefix.layers
    for index, layer in enumerate(layers):
        rows = torch.tensor(sources, device=layer.keys.device)
        cache.update(layer.keys[rows], layer.values[rows], index)
    return cache


def join(rows: Sequence[tuple[Cache, int]]) -> Cache:
    """A cache whose rows start as copies of these rows of others; shorter ones get zeros on the left, for a mask to hide."""
    cache, depth = empty(), len(rows[0][0].layers)
    for index in range(depth):
        layers: list[tuple[Any, int]] = [(source.layers[index], row) for source, row in rows]
        cache.layers.append(layer := RoomyLayer())
        layer.fill([(one.keys[row], one.values[row]) for one, row in layers])
    return cache


def beside(rows: Sequence[Cache]) -> Cache:
    """Caches of a row each as one, of any kind of layer; the first is changed, the others are read.

    Keys and values of shorter rows get zeros on the left, for a mask to hide. A window ends at the newest token, and the state of
    linear attention has no length, so that both are right wherever a row begins.
    """
    joint: list[Any] = rows[0].layers
    for index, layer in enumerate(joint):
        others: list[Any] = [row.layers[index] for row in rows]
        if getattr(layer, "keys", None) is not None:
            width = max(one.keys.shape[-2] for one in others)
            padded = [[pad(states, (0, 0, width - states.shape[-2], 0)) for states in (one.keys, one.values)] for one in others]
            layer.keys, layer.values = (torch.cat(states) for states in zip(*padded, strict=True))
        if hasattr(layer, "cumulative_length"):
            layer.cumulative_length = max(one.cumulative_length for one in others)
        for name in ("conv_states", "recurrent_states"):
            for place, state in getattr(layer, name, {}).items():
                if state is not None:
                    getattr(layer, name)[place] = torch.cat([getattr(one, name)[place] for one in others])
    return rows[0]


def token_bytes(cache: Cache) -> dict[torch.device, float]:
    """Bytes that one token of one row takes on each device."""
    sizes: dict[torch.device, float] = {}
    layers: list[Any] = [layer for layer in cache.layers if getattr(layer, "keys", None) is not None]
    for layer in layers:
        rows, _, tokens, _ = layer.keys.shape
        share = (layer.keys.nbytes + layer.values.nbytes) / (rows * tokens)
        sizes[layer.keys.device] = sizes.get(layer.keys.device, 0.0) + share
    return sizes


@functools.cache
def keyword(forward: Callable[..., Any]) -> str:
    """What the `forward` of a class of models calls its cache: `cache` from transformers 5.24 on, `past_key_values` before."""
    return "cache" if "cache" in inspect.signature(forward).parameters else "past_key_values"
