"""Packed rows against the repeated prompt: the ordinary forward of transformers, one row a reply."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from trainers.curriculum import curriculum
from trainers.examples import Examples, Prompt
from trainers.methods import packed
from trainers.mix import Share

Load = Callable[..., tuple[Any, Any, Examples]]


def prompts_of(examples: Examples, count: int) -> list[Prompt]:
    rows = curriculum([Share(list(examples.questions.values()))], ["direct"], 0)
    return [examples.take(row)[1] for row in rows[:count]]


def replies_of(model: Any, lengths: Sequence[int], seed: int = 0) -> list[list[int]]:
    made = torch.Generator().manual_seed(seed)
    return [torch.randint(20, 250, (length,), generator=made).tolist() for length in lengths]


def repeated(model: Any, prompt: Prompt, reply: list[int], **options: Any) -> torch.Tensor:
    """Log-probabilities of a reply by the model's own forward on one ordinary row."""
    ids = torch.tensor([prompt.row.ids + reply])
    types = (ids == model.config.video_token_id).int() * 2
    seconds = {} if prompt.video.seconds is None else {"second_per_grid_ts": torch.tensor([prompt.video.seconds])}
    output = model(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        mm_token_type_ids=types,
        pixel_values_videos=prompt.video.pixels,
        video_grid_thw=prompt.video.grid,
        use_cache=False,
        **seconds,
        **options,
    )
    start = len(prompt.row.ids)
    logps = output.logits[0, start - 1 : -1].log_softmax(-1)
    return logps.gather(1, ids[0, start:, None])[:, 0]


def together(model: Any, groups: list[packed.Group]) -> list[torch.Tensor]:
    inputs = packed.pack(groups, torch.float32, torch.device("cpu"))
    labels = inputs.pop("labels")
    logps = model(**inputs, use_cache=False).logits[:, :-1].log_softmax(-1)
    chosen = logps.gather(2, labels[:, 1:, None].clamp(min=0))[..., 0]
    return packed.scored(chosen, labels, groups)


def gradients(model: Any, values: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    model.zero_grad()
    sum((index + 1) * value.sum() for index, value in enumerate(values)).backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
@pytest.mark.parametrize(("attn", "checkpointing"), [("sdpa", False), ("sdpa", True), ("eager", False)])
def test_packed_rows_are_the_repeated_prompt(family: str, attn: str, checkpointing: bool, load: Load) -> None:
    model, _, examples = load(family, attn)
    prompts = prompts_of(examples, 3)
    lengths = [[5, 1, 9], [3, 3, 2, 7], [4]]
    replies = [replies_of(model, some, seed) for seed, some in enumerate(lengths)]
    model.train()
    alone = [repeated(model, prompt, reply) for prompt, some in zip(prompts, replies, strict=True) for reply in some]
    expected = gradients(model, alone)
    if checkpointing:
        model.gradient_checkpointing_enable()
    groups = [packed.completions(prompt.row, prompt.video, some) for prompt, some in zip(prompts, replies, strict=True)]
    found = together(model, groups)
    assert [len(values) for values in found] == [length for some in lengths for length in some]
    for one, other in zip(found, alone, strict=True):
        assert (one - other).abs().max() < 1e-5
    made = gradients(model, found)
    assert made.keys() == expected.keys() and len(made) == len(list(model.parameters()))
    largest = max(float(value.abs().max()) for value in expected.values())
    for name, value in expected.items():
        assert (made[name] - value).abs().max() < 1e-5 * max(1.0, largest), name


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_what_must_matter_does(family: str, load: Load) -> None:
    """Controls: another video and shifted positions move the log-probabilities; another branch does not."""
    model, _, examples = load(family)
    first, second = prompts_of(examples, 2)
    reply, other, longer = replies_of(model, [6, 6, 9])
    with torch.no_grad():
        base = together(model, [packed.completions(first.row, first.video, [reply, other])])[0]
        beside = together(model, [packed.completions(first.row, first.video, [reply, longer])])[0]
        moved = first.row._replace(positions=first.row.positions * 2)
        shifted = together(model, [packed.completions(moved, first.video, [reply, other])])[0]
        noise = first.video.pixels + torch.randn(first.video.pixels.shape)
        seen = together(
            model, [packed.completions(first.row, type(first.video)(**{**vars(first.video), "pixels": noise}), [reply])]
        )
    assert (base - beside).abs().max() < 1e-5
    assert (base - shifted).abs().max() > 1e-4
    assert (base - seen[0]).abs().max() > 1e-3
    assert second is not first


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_without_sharing_rows_are_ordinary(family: str, load: Load) -> None:
    model, _, examples = load(family)
    prompts, replies = prompts_of(examples, 3), replies_of(model, [5, 2, 8])
    groups = [packed.completions(prompt.row, prompt.video, [reply]) for prompt, reply in zip(prompts, replies, strict=True)]
    inputs = packed.pack(groups, torch.float32, torch.device("cpu"))
    assert inputs["attention_mask"].ndim == 2
    assert inputs["attention_mask"].sum(dim=1).tolist() == [
        len(p.row.ids) + len(r) for p, r in zip(prompts, replies, strict=True)
    ]
    with torch.no_grad():
        for found, prompt, reply in zip(together(model, groups), prompts, replies, strict=True):
            assert (found - repeated(model, prompt, reply)).abs().max() < 1e-5


def test_who_cannot_be_packed_says_why(load: Load) -> None:
    config = load("qwen3_vl")[0].config
    assert packed.packable(config) is None
    config._attn_implementation = "flash_attention_2"
    assert "takes no mask over pairs" in str(packed.packable(config))
    config._attn_implementation = "sdpa"
    config.get_text_config().layer_types = ["linear_attention", "full_attention"]
    assert packed.packable(config) == "layers with linear_attention"


def test_an_empty_reply_and_labels_that_are_left_out(load: Load) -> None:
    model, _, examples = load("qwen3_vl")
    prompt = prompts_of(examples, 1)[0]
    group = packed.completions(prompt.row, prompt.video, [[], [30, 31]])
    question = packed.Branch([30, 31, 32, 33], [packed.IGNORED, packed.IGNORED, 32, 33])
    both = packed.Group(group.prefix, prompt.video, [*group.branches, question])
    with torch.no_grad():
        found = together(model, [both])
    assert [len(values) for values in found] == [0, 2, 2]
