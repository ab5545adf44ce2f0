"""Batches are what `Inputs.build` gives each video on its own."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from tasks.sample import one_query
from trainers.base import curriculum
from trainers.base.model import FAMILIES
from trainers.base.train import RULES, Settings, Trainer, losses
from trainers.methods.packed import IGNORED


@pytest.fixture(scope="module", params=FAMILIES)
def trainer(request: pytest.FixtureRequest) -> Trainer:
    return Trainer(Settings(family=request.param))


@pytest.fixture(scope="module")
def lessons(trainer: Trainer) -> list[curriculum.Lesson]:
    rng, video, factor = np.random.default_rng(3), RULES.video, trainer.batches.inputs.pixel_factor
    return [lesson for _ in range(4) for lesson in curriculum.lessons(rng, 3, curriculum.WHOLE, video, factor)]


def test_prompts_and_pixels_are_those_of_inputs_build(trainer: Trainer, lessons: list[curriculum.Lesson]) -> None:
    tokenizer = trainer.processor.tokenizer
    assert len({len(lesson.frames.time_s) for lesson in lessons}) > 1
    for lesson, group in zip(lessons, trainer.batches.groups(lessons), strict=True):
        texts = [RULES.question(one_query("", 24.0, query, []), "direct") for query in lesson.queries]
        rows, video = trainer.batches.inputs.build(lesson.frames, RULES.prompt, texts, "cpu")
        assert torch.equal(group.video.pixels, video.pixels) and torch.equal(group.video.grid, video.grid)
        start = len(group.prefix.ids)
        for row, branch, event in zip(rows, group.branches, lesson.events, strict=True):
            question = [token for token, label in zip(branch.ids, branch.labels, strict=True) if label == IGNORED]
            assert [*group.prefix.ids, *question] == row.ids
            assert torch.equal(group.prefix.positions, row.positions[:, :start])
            answer = [label for label in branch.labels if label != IGNORED]
            assert tokenizer.decode(answer) == f"{event.start_s}.0 to {event.end_s}.0<|im_end|>"
            assert len(answer) == 4 and list(branch.ids[-4:]) == answer


def test_loss_is_that_of_every_question_on_its_own(trainer: Trainer, lessons: list[curriculum.Lesson]) -> None:
    network, groups = trainer.model, trainer.batches.groups(lessons)
    values = []
    with torch.inference_mode():
        found, _ = losses(network, trainer.batches, lessons)
        for lesson, group in zip(lessons, groups, strict=True):
            texts = [RULES.question(one_query("", 24.0, query, []), "direct") for query in lesson.queries]
            rows, video = trainer.batches.inputs.build(lesson.frames, RULES.prompt, texts, "cpu")
            for row, branch in zip(rows, group.branches, strict=True):
                answer = [label for label in branch.labels if label != IGNORED]
                following = int(row.positions.max()) + 1 + torch.arange(len(answer)).expand(3, -1)
                logits = network(
                    input_ids=torch.tensor([row.ids + answer]),
                    position_ids=torch.cat([row.positions, following], dim=1)[:, None],
                    pixel_values_videos=video.pixels,
                    video_grid_thw=video.grid,
                ).logits[0, len(row.ids) - 1 : -1]
                values.append(functional.cross_entropy(logits, torch.tensor(answer)))
    assert float(found) == pytest.approx(float(torch.stack(values).mean()), rel=1e-4)


def test_a_visual_token_is_named_after_what_its_two_frames_show(trainer: Trainer, lessons: list[curriculum.Lesson]) -> None:
    tokenizer = trainer.processor.tokenizer
    rows = iter(trainer.batches.word_targets(lessons))
    for lesson in lessons:
        for first_s in range(0, len(lesson.frames.time_s), 2):
            wanted: dict[str, float] = {}
            for second in (first_s, first_s + 1):
                event = next((e for e in lesson.events if e.start_s <= second < e.end_s), None)
                colour_only = lesson.level <= curriculum.FULL_FRAME
                words = ["<|endoftext|>"] if event is None else [f" {event.colour}"] + [f" {event.shape}"] * (not colour_only)
                for word in words:
                    wanted[word] = wanted.get(word, 0.0) + 0.5 / len(words)
            row = next(rows)
            assert {tokenizer.decode([token]): float(row[token]) for token in row.nonzero()[:, 0].tolist()} == wanted
    assert next(rows, None) is None
