"""The prompt that reaches a checkpoint, written out: its processor is loaded, its weights are not."""

from itertools import groupby
from typing import Any

import transformers

from harness.frames import Frames
from harness.models import adapters, clock, families, loading, prompt
from harness.models.checkpoint import Checkpoint
from harness.models.options import Options
from harness.models.processed import Processed
from tasks.rules import PromptRules


class Shown:
    """The processor of a checkpoint. Raises InputError where there is none, or it cannot be loaded."""

    def __init__(self, name: str, options: Options) -> None:
        self.checkpoint: Checkpoint = adapters.find(name, options.trust_remote_code)
        self.family = families.of(self.checkpoint.family)
        processors: Any = transformers.AutoProcessor
        with loading.refused(self.checkpoint, options):
            folder = adapters.processor_folder(self.checkpoint)
            self.processor = processors.from_pretrained(folder, trust_remote_code=options.trust_remote_code)
            self._inputs = Processed(self.processor, self.family)
        self.pixel_factor = self._inputs.pixel_factor

    def prompt(self, frames: Frames, rules: PromptRules, text: str) -> str:
        """The prompt of one question, decoded from its token ids; a run of one picture's tokens as one of them and its length."""
        tokenizer = self.processor.tokenizer
        pictures = clock.known_ids(tokenizer, self.family.pictures)
        parts, piece = [], list[int]()
        for token, run in groupby(self._ids(frames, rules, text)):
            tokens = list(run)
            if token not in pictures or len(tokens) == 1:
                piece += tokens
                continue
            parts += [tokenizer.decode(piece), f"{tokenizer.decode([token])} x {len(tokens)} "]
            piece = []
        return "".join([*parts, tokenizer.decode(piece)])

    def _ids(self, frames: Frames, rules: PromptRules, text: str) -> list[int]:
        if not self.family.exact:
            (given,) = self._inputs.build(frames, rules, [text])
            ids: list[int] = given["input_ids"][0].tolist()
            return ids
        video = prompt.encode(self.processor, self.checkpoint.family, frames, "cpu")
        if rules.times == "text" and self.family.told is None:
            video = prompt.timed(video, self.processor.tokenizer, frames)
        before, after = prompt.render(self.processor, rules, text)
        return prompt.splice(self.processor.tokenizer, before, video, after)
