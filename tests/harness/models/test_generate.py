"""The shared prefix changes the speed and nothing else: tokens and logits against independent calls and plain generate."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from harness.frames import Frames
from harness.models import clock, generate, prompt, tiny
from harness.models.base import Reply
from harness.models.hf import HfModel
from tasks.question import Question

Make = Callable[..., Frames]
Load = Callable[..., HfModel]
Ask = Callable[..., list[Question]]
ORDERS = ("video-text", "text-video")


def plain(model: HfModel, frames: Frames, question: Question) -> str:
    """The same question through the processor and `generate` of transformers, on its own."""
    family = model.checkpoint.family
    before, after = prompt.render(model.processor, question.protocol.prompt, question.text)
    inputs = model.processor(
        text=[before + (prompt.PAD if family.startswith("qwen3") else prompt.SLOT) + after],
        videos=[frames.pixels],
        video_metadata=[clock.metadata(family, frames)],
        do_sample_frames=False,
        do_resize=False,
        cap_pixels_per_frame=False,
        return_tensors="pt",
    )
    decoding = question.protocol.decoding
    ids = model.model.generate(
        **inputs,
        do_sample=False,
        max_new_tokens=decoding.max_new_tokens,
        repetition_penalty=decoding.repetition_penalty,
        suppress_tokens=list(model.rules(decoding).suppress),
    )[0, inputs["input_ids"].shape[1] :]
    return str(model.processor.tokenizer.decode(ids, skip_special_tokens=True))


def texts(replies: list[Any]) -> list[str]:
    return [reply.text for reply in replies]


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize(("order", "penalty"), [("video-text", 1.0), ("text-video", 1.0), ("video-text", 1.3)])
def test_shared_independent_and_plain_replies_are_the_same(
    family: str, order: str, penalty: float, load: Load, make_frames: Make, ask: Ask
) -> None:
    questions = ask(order=order, repetition_penalty=penalty)
    frames = make_frames(family)
    alone = load(family, share=False)
    expected = alone.answer(frames, questions)
    assert len(set(texts(expected))) >= 4, "replies that do not depend on the question prove nothing"
    assert texts(expected) == [plain(alone, frames, question) for question in questions]
    for size in (1, 2, 4):
        assert load(family, batch_size=size).answer(frames, questions) == expected


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("attn", ["sdpa", "eager"])
@pytest.mark.parametrize("order", ORDERS)
def test_logits_are_those_of_one_full_forward(
    family: str, attn: str, order: str, load: Load, make_frames: Make, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(family, attn=attn)
    rows, video = rows_of(model, make_frames(family), ask(order=order))
    seen: list[torch.Tensor] = []
    forward = generate._forward
    monkeypatch.setattr(generate, "_forward", lambda *a: seen.append(forward(*a)) or seen[-1])
    outputs = model._generate(rows, model._see(video), generate.Rules(6, frozenset()))
    del seen[: len(seen) - 6]  # the prefix
    for index, (row, output) in enumerate(zip(rows, outputs, strict=True)):
        full = whole_logits(model, row, output.ids, video)
        assert torch.stack([logits[index] for logits in seen]).sub(full).abs().max() < 1e-4


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_shift_of_the_positions_would_be_seen(family: str, load: Load, make_frames: Make, questions: list[Question]) -> None:
    model = load(family)
    rows, video = rows_of(model, make_frames(family), questions)
    true = whole_logits(model, rows[0], [1], video)
    moved = rows[0].positions.clone()
    end = rows[0].ids.index(model.model.config.vision_end_token_id)
    moved[:, end:] += 1
    assert (whole_logits(model, rows[0]._replace(positions=moved), [1], video) - true).abs().max() > 1e-3


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("share", [True, False])
def test_the_video_is_encoded_and_prefilled_once(
    family: str, share: bool, load: Load, make_frames: Make, questions: list[Question]
) -> None:
    model = load(family, share=share, batch_size=2)
    frames = make_frames(family)
    calls = {"processor": 0, "tower": 0, "prefills": 0}
    videos = model.processor.video_processor
    encode = videos.preprocess

    def process(*a: Any, **k: Any) -> Any:
        calls["processor"] += 1
        return encode(*a, **k)

    def see(*_: Any) -> None:
        calls["tower"] += 1

    def forward(_: Any, __: Any, keywords: dict[str, Any]) -> None:
        calls["prefills"] += len(keywords["input_ids"]) if "mm_encoder_outputs" in keywords else 0

    videos.preprocess = process
    model.model.model.visual.register_forward_hook(see)
    model.model.register_forward_pre_hook(forward, with_kwargs=True)
    model.answer(frames, questions)
    times = 1 if share else len(questions)
    assert calls == {"processor": times, "tower": times, "prefills": times}


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_rows_that_end_leave_the_batch(family: str, load: Load, make_frames: Make, questions: list[Question]) -> None:
    """Stop at tokens that the replies contain, so that rows end at different steps."""
    frames = make_frames(family)
    free = load(family, share=False)
    rows, video = rows_of(free, frames, questions)
    seen = free._see(video)
    rules = free.rules(questions[0].protocol.decoding)
    replies = [generate.generate(free.model, [row], rules, None, seen)[0].ids for row in rows]
    stop = frozenset(reply[step] for step, reply in zip((0, 3, 5), replies, strict=False))
    rules = generate.Rules(12, stop, rules.suppress)
    alone = [generate.generate(free.model, [row], rules, None, seen)[0] for row in rows]
    prefix = generate.prefill(free.model, rows[:1], [generate.shared_length(rows)], seen)
    assert generate.generate(free.model, rows, rules, prefix, seen) == alone
    assert len({len(output.ids) for output in alone}) > 1
    for output in alone:
        assert output.truncated == (output.ids[-1] not in stop)
        assert not set(output.ids[:-1]) & stop


def test_sampling_depends_on_seed_and_prompt_not_on_the_batch(load: Load, make_frames: Make, ask: Ask) -> None:
    frames, questions = make_frames("qwen2_5_vl"), ask(temperature=1.0)
    one = load("qwen2_5_vl", batch_size=1).answer(frames, questions)
    model = load("qwen2_5_vl", batch_size=4)
    assert model.answer(frames, questions) == one == model.answer(frames, questions)
    assert texts(one) != texts(model.answer(frames, ask()))
    model.options = replace(model.options, seed=1)
    assert texts(model.answer(frames, questions)) != texts(one)


def test_suppressed_tokens_never_appear() -> None:
    scores = torch.zeros(1, 8)
    scores[0, 3] = 9.0
    assert int(generate._processors(generate.Rules(1, frozenset(), (3,)), "cpu")(torch.zeros(1, 1).long(), scores).argmax()) != 3


@pytest.mark.parametrize(
    ("rows", "length"),
    [([[1, 2, 3]], 2), ([[1, 2, 3], [1, 2, 3]], 2), ([[1, 2, 3], [1, 2]], 1), ([[1, 2, 3, 4], [1, 2, 5, 4], [1, 2, 3, 9]], 2)],
)
def test_shared_length_leaves_a_token(rows: list[list[int]], length: int) -> None:
    made = [generate.Row(row, torch.zeros(3, len(row))) for row in rows]
    assert generate.shared_length(made) == length


def test_history_repeats_only_a_token_of_the_row() -> None:
    rows = [SimpleNamespace(ids=[5, 6]), SimpleNamespace(ids=[7, 8, 9])]
    assert generate._history(rows, "cpu").tolist() == [[5, 5, 6], [7, 8, 9]]  # type: ignore[arg-type]


def test_replies_count_their_tokens(load: Load, make_frames: Make, questions: list[Question]) -> None:
    model = load("qwen2_5_vl")
    frames = make_frames("qwen2_5_vl")
    for reply, row in zip(model.answer(frames, questions), rows_of(model, frames, questions)[0], strict=True):
        assert isinstance(reply, Reply)
        assert reply.prompt_tokens == len(row.ids)
        assert reply.truncated == (reply.new_tokens == 12)


def rows_of(model: HfModel, frames: Frames, questions: list[Question]) -> tuple[list[generate.Row], prompt.Video]:
    video = prompt.encode(model.processor, model.checkpoint.family, frames, "cpu")
    parts = [prompt.render(model.processor, question.protocol.prompt, question.text) for question in questions]
    return [model.inputs._row(prompt.splice(model.processor.tokenizer, a, video, b), video) for a, b in parts], video


@torch.inference_mode()
def whole_logits(model: HfModel, row: generate.Row, reply: list[int], video: prompt.Video) -> torch.Tensor:
    """Logits that chose each token of a reply, from one forward over prompt and reply without any cache or sharing."""
    new = torch.arange(len(reply) - 1) + int(row.positions.max()) + 1
    positions = torch.cat([row.positions, new.expand(3, -1)], dim=1)
    logits = model.model(
        input_ids=torch.tensor([row.ids + reply[:-1]]),
        position_ids=positions[:, None],
        pixel_values_videos=video.pixels,
        video_grid_thw=video.grid,
        use_cache=False,
    ).logits[0, len(row.ids) - 1 :]
    return torch.as_tensor(logits)


@pytest.mark.parametrize("share", [True, False])
def test_questions_of_two_protocols_are_answered_as_two_lists(share: bool, load: Load, make_frames: Make, ask: Ask) -> None:
    """Another order, system message, length and penalty: everything that a protocol says about prompt and decoding."""
    model, frames = load("qwen2_5_vl", share=share), make_frames("qwen2_5_vl")
    first = ask()
    second = ask(order="text-video", system="Be brief.", max_new_tokens=5, repetition_penalty=1.3)
    mixed = [question for pair in zip(first, second, strict=True) for question in pair]
    replies = model.answer(frames, mixed)
    assert replies[::2] == model.answer(frames, first) and replies[1::2] == model.answer(frames, second)
    assert len({reply.text for reply in replies if isinstance(reply, Reply)}) > 4
