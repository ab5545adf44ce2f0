"""Batches are what `Inputs.build` gives each video on its own."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from harness.models.generate import Row
from harness.models.prompt import Video
from tasks.question import Question
from trainers.base import curriculum
from trainers.base.batch import answer_of
from trainers.base.curriculum import Lesson
from trainers.base.model import FAMILIES
from trainers.base.train import Settings, Trainer, losses
from trainers.methods.packed import IGNORED


@pytest.fixture(scope="module", params=FAMILIES)
def trainer(request: pytest.FixtureRequest) -> Trainer:
    return Trainer(Settings(family=request.param))


@pytest.fixture(scope="module")
def lessons(trainer: Trainer) -> list[Lesson]:
    rng, factor = np.random.default_rng(3), trainer.batches.inputs.pixel_factor
    levels = [level for stages in curriculum.STAGES.values() for shares in stages for level in shares]
    return [lesson for level in levels for lesson in curriculum.lessons(rng, 1, {level: 1.0}, factor)]


def built(trainer: Trainer, lesson: Lesson, question: Question) -> tuple[Row, Video]:
    """The prompt; where a word stands alone, it takes the place of all that follows the video."""
    (row,), video = trainer.batches.inputs.build(lesson.frames, question.protocol.prompt, [question.text], "cpu")
    if not lesson.level.alone:
        return row, video
    tokenizer = trainer.processor.tokenizer
    end = len(row.ids) - row.ids[::-1].index(tokenizer.convert_tokens_to_ids("<|vision_end|>"))
    word = tokenizer.convert_tokens_to_ids([f"Ġ{question.sample.query}"])
    return Row([*row.ids[:end], *word], row.positions[:, : end + 1]), video


def test_prompts_and_pixels_are_those_of_inputs_build(trainer: Trainer, lessons: list[Lesson]) -> None:
    assert len({len(lesson.frames.time_s) for lesson in lessons}) > 1
    assert {question.protocol.kind for lesson in lessons for question in lesson.asked} == set(curriculum.RULES)
    for lesson, group in zip(lessons, trainer.batches.groups(lessons), strict=True):
        start = len(group.prefix.ids)
        for question, branch in zip(lesson.asked, group.branches, strict=True):
            row, video = built(trainer, lesson, question)
            assert torch.equal(group.video.pixels, video.pixels) and torch.equal(group.video.grid, video.grid)
            asked = [token for token, label in zip(branch.ids, branch.labels, strict=True) if label == IGNORED]
            assert [*group.prefix.ids, *asked] == row.ids
            assert torch.equal(group.prefix.positions, row.positions[:, :start])
            answer = [label for label in branch.labels if label != IGNORED]
            assert trainer.processor.tokenizer.decode(answer) == f"{answer_of(question)}<|im_end|>"
            assert list(branch.ids[-len(answer) :]) == answer


def test_loss_is_that_of_every_question_on_its_own(trainer: Trainer, lessons: list[Lesson]) -> None:
    values = []
    with torch.inference_mode():
        found, _ = losses(trainer.model, trainer.batches, lessons)
        for lesson, group in zip(lessons, trainer.batches.groups(lessons), strict=True):
            for question, branch in zip(lesson.asked, group.branches, strict=True):
                row, video = built(trainer, lesson, question)
                answer = [label for label in branch.labels if label != IGNORED]
                following = int(row.positions.max()) + 1 + torch.arange(len(answer)).expand(3, -1)
                logits = trainer.model(
                    input_ids=torch.tensor([row.ids + answer]),
                    position_ids=torch.cat([row.positions, following], dim=1)[:, None],
                    pixel_values_videos=video.pixels,
                    video_grid_thw=video.grid,
                ).logits[0, len(row.ids) - 1 : -1]
                values.append(functional.cross_entropy(logits, torch.tensor(answer), reduction="none"))
    assert float(found) == pytest.approx(float(torch.cat(values).mean()), rel=1e-4)


def test_a_visual_token_is_named_after_what_its_two_frames_show(trainer: Trainer, lessons: list[Lesson]) -> None:
    tokenizer = trainer.processor.tokenizer
    rows = iter(trainer.batches.word_targets(lessons))
    for lesson in lessons:
        for first_s in range(0, len(lesson.frames.time_s), 2):
            wanted: dict[str, float] = {}
            for second in (first_s, first_s + 1):
                event = next((e for e in lesson.events if e.start_s <= second < e.end_s), None)
                colour_only = lesson.level.fills
                words = ["<|endoftext|>"] if event is None else [f" {event.colour}"] + [f" {event.shape}"] * (not colour_only)
                for word in words:
                    wanted[word] = wanted.get(word, 0.0) + 0.5 / len(words)
            row = next(rows)
            assert {tokenizer.decode([token]): float(row[token]) for token in row.nonzero()[:, 0].tolist()} == wanted
    assert next(rows, None) is None
