"""From frames and a question to what a checkpoint is given by its own processor; the clock is read back from the result."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch

from harness.frames import Frames
from harness.models import clock, prompt
from harness.models.families import Family, Stamps
from tasks.errors import InputError
from tasks.rules import PromptRules

Given = dict[str, Any]
"""Arguments of a model for one prompt: `input_ids` `(1, tokens)`, what goes with them, and the video."""

OWN_FACTOR = 28
"""Sides of frames are multiples of this where the processor resizes them all the same."""


class Processed:
    """Builds the inputs of one checkpoint through its processor."""

    def __init__(self, processor: Any, family: Family) -> None:
        self.processor = processor
        self.family = family
        video = processor.video_processor
        self.pixel_factor: int = OWN_FACTOR if family.own_size else video.patch_size * video.merge_size
        tokens = clock.known_ids(processor.tokenizer, (*family.pictures, *family.around))
        self.visual: tuple[int, ...] = tuple(sorted(tokens))
        self._pictures = clock.known_ids(processor.tokenizer, family.pictures)

    def build(self, frames: Frames, rules: PromptRules, texts: Sequence[str]) -> list[Given]:
        """Whole prompts for user turns on one video, on the CPU. Raises ClockError; InputError for frames of another size."""
        if any(side % self.pixel_factor for side in frames.pixels.shape[1:3]) or len(frames.time_s) % 2:
            expected = f"an even number of frames with sides divisible by {self.pixel_factor}"
            raise InputError(expected, f"{frames.pixels.shape}", "harness show default")
        given = [self._given(frames, rules, text) for text in texts]
        self.heard(given[0], frames, rules)
        return given

    def check(self, rules: PromptRules) -> float | None:
        """Build the inputs for four grey frames at odd times; to how many seconds the clock is right. Raises as `build`."""
        side = 2 * self.pixel_factor
        pixels = np.full((4, side, side, 3), 128, dtype=np.uint8)
        frames = Frames(pixels, np.array([0.0, 1.7, 3.1, 5.2]), 1.7, 0.4, "made")
        return self.heard(self._given(frames, rules, "When?"), frames, rules)

    def heard(self, given: Given, frames: Frames, rules: PromptRules) -> float | None:
        """To how many seconds the clock in a prompt is right; None for the order of the frames alone. Raises ClockError."""
        told = self.family.told if self.family.told is not None or rules.times != "text" else clock.WRITTEN
        if not isinstance(told, Stamps):
            clock.check_grid(frames, 1)
            return None
        ids = given["input_ids"][0].tolist()
        return clock.check_stamps(clock.texts_beside(self.processor.tokenizer, ids, self.family, told.side), frames, told)

    def visual_end(self, given: Given) -> int:
        """The place after the last token of the video."""
        ids = given["input_ids"][0]
        return int(torch.isin(ids, torch.tensor(self.visual)).nonzero().max()) + 1

    def _given(self, frames: Frames, rules: PromptRules, text: str) -> Given:
        before, after = prompt.render(self.processor, rules, text, self.family.slot)
        rendered, tokenizer = before + self.family.placeholder + after, self.processor.tokenizer
        # As `apply_chat_template` does: a template may write the first token itself.
        written = tokenizer.bos_token is not None and rendered.startswith(tokenizer.bos_token)
        made = self.processor(
            text=[rendered],
            videos=[frames.pixels],
            video_metadata=[self.family.metadata(frames)],
            do_sample_frames=False,
            input_data_format="channels_last",
            add_special_tokens=not written,
            return_tensors="pt",
            **self.family.arguments,
        )
        given = {name: value for name, value in made.items() if name != "video_metadata"}
        return self._timed(given, frames) if rules.times == "text" and self.family.told is None else given

    def _timed(self, given: Given, frames: Frames) -> Given:
        """The prompt with the time of each frame, to 0.1 s, written before it."""
        ids = given["input_ids"][0].tolist()
        texts = [prompt.written(time) for time in frames.time_s]
        times = self.processor.tokenizer(texts, add_special_tokens=False)["input_ids"]
        places = self._starts(ids, len(texts))
        bounds = zip([0, *places], [*places, len(ids)], [*times, []], strict=True)
        pieces = [(slice(begin, end), time) for begin, end, time in bounds]

        def filled(row: torch.Tensor, value: int | None) -> torch.Tensor:
            parts = [[*row[0, piece].tolist(), *(time if value is None else [value] * len(time))] for piece, time in pieces]
            return torch.tensor([[token for part in parts for token in part]], dtype=row.dtype)

        values = {"input_ids": None, "attention_mask": 1}
        beside = {name for name, value in given.items() if torch.is_tensor(value) and value.shape == given["input_ids"].shape}
        return {name: filled(value, values.get(name, 0)) if name in beside else value for name, value in given.items()}

    def _starts(self, ids: Sequence[int], count: int) -> list[int]:
        """Where each of `count` frames starts: every visual block is one, or all are in one block of equal parts."""
        starts, place = [], 0
        for visual, run in groupby(ids, lambda token: token in self.visual):
            tokens = list(run)
            if visual and self._pictures.intersection(tokens):
                starts.append((place, len(tokens)))
            place += len(tokens)
        if len(starts) == 1 and count > 1:
            begin, length = starts[0]
            return [begin + index * (length // count) for index in range(count)]
        if len(starts) != count:
            raise InputError(f"{count} visual blocks, one a frame", str(len(starts)), 'a protocol without times = "text"')
        return [begin for begin, _ in starts]
