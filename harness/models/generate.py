"""Greedy (or seeded) generation for prompts that share a prefix: the prefix is computed once, its cache repeated."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from transformers import (
    Cache,
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from harness.models import cache as caches


class Row(NamedTuple):
    """One prompt.

    Attributes:
        ids: Token ids.
        positions: `(3, tokens)` rotary positions.
    """

    ids: list[int]
    positions: torch.Tensor


class Output(NamedTuple):
    """One reply.

    Attributes:
        ids: New token ids, the end token included.
        truncated: Whether the length limit ended it.
    """

    ids: list[int]
    truncated: bool


@dataclass(frozen=True)
class Rules:
    """How tokens are chosen.

    Attributes:
        max_new_tokens: Length limit.
        stop: Ids that end a reply.
        suppress: Ids that are never chosen (visual placeholders break the model's bookkeeping).
        temperature: 0 for the most probable token.
        repetition_penalty: 1 for none; counts the prompt, as transformers does.
        top_p: With a temperature, share of the probability that is drawn from.
        seed: With a temperature, each reply's random numbers follow from this and its own prompt, not from its batch.
    """

    max_new_tokens: int
    stop: frozenset[int]
    suppress: tuple[int, ...] = ()
    temperature: float = 0.0
    repetition_penalty: float = 1.0
    top_p: float = 1.0
    seed: int = 0


def shared_length(rows: Sequence[Row]) -> int:
    """Length of the longest common prefix that leaves every row at least one token."""
    limit = min(len(row.ids) for row in rows) - 1
    low, high = rows[0].ids, rows[0].ids
    for row in rows:
        low, high = min(low, row.ids), max(high, row.ids)
    return next((index for index in range(limit) if low[index] != high[index]), limit)


@torch.inference_mode()
def prefill(model: Any, row: Row, length: int, video: Any) -> Cache:
    """The key-value cache (batch 1) of a row's first tokens, which contain the whole video.

    Args:
        model: The checkpoint.
        row: Any of the prompts that share the prefix.
        length: Tokens of the prefix.
        video: Output of the vision tower.
    """
    cache = caches.empty()
    model(
        input_ids=torch.tensor([row.ids[:length]], device=model.device),
        position_ids=row.positions[:, None, :length].to(model.device),
        mm_encoder_outputs={"video": video},
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return cache


@torch.inference_mode()
def generate(model: Any, rows: Sequence[Row], rules: Rules, prefix: Cache | None, video: Any) -> list[Output]:
    """Replies to prompts in one batch.

    Args:
        model: The checkpoint.
        rows: Whole prompts.
        rules: How tokens are chosen.
        prefix: Cache of the first tokens that all rows share, from `prefill`; None computes every row whole.
        video: Output of the vision tower; read only without a prefix.
    """
    start = 0 if prefix is None else prefix.get_seq_length()
    cache = caches.empty() if prefix is None else caches.repeat(prefix, len(rows))
    ids, positions, mask = _pad(rows, start, model.device)
    seen = _history(rows, model.device)
    processors = _processors(rules, model.device)
    draws = [_generator(row, rules.seed, model.device) for row in rows] if rules.temperature else []
    replies: list[list[int]] = [[] for _ in rows]
    active = list(range(len(rows)))
    following = torch.tensor([int(row.positions.max()) + 1 for row in rows], device=model.device)
    # Nothing to hide: without a mask the attention kernels can use their causal path.
    attention = None if prefix is None and bool(mask.all()) else mask
    extra = {"mm_encoder_outputs": {"video": _repeat_video(video, len(rows))}} if prefix is None else {}
    logits = _forward(model, ids, positions, attention, cache, extra)
    for step in range(rules.max_new_tokens):
        chosen = _choose(processors(seen, logits), [draws[row] for row in active] if draws else [])
        for row, token in zip(active, chosen.tolist(), strict=True):
            replies[row].append(token)
        keep = [index for index, row in enumerate(active) if replies[row][-1] not in rules.stop]
        if not keep or step + 1 == rules.max_new_tokens:
            break
        if len(keep) < len(active):
            kept = torch.tensor(keep, device=model.device)
            cache.batch_select_indices(kept)
            active = [active[index] for index in keep]
            chosen, mask, seen = chosen[kept], mask[kept], seen[kept]
        mask = torch.cat([mask, mask.new_ones(len(active), 1)], dim=1)
        seen = torch.cat([seen, chosen[:, None]], dim=1)
        positions = (following[active] + step)[None, :, None].expand(3, -1, 1)
        logits = _forward(model, chosen[:, None], positions, mask, cache, {})
    return [Output(reply, reply[-1] not in rules.stop) for reply in replies]


def _forward(model: Any, ids: Any, positions: Any, mask: Any, cache: Cache, extra: dict[str, Any]) -> torch.Tensor:
    output = model(
        input_ids=ids,
        position_ids=positions,
        attention_mask=mask,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
        **extra,
    )
    logits: torch.Tensor = output.logits[:, -1].float()
    return logits


def _repeat_video(video: Any, count: int) -> Any:
    """The vision tower's output for `count` copies of one video, which share memory."""
    repeated: dict[str, Any] = {"pooler_output": tuple(video.pooler_output) * count}
    if hasattr(video, "deepstack_features"):
        repeated["deepstack_features"] = [tuple(feature) * count for feature in video.deepstack_features]
    return type(video)(**repeated)


def _pad(rows: Sequence[Row], start: int, device: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What follows the prefix, padded on the left: ids `(rows, width)`, positions `(3, rows, width)`, mask over all keys."""
    width = max(len(row.ids) for row in rows) - start
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    positions = torch.zeros(3, len(rows), width, dtype=torch.long)
    mask = torch.ones(len(rows), start + width, dtype=torch.long)
    for index, row in enumerate(rows):
        gap = start + width - len(row.ids)
        ids[index, gap:] = torch.tensor(row.ids[start:])
        positions[:, index, gap:] = row.positions[:, start:].cpu()
        mask[index, start : start + gap] = 0
    return ids.to(device), positions.to(device), mask.to(device)


def _history(rows: Sequence[Row], device: Any) -> torch.Tensor:
    """Whole prompts for the repetition penalty, filled up with a token of their own, so that padding is not penalized."""
    width = max(len(row.ids) for row in rows)
    return torch.tensor([[row.ids[0]] * (width - len(row.ids)) + row.ids for row in rows], device=device)


def _processors(rules: Rules, device: Any) -> Any:
    processors = LogitsProcessorList()
    if rules.repetition_penalty != 1.0:
        processors.append(RepetitionPenaltyLogitsProcessor(penalty=rules.repetition_penalty))
    if rules.suppress:
        processors.append(SuppressTokensLogitsProcessor(list(rules.suppress), device=device))
    if rules.temperature:
        processors.append(TemperatureLogitsWarper(rules.temperature))
        if rules.top_p < 1.0:
            processors.append(TopPLogitsWarper(rules.top_p))
    return processors


def _choose(scores: torch.Tensor, draws: list[torch.Generator]) -> torch.Tensor:
    if not draws:
        return scores.argmax(dim=-1)
    rows = [torch.multinomial(score.softmax(-1), 1, generator=draw) for score, draw in zip(scores, draws, strict=True)]
    return torch.cat(rows)


def _generator(row: Row, seed: int, device: Any) -> torch.Generator:
    digest = hashlib.sha256(f"{seed} {row.ids}".encode()).digest()
    return torch.Generator(device=device).manual_seed(int.from_bytes(digest[:8], "little") >> 1)
