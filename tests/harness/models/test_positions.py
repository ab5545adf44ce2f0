"""The original rule, written a second time from its description (module docstring of `positions`), token by token."""

import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForImageTextToText

from harness.models import positions
from tasks.errors import InputError

Part = int | tuple[int, int, int, float]
"""A run of text tokens, or a video: temporal patches, merged rows and columns, seconds per patch."""


def reference(parts: list[Part], rate: float) -> Iterator[tuple[int, int, int]]:
    """Positions of each token in turn; every part starts one after the largest position before it."""
    largest = -1
    for part in parts:
        start = largest + 1
        if isinstance(part, int):
            tokens = [(start + i, start + i, start + i) for i in range(part)]
        else:
            patches, rows, columns, seconds = part
            tokens = [
                (start + math.floor(k * seconds * rate), start + i, start + j)
                for k in range(patches)
                for i in range(rows)
                for j in range(columns)
            ]
        for token in tokens:
            largest = max(largest, *token)
            yield token


def config(family: str, rate: int = 2) -> Any:
    vision = SimpleNamespace(spatial_merge_size=2, tokens_per_second=rate)
    return SimpleNamespace(model_type=family, vision_config=vision, video_token_id=9)


text = st.integers(1, 12)
# Quarters of a second times whole rates are exact in float32, so that the floor is the same in any arithmetic.
video = st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(1, 5), st.integers(1, 24).map(lambda n: n / 4))


@settings(max_examples=60, deadline=None)
@given(text, video, text, video, text, st.integers(1, 4), st.integers(0, 3))
def test_rule_is_the_description(a: int, v: Any, b: int, w: Any, c: int, rate: int, padding: int) -> None:
    parts: list[Part] = [a, v, b, w, c]
    types = [t for part in parts for t in ([0] * part if isinstance(part, int) else [2] * math.prod(part[:3]))]
    expected = torch.tensor(list(reference(parts, rate))).T
    ids = torch.zeros(1, padding + len(types), dtype=torch.long)
    mask = torch.tensor([[0] * padding + [1] * len(types)])
    found, deltas = positions.original_rule(config("qwen2_5_vl", rate))(
        ids,
        mm_token_type_ids=torch.tensor([[0] * padding + types]),
        video_grid_thw=torch.tensor([[v[0], 2 * v[1], 2 * v[2]], [w[0], 2 * w[1], 2 * w[2]]]),
        second_per_grid_ts=torch.tensor([v[3], w[3]]),
        attention_mask=mask,
    )
    assert torch.equal(found[:, 0, padding:], expected)
    assert int(deltas) + len(types) == int(expected.max()) + 1


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen3_vl"])
@settings(max_examples=30, deadline=None)
@given(a=text, grid=st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(1, 5)), b=text)
def test_families_without_seconds(family: str, a: int, grid: tuple[int, int, int], b: int) -> None:
    t, h, w = grid
    parts: list[Part] = (
        [a, (t, h, w, 1.0), b] if family == "qwen2_vl" else [a, *[x for _ in range(t) for x in ((1, h, w, 1.0), b)]]
    )
    types = torch.tensor([[t for part in parts for t in ([0] * part if isinstance(part, int) else [2] * math.prod(part[:3]))]])
    grids = torch.tensor([[t, 2 * h, 2 * w]])
    found, _ = positions.original_rule(config(family))(torch.zeros_like(types), mm_token_type_ids=types, video_grid_thw=grids)
    assert torch.equal(found[:, 0], torch.tensor(list(reference(parts, 1.0))).T)


def test_images_have_no_time() -> None:
    types = torch.tensor([[0, 1, 1, 1, 1, 0]])
    found, deltas = positions.original_rule(config("qwen2_5_vl"))(
        torch.zeros_like(types), mm_token_type_ids=types, image_grid_thw=torch.tensor([[1, 4, 4]])
    )
    assert found[:, 0].tolist() == [[0, 1, 1, 1, 1, 3], [0, 1, 1, 2, 2, 3], [0, 1, 2, 1, 2, 3]]
    assert deltas.tolist() == [[-2]]


def test_seconds_are_floats_not_cut_to_whole_numbers() -> None:
    """Transformers 4.57 cut 0.995 to 0, which gave every frame the same time."""
    block = positions.block_positions((5, 1, 1), 0.995, 2.0, 10)
    assert block[0].tolist() == [10, 11, 13, 15, 17]


@pytest.mark.parametrize(
    ("family", "action"), [("qwen2_vl", "corrected"), ("qwen2_5_vl", "corrected"), ("qwen3_vl", "none"), ("qwen3_vl_moe", "none")]
)
def test_installed_rule_is_checked_and_corrected_on_the_instance(family: str, action: str, checkpoints: dict[str, Path]) -> None:
    model = AutoModelForImageTextToText.from_pretrained(checkpoints[family])
    record = positions.check_positions(model)
    assert positions.check_positions(model) == record
    assert record["rule"] == "original"
    # A release that has repaired the rule needs no correction; 5.3 to 5.23 do.
    assert record["action"] == (action if "differs" in record["installed"] else "none")
    probe = positions._probe(model.config, 9, 1.0)
    expected = positions.original_rule(model.config)(**probe)
    found = model.model.get_rope_index(**probe)
    assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])
    other = AutoModelForImageTextToText.from_pretrained(checkpoints[family])
    assert "get_rope_index" not in vars(other.model)


def test_what_cannot_be_checked_is_refused() -> None:
    class Old:
        def get_rope_index(self, input_ids: Any, image_grid_thw: Any = None) -> None: ...

    with pytest.raises(InputError, match="positions can be checked"):
        positions.check_positions(SimpleNamespace(model=Old(), config=config("qwen2_5_vl")))
