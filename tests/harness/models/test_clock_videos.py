"""From a video file to the language model: the time drawn into the pixels is the time the model is told."""

import dataclasses
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch

from harness.models import prompt
from harness.models.hf import HfModel
from tasks.question import Question

pytest.importorskip("av")
from harness.synthetic.clock import ClockVideo, make_clock, read_clock
from harness.video.decode import read_frames

Load = Callable[..., HfModel]
FAMILIES = ("qwen2_5_vl", "qwen3_vl")


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> list[ClockVideo]:
    return make_clock(tmp_path_factory.mktemp("videos"))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("fps", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("number", range(7))
def test_the_model_is_told_the_time_the_picture_shows(
    family: str, fps: float, number: int, clocks: list[ClockVideo], load: Load, questions: list[Question]
) -> None:
    model = load(family)
    rules = dataclasses.replace(questions[0].protocol.video, fps=fps, max_pixels=50_000)
    frames = read_frames(clocks[number].path, rules, model.pixel_factor)
    # Times count from the first frame, also where the file shows it late.
    shown = np.array([read_clock(picture) for picture in frames.pixels]).reshape(-1, 2) - clocks[number].times_s[0]
    video = prompt.encode(model.processor, family, frames, "cpu")
    before, after = prompt.render(model.processor, questions[0].protocol.prompt, questions[0].text)
    row = model.inputs._row(prompt.splice(model.processor.tokenizer, before, video, after), video)
    model.inputs._check_clock(row, video, frames)
    if family == "qwen3_vl":
        text = model.processor.tokenizer.decode(row.ids)
        told = np.array([float(stamp) for stamp in re.findall(r"<(\d+\.\d) seconds>", text)])
        assert np.abs(told - shown.mean(axis=1)).max() <= 0.051
    else:
        visual = torch.tensor(row.ids) == model.model.config.video_token_id
        positions = row.positions[0, visual].reshape(len(shown), -1)[:, 0]
        told = (positions - positions[0]).numpy() / 2
        # Positions count half seconds, rounded down, from the first frame of each patch.
        assert np.abs(told + 0.25 - shown[:, 0]).max() <= 0.25 + frames.slack_s + 1e-3


def test_seven_clocks(clocks: list[ClockVideo]) -> None:
    assert len(clocks) == 7
