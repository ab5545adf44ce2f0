"""Replies through `generate` of any family: what prompts share is computed once, and several are continued together."""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
import transformers
from transformers import Cache, LogitsProcessorList

from harness.models import cache as caches
from harness.models.generate import Chosen, Output, Row, Rules
from harness.models.processed import Given
from harness.models.spread import home

_CONFIG: Any = transformers.GenerationConfig


class Start(NamedTuple):
    """What was computed of the first tokens of a prompt, its video among them.

    `offset` `(1, 1)` is by how much the position of a later token differs from its place, where a family counts visual tokens
    in another way (transformers' `rope_deltas`).
    """

    cache: Cache
    length: int
    offset: torch.Tensor | None


def start(model: Any, given: Given, length: int) -> Start:
    """Compute the first `length` tokens of a prompt, which contain its video."""
    shape = given["input_ids"].shape
    beside = {name for name, value in given.items() if torch.is_tensor(value) and value.shape == shape}
    cut = {name: value[:, :length] if name in beside else value for name, value in given.items()}
    cache = _first(model, cut)
    return Start(cache, length, getattr(model.model, "rope_deltas", None))


def whole(model: Any, given: Given, row: Row, rules: Rules) -> Output:
    """The reply to a prompt of which nothing is computed yet."""
    return _outputs(model, given, [row], rules)[0]


def together(model: Any, rows: Sequence[Row], starts: Sequence[Start], rules: Rules) -> list[Output]:
    """Replies to prompts of which this much is computed, in one batch.

    Of each, all but the last token is computed alone; only then are the caches put side by side. So no token is padded on its
    right, and a row is right in windows and under linear attention too.
    """
    cache = caches.beside([_until_last(model, row, start) for row, start in zip(rows, starts, strict=True)])
    if starts[0].offset is not None:
        model.model.rope_deltas = torch.cat([cast(torch.Tensor, one.offset) for one in starts])
    width = max(len(row.ids) for row in rows)
    # The repetition penalty counts what stands here, so padding is a token of the row.
    ids = torch.tensor([[row.ids[0]] * (width - len(row.ids)) + row.ids for row in rows])
    mask = torch.tensor([[0] * (width - len(row.ids)) + [1] * len(row.ids) for row in rows])
    return _outputs(model, {"input_ids": ids, "attention_mask": mask, "past_key_values": cache}, rows, rules)


def _until_last(model: Any, row: Row, start: Start) -> Cache:
    """A cache of its own for a prompt without its last token."""
    cache = copy.deepcopy(start.cache)
    if start.length == len(row.ids) - 1:
        return cache
    if start.offset is not None:
        model.model.rope_deltas = start.offset
    ids = torch.tensor([row.ids[:-1]])
    return _first(model, {"input_ids": ids, "attention_mask": torch.ones_like(ids), "past_key_values": cache})


def _first(model: Any, given: Given) -> Cache:
    """The cache of a prompt; the token that `generate` wants to add is not in it."""
    config = _CONFIG(max_new_tokens=1, do_sample=False, return_dict_in_generate=True)
    return cast(Cache, model.generate(**_placed(model, given), generation_config=config).past_key_values)


@torch.no_grad()
def _outputs(model: Any, given: Given, rows: Sequence[Row], rules: Rules) -> list[Output]:
    config = _CONFIG(max_new_tokens=rules.max_new_tokens, do_sample=False)
    chosen = LogitsProcessorList([Chosen(rows, rules, home(model))])
    made = model.generate(**_placed(model, given), generation_config=config, logits_processor=chosen)
    return [_ended(new, rules) for new in made[:, given["input_ids"].shape[1] :].tolist()]


def _ended(new: Sequence[int], rules: Rules) -> Output:
    """A row up to its first end token; it is filled up where another is longer."""
    length = next((place for place, token in enumerate(new, 1) if token in rules.stop), len(new))
    return Output(list(new[:length]), new[length - 1] not in rules.stop)


def _placed(model: Any, given: Given) -> Given:
    """What floats in the model's dtype, all on its device."""
    return dict(transformers.BatchFeature(given).to(home(model), model.dtype).items())
