"""Lessons as packed groups: what `Inputs.build` gives each video, with the prompts of each length built once."""

from collections.abc import Sequence

import torch

from harness.frames import Frames
from harness.models.generate import Row, shared_length
from harness.models.inputs import Inputs
from harness.models.prompt import encode
from harness.synthetic.scene import COLOURS, SHAPES
from tasks.answer import Answer
from tasks.protocol import Protocol
from tasks.sample import Sample, one_query
from tasks.say import say
from tasks.span import Span
from trainers.base.curriculum import FULL_FRAME, Lesson
from trainers.methods.packed import IGNORED, Branch, Group

QUERIES = [f"{colour} {shape}" for colour in COLOURS for shape in (*SHAPES, "shape")]
NOTHING = "<|endoftext|>"  # The word for a picture in which nothing is visible


class Batches:
    """Makes batches for one checkpoint, of the questions and answers of a protocol; prompts are built once for equal times."""

    def __init__(self, inputs: Inputs, rules: Protocol) -> None:
        self.inputs = inputs
        self.rules = rules
        self.tokenizer = inputs.processor.tokenizer
        self._prompts: dict[bytes, tuple[dict[str, Row], int]] = {}
        words = (*COLOURS, *SHAPES)
        self._words = {word: self.tokenizer(f" {word}")["input_ids"] for word in words} | {NOTHING: [self._id(NOTHING)]}
        assert all(len(ids) == 1 for ids in self._words.values())

    def groups(self, lessons: Sequence[Lesson]) -> list[Group]:
        """One group a lesson: its queries with their answers are branches behind the video."""
        groups = []
        for lesson in lessons:
            rows, shared = self._prompt(lesson.frames)
            branches = []
            for event, query in zip(lesson.events, lesson.queries, strict=True):
                question = rows[query].ids[shared:]
                text = say(Answer((Span(float(event.start_s), float(event.end_s)),)), _sample(""), self.rules)
                answer = [*self.tokenizer(text)["input_ids"], self._id("<|im_end|>")]
                branches.append(Branch(question + answer, [IGNORED] * len(question) + answer))
            row = next(iter(rows.values()))
            video = encode(self.inputs.processor, self.inputs.family, lesson.frames, "cpu")
            groups.append(Group(Row(row.ids[:shared], row.positions[:, :shared]), video, branches))
        return groups

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
        return [event.colour] if lesson.level <= FULL_FRAME else [event.colour, event.shape]

    def _prompt(self, frames: Frames) -> tuple[dict[str, Row], int]:
        """The prompt of every query at these times, and how many tokens they share."""
        key = frames.time_s.tobytes()
        if key not in self._prompts:
            texts = [self.rules.question(_sample(query), "direct") for query in QUERIES]
            rows, _ = self.inputs.build(frames, self.rules.prompt, texts, "cpu")
            self._prompts[key] = dict(zip(QUERIES, rows, strict=True)), shared_length(rows)
        return self._prompts[key]

    def _id(self, token: str) -> int:
        return int(self.tokenizer.convert_tokens_to_ids(token))


def _sample(query: str) -> Sample:
    """A question without a truth, as lessons ask it."""
    return one_query("", 1.0, query, ())
