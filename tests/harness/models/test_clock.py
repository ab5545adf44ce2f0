import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from harness.frames import Frames
from harness.models import clock, prompt, tiny
from harness.models.families.qwen3_vl import STAMPS
from harness.models.hf import HfModel
from harness.models.positions import row_positions
from tasks.errors import InputError
from tasks.question import Question

Make = Callable[..., Frames]
Load = Callable[..., HfModel]
TIMED = ("qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe")
CASES = [  # interval, first frame at, jitter
    (1.0, 0.0, 0.0),
    (0.5, 0.0, 0.0),
    (0.25, 0.0, 0.0),
    (0.5078, 0.0, 0.0),
    (1.9931, 0.0, 0.0),
    (0.5, 0.3, 0.0),
    (0.5005, 0.0, 0.0167),
    (2.5, 0.3, 1.2),
]


def row_of(model: HfModel, frames: Frames, question: Question) -> tuple[Any, prompt.Video]:
    video = prompt.encode(model.processor, model.checkpoint.family, frames, "cpu")
    before, after = prompt.render(model.processor, question.protocol.prompt, question.text)
    return model.inputs._row(prompt.splice(model.processor.tokenizer, before, video, after), video), video


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize(("interval", "offset", "jitter"), CASES)
@pytest.mark.parametrize("count", [2, 40])
def test_the_right_clock_reaches_the_model(
    family: str,
    interval: float,
    offset: float,
    jitter: float,
    count: int,
    load: Load,
    make_frames: Make,
    questions: list[Question],
) -> None:
    model = load(family)
    frames = make_frames(family, count, interval, offset, jitter)
    row, video = row_of(model, frames, questions[0])
    model.inputs._check_clock(row, video, frames)
    if family == "qwen2_5_vl":
        assert video.seconds == pytest.approx(2 * interval, rel=1e-6)
    if family.startswith("qwen3_vl"):
        stamps = prompt.texts_before_blocks(model.processor.tokenizer, row.ids)
        assert [text.rpartition("<")[2] for text in stamps] == [
            f"{mean:.1f} seconds>" for mean in (frames.time_s[::2] + frames.time_s[1::2]) / 2
        ]


@pytest.mark.parametrize("family", TIMED)
@pytest.mark.parametrize("count", [2, 8])
def test_a_stack_without_metadata_is_caught(
    family: str, count: int, load: Load, make_frames: Make, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both processors then assume 24 frames per second (2/24 s per patch) without an error."""
    model = load(family)
    wrong = {"total_num_frames": count, "fps": 24.0, "frames_indices": list(range(count))}
    monkeypatch.setattr(clock, "metadata", lambda *_: wrong)
    with pytest.raises(clock.ClockError, match=r"second_per_grid_ts|text timestamps") as caught:
        model.answer(make_frames(family, count), questions)
    assert isinstance(caught.value, InputError)


def test_positions_that_ignore_the_seconds_are_caught(
    load: Load, make_frames: Make, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happens when `mm_token_type_ids` or `second_per_grid_ts` do not reach the position rule."""
    model = load("qwen2_5_vl")
    rule = model.model.model.get_rope_index
    monkeypatch.setattr(model.model.model, "get_rope_index", lambda *a, **k: rule(*a, **{**k, "second_per_grid_ts": [2 / 24]}))
    with pytest.raises(clock.ClockError, match="temporal position ids"):
        model.answer(make_frames("qwen2_5_vl"), questions)


def test_one_wrong_timestamp_is_caught(load: Load, make_frames: Make, questions: list[Question]) -> None:
    model = load("qwen3_vl")
    frames = make_frames("qwen3_vl")
    row, _ = row_of(model, frames, questions[0])
    texts = prompt.texts_before_blocks(model.processor.tokenizer, row.ids)
    clock.check_stamps(texts, frames, STAMPS)
    for wrong in ("<9.9 seconds>", "<1.2 seconds", "1.2", ""):
        with pytest.raises(clock.ClockError):
            clock.check_stamps([*texts[:2], wrong, *texts[3:]], frames, STAMPS)
    with pytest.raises(clock.ClockError, match="4 blocks"):
        clock.check_stamps(texts[:3], frames, STAMPS)


def test_a_question_cannot_forge_a_timestamp(
    load: Load, make_frames: Make, ask: Callable[..., list[Question]], verbatim: Callable[..., Question]
) -> None:
    model, asked = load("qwen3_vl"), ask(order="text-video")[0]
    frames = make_frames("qwen3_vl")
    forged = verbatim(asked.sample, asked.protocol, "at <99.0 seconds> or <98.0 seconds>")
    row, video = row_of(model, frames, forged)
    model.inputs._check_clock(row, video, frames)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_frames_off_their_own_grid_are_caught(family: str, load: Load, make_frames: Make, questions: list[Question]) -> None:
    frames = make_frames(family)
    late = dataclasses.replace(frames, time_s=frames.time_s + np.arange(8) * 0.1)
    with pytest.raises(clock.ClockError, match="the frames that made returned"):
        load(family).answer(late, questions)


@pytest.mark.parametrize("slope", [0.9, 1.1])
def test_drift_within_one_step_is_not_hidden_by_the_tolerance(slope: float, make_frames: Make) -> None:
    frames = make_frames("qwen2_5_vl", 80)
    with pytest.raises(clock.ClockError):
        clock.check_seconds(slope, frames, 2)
    with pytest.raises(clock.ClockError):
        clock.check_ids((torch.arange(40) * slope * 2).long().repeat_interleave(4), frames, 2, 2.0)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_video_of_one_frame(family: str, load: Load, make_frames: Make, questions: list[Question]) -> None:
    still = dataclasses.replace(make_frames(family, 2), time_s=np.zeros(2), interval_s=0.0)
    assert len(load(family).answer(still, questions)) == len(questions)


def test_not_a_number_is_caught(make_frames: Make) -> None:
    with pytest.raises(clock.ClockError):
        clock.check_seconds(float("nan"), make_frames("qwen2_5_vl"), 2)


def test_a_protocol_writes_the_times_that_qwen2_vl_is_not_told(load: Load, make_frames: Make, ask: Callable[..., Any]) -> None:
    """Each temporal patch is then what a video of one patch is: the positions of the text before it go on behind it."""
    model, frames = load("qwen2_vl"), make_frames("qwen2_vl", 6, 0.6)
    plain, timed = ask()[:2], ask(times="text")[:2]
    assert model.inputs.check(plain[0].protocol.prompt) is None
    assert model.inputs.check(timed[0].protocol.prompt) == 0.1
    rows, video = model.inputs.build(frames, timed[0].protocol.prompt, [timed[0].text], "cpu")
    text = model.processor.tokenizer.decode(rows[0].ids)
    blocks = "".join(f"Frame at {time}s:<|vision_start|>{prompt.PAD * 6}<|vision_end|>" for time in ("0.3", "1.5", "2.7"))
    assert blocks in text
    types = [int(token == model.model.config.video_token_id) * 2 for token in rows[0].ids]
    grids = [((1, 2, 3), 1.0)] * 3
    assert rows[0].positions.equal(row_positions(types, iter([]), iter(grids), 1.0))
    ours, without = (model.answer(frames, questions) for questions in (timed, plain))
    assert [reply.text for reply in ours] != [reply.text for reply in without]
    alone = load("qwen2_vl", share=False).answer(frames, timed)
    assert ours == alone
    with pytest.raises(clock.ClockError):
        model.inputs._check_clock(rows[0], video, dataclasses.replace(frames, time_s=frames.time_s + 0.2))
