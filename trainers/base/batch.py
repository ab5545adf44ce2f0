"""Lessons as packed groups: what `Inputs.build` gives each video, with the prompts of each length built once."""

from collections.abc import Sequence
from functools import lru_cache

import torch

from harness.frames import Frames
from harness.models.generate import Row
from harness.models.inputs import Inputs
from harness.models.prompt import Video, render
from harness.synthetic.scene import COLOURS, SHAPES
from tasks.question import Question
from trainers.base.curriculum import RULES, Lesson
from trainers.given_answers import ground_truth
from trainers.methods.packed import IGNORED, Branch, Group

NOTHING = "<|endoftext|>"  # The word for a picture in which nothing is visible
KEPT = 4096  # Questions whose tokens are remembered


class Batches:
    """Makes batches for one checkpoint; what stands before a question is built once for equal times."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.tokenizer = inputs.processor.tokenizer
        self._prefixes: dict[bytes, Row] = {}
        self._branch = lru_cache(KEPT)(self._make_branch)
        words = (*COLOURS, *SHAPES)
        self._words = {word: self.tokenizer(f" {word}")["input_ids"] for word in words} | {NOTHING: [self._id(NOTHING)]}
        assert all(len(ids) == 1 for ids in self._words.values())

    def groups(self, lessons: Sequence[Lesson]) -> list[Group]:
        """One group a lesson: its questions with their answers are branches behind the video."""
        return [
            Group(self._prefix(lesson.frames), video, self._branches(lesson))
            for lesson, video in zip(lessons, self._videos(lessons), strict=True)
        ]

    def word_targets(self, lessons: Sequence[Lesson]) -> torch.Tensor:
        """What each visual token should be named: `(visual tokens, vocabulary)` shares of the words of its two frames."""
        targets = []
        for lesson in lessons:
            target = torch.zeros(len(lesson.frames.time_s), self.inputs.config.text_config.vocab_size)
            for row, time_s in zip(target, lesson.frames.time_s, strict=True):
                words = self._visible(lesson, float(time_s))
                row[[self._words[word][0] for word in words]] = 1 / len(words)
            targets.append(target.unflatten(0, (-1, self.inputs.patch)).mean(1))
        return torch.cat(targets)

    def _visible(self, lesson: Lesson, time_s: float) -> list[str]:
        event = next((event for event in lesson.events if event.start_s <= time_s < event.end_s), None)
        if event is None:
            return [NOTHING]
        return [event.colour] if lesson.level.fills else [event.colour, event.shape]

    def _videos(self, lessons: Sequence[Lesson]) -> list[Video]:
        """What `Inputs.build` gives each video, from one call: a call takes longer than a video. The prefix has the tokens."""
        found = self.inputs.processor.video_processor(
            [lesson.frames.pixels for lesson in lessons],
            do_sample_frames=False,
            do_resize=False,
            input_data_format="channels_last",
            return_tensors="pt",
        )
        grids = found["video_grid_thw"]
        pixels = found["pixel_values_videos"].split(grids.prod(1).tolist())
        return [Video("", (), *each, None) for each in zip(pixels, grids[:, None], strict=True)]

    def _prefix(self, frames: Frames) -> Row:
        """The prompt of any question at these times, up to the end of the video."""
        key = frames.time_s.tobytes()
        if key not in self._prefixes:
            (row,), _ = self.inputs.build(frames, RULES["moment"].prompt, ["When?"], "cpu")
            end = len(row.ids) - row.ids[::-1].index(self.inputs.config.vision_end_token_id)
            self._prefixes[key] = Row(row.ids[:end], row.positions[:, :end])
        return self._prefixes[key]

    def _branches(self, lesson: Lesson) -> list[Branch]:
        alone = lesson.level.alone
        return [self._branch(each.sample.query if alone else each.text, alone, answer_of(each)) for each in lesson.asked]

    def _make_branch(self, text: str, alone: bool, answer: str) -> Branch:
        behind = f" {text}" if alone else render(self.inputs.processor, RULES["moment"].prompt, text)[1]
        asked, said = self.tokenizer([behind, answer], add_special_tokens=False)["input_ids"]
        said.append(self._id("<|im_end|>"))
        return Branch(asked + said, [IGNORED] * len(asked) + said)

    def _id(self, token: str) -> int:
        return int(self.tokenizer.convert_tokens_to_ids(token))


def answer_of(question: Question) -> str:
    """The truth in the words of the protocol of its kind."""
    return ground_truth(question.sample, question.protocol, question.mode)
