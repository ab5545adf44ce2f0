"""Greedy (or seeded) generation for prompts that share prefixes: a prefix is computed once, its cache repeated."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast

import torch
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    Cache,
    LogitsProcessor,
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from harness.models import cache as caches
from harness.models.spread import home


class Row(NamedTuple):
    """One prompt: token ids, and `(3, tokens)` rotary positions."""

    ids: list[int]
    positions: torch.Tensor


class Output(NamedTuple):
    """One reply: its token ids with the end token, and whether the length limit ended it.

    `logprobs` are, with a temperature, those of each new token at that temperature, before anything is excluded.
    """

    ids: list[int]
    truncated: bool
    logprobs: tuple[float, ...] = ()


class Prefix(NamedTuple):
    """What was computed once for many rows: a row of the cache each, mask `(prefixes, tokens)`, 0 on the left, and lengths."""

    cache: Cache
    mask: torch.Tensor
    lengths: tuple[int, ...]


SUPPRESSED = ("<|vision_start|>", "<|vision_end|>", "<|video_pad|>", "<|image_pad|>")


@dataclass(frozen=True)
class Rules:
    """How tokens are chosen: at temperature 0 the most probable one; the repetition penalty counts the prompt, as transformers'.

    `stop` ids end a reply; `suppress` ids are never chosen (visual placeholders break the model's bookkeeping). With a
    temperature, the random numbers of a reply follow from the seed and its own prompt, not from its batch.
    """

    max_new_tokens: int
    stop: frozenset[int]
    suppress: tuple[int, ...] = ()
    temperature: float = 0.0
    repetition_penalty: float = 1.0
    top_p: float = 1.0
    seed: int = 0


def rules_of(model: Any, processor: Any, **values: Any) -> Rules:
    """Rules with the stops of a checkpoint and without its visual placeholders; `values` are the other fields of `Rules`."""
    stop = model.generation_config.eos_token_id
    suppress = tuple(processor.tokenizer.convert_tokens_to_ids(list(SUPPRESSED)))
    return Rules(stop=frozenset([stop] if isinstance(stop, int) else stop), suppress=suppress, **values)


def shared_length(rows: Sequence[Row]) -> int:
    """Length of the longest common prefix that leaves every row at least one token."""
    limit = min(len(row.ids) for row in rows) - 1
    low, high = rows[0].ids, rows[0].ids
    for row in rows:
        low, high = min(low, row.ids), max(high, row.ids)
    return next((index for index in range(limit) if low[index] != high[index]), limit)


@torch.no_grad()
def prefill(model: Any, rows: Sequence[Row], lengths: Sequence[int], video: Any) -> Prefix:
    """Compute the first tokens of some rows, which contain their whole videos; `video` is what the vision tower gave."""
    cut = [Row(row.ids[:length], row.positions[:, :length]) for row, length in zip(rows, lengths, strict=True)]
    ids, positions, mask = _pad(cut, home(model))
    cache = caches.empty()
    _forward(model, ids, positions, _needed(mask), cache, {"mm_encoder_outputs": {"video": video}})
    return Prefix(cache, mask, tuple(lengths))


@torch.no_grad()
def generate(
    model: Any,
    rows: Sequence[Row],
    rules: Rules,
    prefix: Prefix | Sequence[Prefix] | None,
    video: Any,
    sources: Sequence[int] | None = None,
    seeds: Sequence[int] | None = None,
) -> list[Output]:
    """Replies to whole prompts in one batch.

    Without a prefix every row is computed whole, with the vision tower's output, which is read only then. `sources` tells which
    prefix each row continues, where there are several, in one cache or in one after the other; `seeds` gives each row one where
    the same prompt stands several times.
    """
    origin = list(sources) if sources is not None else [0] * len(rows)
    cache, ids, positions, mask, extra = _start(model, rows, prefix, origin, video)
    seen = _history(rows, home(model))
    processors = _processors(rules, home(model))
    draws = _generators(rows, seeds or [rules.seed] * len(rows), home(model)) if rules.temperature else []
    replies: list[list[int]] = [[] for _ in rows]
    logprobs: list[list[float]] = [[] for _ in rows]
    active = list(range(len(rows)))
    following = torch.tensor([int(row.positions.max()) + 1 for row in rows], device=home(model))
    logits = _forward(model, ids, positions, _needed(mask) if prefix is None else mask, cache, extra)
    for step in range(rules.max_new_tokens):
        chosen = _choose(processors(seen, logits), [draws[row] for row in active] if draws else [])
        if draws:
            believed = (logits / rules.temperature).log_softmax(-1).gather(1, chosen[:, None])[:, 0]
            for row, value in zip(active, believed.tolist(), strict=True):
                logprobs[row].append(value)
        for row, token in zip(active, chosen.tolist(), strict=True):
            replies[row].append(token)
        keep = [index for index, row in enumerate(active) if replies[row][-1] not in rules.stop]
        if not keep or step + 1 == rules.max_new_tokens:
            break
        if len(keep) < len(active):
            kept = torch.tensor(keep, device=home(model))
            cache.batch_select_indices(kept)
            active = [active[index] for index in keep]
            chosen, mask, seen = chosen[kept], mask[kept], seen[kept]
        mask = torch.cat([mask, mask.new_ones(len(active), 1)], dim=1)
        seen = torch.cat([seen, chosen[:, None]], dim=1)
        positions = (following[active] + step)[None, :, None].expand(3, -1, 1)
        logits = _forward(model, chosen[:, None], positions, mask, cache, {})
    return [Output(reply, reply[-1] not in rules.stop, tuple(values)) for reply, values in zip(replies, logprobs, strict=True)]


class Chosen(LogitsProcessor):
    """Leaves, for `generate`, nothing but the token that the rules choose for each row; its random numbers as here."""

    def __init__(self, rows: Sequence[Row], rules: Rules, device: Any) -> None:
        self._processors = _processors(rules, device)
        self._draws = _generators(rows, [rules.seed] * len(rows), device) if rules.temperature else []

    def __call__(self, seen: Any, scores: Any) -> Any:
        """Scores `(rows, vocabulary)` that are minus infinity but for one token."""
        chosen = _choose(self._processors(seen, scores), self._draws)
        return torch.full_like(scores, -torch.inf).scatter(1, chosen[:, None], 0.0)


def _start(
    model: Any, rows: Sequence[Row], prefix: Prefix | Sequence[Prefix] | None, origin: Sequence[int], video: Any
) -> tuple[Cache, torch.Tensor, torch.Tensor, torch.Tensor, dict[str, Any]]:
    """Cache, ids, positions, mask and further arguments of the first pass: what follows the prefix, or whole rows."""
    if prefix is None:
        ids, positions, mask = _pad(rows, home(model))
        return caches.empty(), ids, positions, mask, {"mm_encoder_outputs": {"video": _repeat_video(video, len(rows))}}
    joint = _continued(prefix, origin)
    starts = joint.lengths
    rest = [Row(row.ids[start:], row.positions[:, start:]) for row, start in zip(rows, starts, strict=True)]
    ids, positions, tail = _pad(rest, home(model))
    return joint.cache, ids, positions, torch.cat([joint.mask, tail], dim=1), {}


def _continued(prefix: Prefix | Sequence[Prefix], origin: Sequence[int]) -> Prefix:
    """A copy of the prefix that each row continues, in one cache."""
    if isinstance(prefix, Prefix):
        lengths = tuple(prefix.lengths[source] for source in origin)
        return Prefix(caches.repeat(prefix.cache, origin), prefix.mask[origin], lengths)
    every = [(one, row) for one in prefix for row in range(len(one.lengths))]
    rows = [every[source] for source in origin]
    width = max(one.mask.shape[1] for one, _ in rows)
    mask = torch.stack([pad(one.mask[row], (width - one.mask.shape[1], 0)) for one, row in rows])
    return Prefix(caches.join([(one.cache, row) for one, row in rows]), mask, tuple(one.lengths[row] for one, row in rows))


def _forward(model: Any, ids: Any, positions: Any, mask: Any, cache: Cache, extra: dict[str, Any]) -> torch.Tensor:
    kept = {caches.keyword(type(model).forward): cache, "use_cache": True, "logits_to_keep": 1}
    output = model(input_ids=ids, position_ids=positions, attention_mask=mask, **kept, **extra)
    return cast(torch.Tensor, output.logits[:, -1].float())


def _repeat_video(video: Any, count: int) -> Any:
    """The vision tower's output for `count` copies of one video, which share memory."""
    repeated: dict[str, Any] = {"pooler_output": tuple(video.pooler_output) * count}
    if hasattr(video, "deepstack_features"):
        repeated["deepstack_features"] = [tuple(feature) * count for feature in video.deepstack_features]
    return type(video)(**repeated)


def _pad(rows: Sequence[Row], device: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows padded on the left: ids `(rows, width)`, positions `(3, rows, width)`, mask `(rows, width)`."""
    padded = partial(pad_sequence, batch_first=True, padding_side="left")
    ids = padded([torch.tensor(row.ids) for row in rows])
    positions = padded([row.positions.cpu().T for row in rows]).permute(2, 0, 1)
    mask = padded([torch.ones(len(row.ids), dtype=torch.long) for row in rows])
    return ids.to(device), positions.to(device), mask.to(device)


def _needed(mask: torch.Tensor) -> torch.Tensor | None:
    """The mask, if there is anything to hide: without one the attention kernels can use their causal path."""
    return None if bool(mask.all()) else mask


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


def _generators(rows: Sequence[Row], seeds: Sequence[int], device: Any) -> list[torch.Generator]:
    digests = [hashlib.sha256(f"{seed} {row.ids}".encode()).digest() for row, seed in zip(rows, seeds, strict=True)]
    return [torch.Generator(device=device).manual_seed(int.from_bytes(digest[:8], "little") >> 1) for digest in digests]
