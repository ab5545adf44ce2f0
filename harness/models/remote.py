"""A checkpoint's own processor code, run with --trust-remote-code: only where the prompt built here is the one that it writes."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.frames import Frames
from harness.models import adapters, families, prompt
from harness.models.checkpoint import Checkpoint
from harness.models.inputs import Inputs
from tasks.errors import InputError
from tasks.rules import PromptRules

MODULES = "transformers_modules"
"""Where transformers puts the code of checkpoints."""

QUESTION = "When does it happen?"
INTERVALS_S = (1.0, 400.0)
"""Of the frames of two clips: one of seconds, and one of an hour, where a clock could turn to minutes."""

STEP = "write a model in a file, which calls that code itself: --model FILE.py:CLASS (docs/own-model.md)"


def check(inputs: Inputs, rules: PromptRules, checkpoint: Checkpoint) -> dict[str, Any]:
    """Ask the checkpoint's code for whole prompts on clips of uneven times, and compare them with those that are built here.

    For `run.json`: its classes, and a hash of the Python files in the checkpoint; empty without such code. Raises InputError
    where the prompts differ, the code fails, or it writes text into the video that is not the family's own clock, which is read
    back from every prompt: of such text nobody could say whether its times are right.
    """
    classes = sorted({f"{type(part).__module__.rpartition('.')[2]}.{type(part).__qualname__}" for part in _remote(inputs)})
    if not classes:
        return {}
    expected = f"a processor of its own ({', '.join(classes)}) that writes the prompt of family {inputs.family}"
    for interval_s in INTERVALS_S:
        frames = _uneven(inputs, interval_s)
        try:
            whole = _Whole(inputs.processor, *prompt.render(inputs.processor, rules, QUESTION))
            prompt.encode(whole, inputs.family, frames, "cpu")
            said = whole.gave["input_ids"][0].tolist()
            _check_text(inputs, said, expected)
            (row,), _ = inputs.build(frames, rules, [QUESTION], "cpu")
        except InputError as error:
            raise InputError(error.expected, error.found, STEP) from error
        except Exception as error:  # code of a checkpoint can raise whatever Python can
            raise InputError(expected, f"{type(error).__name__}: {error}"[:500], STEP) from error
        if said != row.ids:
            ours, theirs = (inputs.processor.tokenizer.decode(ids)[:400] for ids in (row.ids, said))
            raise InputError(expected, f"the template writes {theirs!r}, where {ours!r} would be asked", STEP)
    return {"classes": classes, "sha256": _sha256(checkpoint)}


class _Whole:
    """Stands in for a processor that is asked to encode a video: gives it the whole prompt, and keeps what it gave."""

    def __init__(self, processor: Any, before: str, after: str) -> None:
        self._processor, self._before, self._after = processor, before, after
        self.gave: Any = {}

    def __call__(self, *, text: list[str], **keywords: Any) -> Any:
        self.gave = self._processor(text=[self._before + text[0] + self._after], **keywords)
        return self.gave

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)


def _remote(inputs: Inputs) -> Iterator[Any]:
    processor = inputs.processor
    for part in (processor, *(getattr(processor, name, None) for name in ("tokenizer", "image_processor", "video_processor"))):
        if type(part).__module__.partition(".")[0] == MODULES:
            yield part


def _uneven(inputs: Inputs, interval_s: float) -> Frames:
    """Four temporal patches of grey frames, each off its place by up to a quarter of the interval."""
    count, side = 4 * inputs.patch, 2 * inputs.pixel_factor
    moved = np.random.default_rng(0).uniform(-0.25, 0.25, count) * interval_s
    times_s = np.arange(count, dtype=np.float64) * interval_s + np.where(np.arange(count) == 0, 0.0, moved)
    pixels = np.full((count, side, side, 3), 128, dtype=np.uint8)
    return Frames(pixels, times_s, interval_s, 0.25 * interval_s, "made")


def _check_text(inputs: Inputs, ids: list[int], expected: str) -> None:
    """Refuse several visual blocks with text between them in a family that has one. Raises InputError."""
    texts = prompt.texts_before_blocks(inputs.processor.tokenizer, ids)
    if not families.of(inputs.family).blocks and len(texts) != 1:
        shown = ", ".join(repr(text) for text in texts[1:4])
        found = f"the template writes {shown} … between {len(texts)} visual blocks: a clock that is not the family's"
        raise InputError(expected, found, STEP)


def _sha256(checkpoint: Checkpoint) -> str:
    """Over the names and contents of the Python files of a checkpoint."""
    digest = hashlib.sha256()
    for folder in dict.fromkeys((adapters.weights_folder(checkpoint), adapters.processor_folder(checkpoint))):
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()
