"""Packed rows against the repeated prompt: the ordinary forward of transformers, one row a reply."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from harness.models import attention
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


def together(model: Any, groups: list[packed.Group], layout: str = "mask") -> list[torch.Tensor]:
    inputs = packed.pack(groups, model.dtype, torch.device("cpu"), layout)
    labels = inputs.pop("labels")
    logps = model(**inputs, use_cache=False).logits[:, :-1].float().log_softmax(-1)
    chosen = logps.gather(2, labels[:, 1:, None].clamp(min=0))[..., 0]
    return packed.scored(chosen, labels, groups)


def gradients(model: Any, values: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    model.zero_grad()
    sum((index + 1) * value.sum() for index, value in enumerate(values)).backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
@pytest.mark.parametrize(
    ("attn", "layout", "checkpointing"),
    [
        ("sdpa", "mask", False),
        ("sdpa", "mask", True),
        ("eager", "mask", False),
        ("sdpa", "branches", False),
        ("sdpa", "branches", True),
        ("sdpa", "repeated", False),
        ("eager", "repeated", False),
    ],
)
def test_packed_rows_are_the_repeated_prompt(family: str, attn: str, layout: str, checkpointing: bool, load: Load) -> None:
    model, _, examples = load(family, attn)
    if layout == "branches":
        attention.by_tower(model)
    prompts = prompts_of(examples, 3)
    lengths = [[5, 1, 9], [3, 3, 2, 7], [4]]
    replies = [replies_of(model, some, seed) for seed, some in enumerate(lengths)]
    model.train()
    alone = [repeated(model, prompt, reply) for prompt, some in zip(prompts, replies, strict=True) for reply in some]
    expected = gradients(model, alone)
    if checkpointing:
        model.gradient_checkpointing_enable()
    groups = [packed.completions(prompt.row, prompt.video, some) for prompt, some in zip(prompts, replies, strict=True)]
    found = together(model, groups, layout)
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


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_long_replies_without_a_mask_in_bfloat16(family: str, checkpointing: bool, load: Load) -> None:
    """As near to float32 as the masked rows are: what differs is rounding. No tensor is as large as tokens x tokens."""
    model, _, examples = load(family)
    prompt = prompts_of(examples, 1)[0]
    groups = [packed.completions(prompt.row, prompt.video, replies_of(model, [60, 100, 80, 1]))]
    exact = together(model, groups)
    wanted = gradients(model, exact)
    model.bfloat16()
    away = {}
    for layout in ("mask", "branches"):
        attention.by_tower(model)
        model.train()
        if checkpointing:
            model.gradient_checkpointing_enable()
        found = together(model, groups, layout)
        made = gradients(model, found)
        largest = max(float(value.abs().max()) for value in wanted.values())
        away[layout] = (
            max(float((one - other).detach().abs().max()) for one, other in zip(found, exact, strict=True)),
            max(float((made[name].float() - value).abs().max()) for name, value in wanted.items()) / largest,
        )
    assert all(ours < 2 * masked + 1e-3 for ours, masked in zip(away["branches"], away["mask"], strict=True)), away


def test_branches_make_nothing_of_tokens_by_tokens(load: Load) -> None:
    """Largest tensor of a forward and backward pass, in elements; of the masked rows it is the mask."""
    model, _, examples = load("qwen2_5_vl")
    attention.by_tower(model)
    prompt = prompts_of(examples, 1)[0]
    groups = [packed.completions(prompt.row, prompt.video, replies_of(model, [300] * 4))]
    tokens = packed.tokens(groups[0])
    largest = {}
    for layout in ("mask", "branches"):
        with Largest() as seen:
            gradients(model, together(model, groups, layout))
        largest[layout] = seen.elements
    vocabulary = model.config.text_config.vocab_size
    assert largest["mask"] >= tokens**2
    assert largest["branches"] <= tokens * vocabulary < tokens**2


def test_the_mask_is_made_in_place(load: Load) -> None:
    """Bytes a pair of tokens at most while it is made: its own, and one more of a single row."""
    segments = torch.zeros(3, 400, dtype=torch.long)
    segments[:, 100:] = torch.arange(300) // 60 + 1
    for dtype in (torch.float32, torch.bfloat16):
        with Largest() as seen:
            mask = packed._mask(segments, dtype)
        assert mask.dtype == dtype
        assert seen.peak <= 400**2 * (3 * dtype.itemsize + 1.1)
    with torch.autocast("cpu", torch.bfloat16):
        assert packed._mask(segments, torch.float32).dtype == torch.bfloat16


def test_the_layout_is_the_one_that_takes_least(load: Load) -> None:
    model, _, _ = load("qwen2_5_vl")
    assert packed.layouts(model.config) == ("repeated", "mask")
    attention.by_tower(model)
    assert packed.layouts(model.config) == packed.LAYOUTS
    # Qwen2.5-VL-7B: a layer has 233 M weights
    model.config.text_config.update(
        {"hidden_size": 3584, "intermediate_size": 18944, "num_attention_heads": 28, "num_key_value_heads": 4, "head_dim": 128}
    )
    prices = packed.prices(model.config)
    assert prices.pair == pytest.approx(2 * 28 * 128 / 233_046_016, rel=1e-3)

    def chosen(prefix: int, reply: int, group: int, possible: Sequence[str] = packed.LAYOUTS) -> str:
        return packed.cheapest([[prefix, *[reply] * group]], possible, prices)

    assert chosen(3700, 1000, 8) == chosen(3700, 4000, 8) == "branches"
    assert chosen(3700, 20, 8, packed.LAYOUTS[:2]) == "mask"
    assert chosen(3700, 4000, 8, packed.LAYOUTS[:2]) == "repeated"
    assert chosen(3700, 20, 1) == "repeated"  # An ordinary row
    assert packed.cheapest([[500, 20], [3700, 20]], packed.LAYOUTS, prices) == "branches"  # Or the first would be padded


class Largest(TorchDispatchMode):
    """Elements of the largest tensor that is made, and bytes of all that live at most."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = self.now = self.peak = 0
        self.live: dict[int, int] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = function(*args, **(kwargs or {}))
        for made in output if isinstance(output, (tuple, list)) else [output]:
            if isinstance(made, torch.Tensor):
                storage = made.untyped_storage()
                self.elements = max(self.elements, storage.nbytes() // made.element_size())
                if storage._cdata not in self.live:
                    self.live[storage._cdata] = storage.nbytes()
                    self.now += storage.nbytes()
                    self.peak = max(self.peak, self.now)
                    weakref.finalize(storage, self._free, storage._cdata)
        return output

    def _free(self, key: int) -> None:
        self.now -= self.live.pop(key, 0)
