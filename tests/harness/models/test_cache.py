import pytest
import torch
from transformers import DynamicCache

from harness.models import cache


@pytest.mark.parametrize("steps", [[3, 1, 1], [cache.ROOM, 1, 1], [5] + [1] * (2 * cache.ROOM), [300, 300]])
def test_grows_like_the_cache_of_transformers(steps: list[int]) -> None:
    torch.manual_seed(0)
    ours, theirs = cache.empty(), DynamicCache()
    for number, count in enumerate(steps):
        keep = torch.tensor([0, 2]) if number == 1 else None
        if keep is not None:
            ours.batch_select_indices(keep)
            theirs.batch_select_indices(keep)
        rows = 3 if number == 0 else 2
        for layer in (0, 1):
            new = torch.randn(2, rows, 2, count, 4)
            found, expected = ours.update(new[0], new[1], layer), theirs.update(new[0], new[1], layer)
            assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])
    assert ours.get_seq_length() == theirs.get_seq_length() == sum(steps)


def test_rows_of_a_repeated_prefix_are_independent() -> None:
    prefix = cache.empty()
    prefix.update(torch.ones(1, 2, 3, 4), torch.ones(1, 2, 3, 4), 0)
    first, second = cache.repeat(prefix, [0, 0]), cache.repeat(prefix, [0, 0])
    keys, _ = first.update(torch.zeros(2, 2, 1, 4), torch.zeros(2, 2, 1, 4), 0)
    keys[0] = 7.0
    assert torch.equal(second.layers[0].keys, torch.ones(2, 2, 3, 4))
    assert torch.equal(prefix.layers[0].keys, torch.ones(1, 2, 3, 4))
    assert torch.equal(keys[1], torch.cat([torch.ones(2, 3, 4), torch.zeros(2, 1, 4)], dim=1))
