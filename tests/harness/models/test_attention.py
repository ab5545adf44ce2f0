"""Attention over branches and inside windows, against one softmax over all pairs of tokens, by hand."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention as sdpa

from harness.models import attention, loading, tiny
from harness.models.checkpoint import Checkpoint
from harness.models.options import Options

BRANCHES = [[[5, 3, 1, 4]], [[7, 2]], [[4], [3, 1, 1], [6, 5]], [[1, 9, 9]], [[2, 3], [2, 3, 4]]]


def states(tokens: int, heads: int, shared: int, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    torch.manual_seed(tokens)
    return [torch.randn(1, count, tokens, 8, dtype=dtype, requires_grad=True) for count in (heads, shared, shared)]


def by_hand(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, seen: torch.Tensor, scale: float) -> torch.Tensor:
    """`(1, tokens, heads, width)` from which token sees which, `(tokens, tokens)`."""
    key, value = (states.repeat_interleave(query.shape[1] // states.shape[1], 1) for states in (key, value))
    scores = (query @ key.transpose(2, 3) * scale).masked_fill(~seen, -torch.inf)
    return (scores.softmax(-1) @ value).transpose(1, 2)


def seen_in(branches: list[list[int]]) -> torch.Tensor:
    """Token by token: earlier ones of its own branch, and of the prefix of its group."""
    places = [(group, number) for group, parts in enumerate(branches) for number, part in enumerate(parts) for _ in range(part)]
    rows = [
        [j <= i and group == other and part in (0, number) for j, (other, part) in enumerate(places)]
        for i, (group, number) in enumerate(places)
    ]
    return torch.tensor(rows)


@pytest.mark.parametrize("branches", BRANCHES)
@pytest.mark.parametrize("shared", [1, 2, 4])
def test_branches_see_their_prefix_and_themselves(branches: list[list[int]], shared: int) -> None:
    given = states(sum(map(sum, branches)), 4, shared)
    found, weights = attention.branched(torch.nn.Module(), *given, None, branches, 0.3)
    expected = by_hand(*given, seen_in(branches), 0.3)
    assert weights is None and (found - expected).abs().max() < 1e-12
    weigh = torch.randn_like(found)
    made, wanted = (torch.autograd.grad((out * weigh).sum(), given, retain_graph=True) for out in (found, expected))
    # Into queries, and into keys and values of branches and prefixes.
    for one, other in zip(made, wanted, strict=True):
        assert (one - other).abs().max() < 1e-12 and other.abs().max() > 0.1


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("prefix", [1, 6])
def test_a_branch_is_aligned_as_on_a_gpu(prefix: int, length: int) -> None:
    """`causal_lower_right` is what a GPU is given, where no mask is stored."""
    query, _, _ = states(length, 2, 2)
    _, key, value = states(prefix + length, 2, 2)
    stored = sdpa(query, key, value, attn_mask=attention._later(length, prefix, length + 3, query))
    assert (stored - sdpa(query, key, value, attn_mask=causal_lower_right(length, prefix + length))).abs().max() < 1e-12


@pytest.mark.parametrize("lengths", [[4, 4, 4], [2, 4, 2, 2, 4, 1], [7]])
def test_windows_see_themselves_and_are_those_of_a_loop(lengths: list[int]) -> None:
    query, key, value = states(sum(lengths), 3, 3, torch.float32)
    bounds = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()])
    found, _ = attention.windowed(torch.nn.Module(), query, key, value, None, bounds, 0.2, max_length_q=9, is_causal=False)
    parts = zip(*(states.split(lengths, dim=2) for states in (query, key, value)), strict=True)
    loop = torch.cat([sdpa(*part, scale=0.2) for part in parts], 2).transpose(1, 2)
    assert torch.equal(found, loop)
    of_window = torch.repeat_interleave(torch.tensor(lengths))
    assert (found - by_hand(query, key, value, of_window[:, None] == of_window, 0.2)).abs().max() < 1e-6


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"])
def test_a_checkpoint_sees_a_video_in_fewer_calls(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The features of a loaded checkpoint are, to the bit, those of transformers' own loop over windows."""
    folder = tiny.build(tmp_path / family, family)
    checkpoint = Checkpoint(str(folder), folder, family, None)
    model, _, _ = loading.read(checkpoint, Options(device="cpu", dtype="float32"))
    vision = model.config.vision_config
    grid = torch.tensor([[3, 10, 12], [2, 4, 6]])
    torch.manual_seed(0)
    pixels = torch.randn(int(grid.prod(-1).sum()), vision.in_channels * vision.temporal_patch_size * vision.patch_size**2)
    calls: list[Any] = []

    def counted(*arguments: Any, **options: Any) -> torch.Tensor:
        calls.append(arguments)
        return sdpa(*arguments, **options)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", counted)
    monkeypatch.setattr(attention, "sdpa", counted)
    found = {}
    for kernel in (attention.WINDOWED, "sdpa"):
        assert kernel == "sdpa" or vision._attn_implementation == kernel
        vision._attn_implementation = kernel
        calls.clear()
        seen = model.model.get_video_features(pixels, grid, return_dict=True)
        features = torch.cat(seen.pooler_output)
        # Qwen3-VL's deep features are not among them.
        made = torch.autograd.grad(features.square().sum(), list(model.model.visual.parameters()), allow_unused=True)
        found[kernel] = features.detach(), [weight for weight in made if weight is not None], len(calls)
    ours, loop = found.values()
    assert torch.equal(ours[0], loop[0])
    assert all(torch.equal(one, other) for one, other in zip(ours[1], loop[1], strict=True))
    assert ours[2] < loop[2]
    assert model.config._attn_implementation == "sdpa"


def test_eager_towers_stay_as_they_are(tmp_path: Path) -> None:
    folder = tiny.build(tmp_path / "eager", "qwen3_vl")
    model, _, _ = loading.read(Checkpoint("m", folder, "qwen3_vl", None), Options(device="cpu", dtype="float32", attn="eager"))
    attention.by_tower(model)
    assert {c._attn_implementation for c in (model.config, model.config.text_config, model.config.vision_config)} == {"eager"}
