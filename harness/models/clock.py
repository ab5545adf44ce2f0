"""The times a model is told, read back from what really reaches it, and compared with the times of the frames."""

import math
import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from harness.frames import ROUNDING_S, Frames
from harness.models import families
from harness.models.families import TICKS, Family, Stamps
from harness.models.families.qwen3_vl import STAMPS
from harness.models.verdict import WHOLE_S
from tasks.errors import InputError

WRITTEN = Stamps(r"Frame at (\d{1,9}\.\d)s:$")
"""Times that a protocol with `times = "text"` has written before each frame, where the family tells none."""

Floats = NDArray[np.floating[Any]]


class ClockError(InputError):
    """The model would be told wrong times. Stops the run: every answer would be wrong in the same way."""


def metadata(family: str, frames: Frames) -> dict[str, Any]:
    """Video metadata from which the processor of a family derives the true clock."""
    return families.of(family).metadata(frames)


def check_grid(frames: Frames, patch: int) -> Floats:
    """Grid times of the first frames of temporal patches, `(patches,)` s. Raises ClockError if one is off by over `slack_s`."""
    grid = np.arange(len(frames.time_s), dtype=np.float64) * frames.interval_s
    _compare(frames.time_s, grid, frames.slack_s + ROUNDING_S, f"the frames that {frames.decoder} returned")
    return grid[::patch]


def check_seconds(seconds: float, frames: Frames, patch: int) -> None:
    """Check Qwen2.5-VL's `second_per_grid_ts` (seconds per temporal patch). Raises ClockError."""
    starts = np.arange(len(frames.time_s) // patch + 1, dtype=np.float64)
    source = f"second_per_grid_ts from the processor of transformers {transformers.__version__}"
    _compare(starts * seconds, starts * patch * frames.interval_s, ROUNDING_S, source)


def check_ids(positions: torch.Tensor, frames: Frames, patch: int, rate: float) -> None:
    """Check the temporal position ids `(video tokens,)` of Qwen2.5-VL, `rate` a second, `patch` frames a temporal patch.

    Raises ClockError where a patch is off by more than the resolution of the positions.
    """
    grid = check_grid(frames, patch)
    ids = positions.cpu().numpy().reshape(len(grid), -1).astype(np.float64)
    source = f"temporal position ids (get_rope_index, transformers {transformers.__version__})"
    for column in (0, -1):
        _compare((ids[:, column] - ids[0, 0]) / rate, grid, 1.0 / rate + ROUNDING_S, source)


def check_stamps(texts: Sequence[str], frames: Frames, told: Stamps) -> float:
    """Check the timestamps in the decoded text beside each visual block; their resolution in seconds.

    Raises ClockError where a block has none, or one that is not the time of its frames: cut to whole seconds where it has no
    tenths, rounded to them where it has.
    """
    check_grid(frames, told.frames)
    source = f"text timestamps from the processor of transformers {transformers.__version__}"
    found = [match for text in texts if (match := re.search(told.pattern, text)) is not None]
    blocks = frames.time_s.reshape(-1, told.frames)
    true = blocks.mean(axis=1) if told.of == "mean" else blocks[:, 0]
    if len(found) != len(texts) or len(found) != len(true):
        seen = f"{len(found)} timestamps beside {len(texts)} blocks"
        raise ClockError(f"{len(true)} blocks with a timestamp each", seen, f"look at {source}")
    heard = np.array([_seconds(match) for match in found])
    if any("." in match[match.lastindex or 0] for match in found):
        _compare(heard, true, ROUNDING_S + 1e-4, source)
        return 2 * ROUNDING_S
    _compare(heard, np.array([math.floor(round(float(time) * TICKS) / TICKS) for time in true]), 1e-4, source)
    return WHOLE_S


def texts_beside(tokenizer: Any, ids: Sequence[int], family: Family, side: str) -> list[str]:
    """The text before or after each visual block of a prompt, decoded from its token ids; "" where there is none."""
    pictures, around = (known_ids(tokenizer, tokens) for tokens in (family.pictures, family.around))
    runs = [(visual, list(run)) for visual, run in groupby(ids, lambda token: token in pictures | around)]
    beside = []
    for index, (visual, run) in enumerate(runs):
        if visual and pictures.intersection(run):
            place = index - 1 if side == "before" else index + 1
            beside.append(tokenizer.decode(runs[place][1]) if 0 <= place < len(runs) else "")
    return beside


def known_ids(tokenizer: Any, tokens: Sequence[str]) -> set[int]:
    """The ids of those tokens that a tokenizer knows; of others, some give the id of an unknown word."""
    found = zip(tokens, tokenizer.convert_tokens_to_ids(list(tokens)), strict=True)
    return {token for text, token in found if token is not None and tokenizer.convert_ids_to_tokens(token) == text}


def stamps(texts: Sequence[str]) -> list[float]:
    """The times in seconds at the end of those texts that end in Qwen3-VL's timestamp."""
    return [_seconds(match) for text in texts if (match := re.search(STAMPS.pattern, text)) is not None]


def _seconds(match: re.Match[str]) -> float:
    """Seconds of a timestamp whose groups are seconds, or minutes and seconds."""
    *minutes, seconds = match.groups()
    return 60 * sum(map(int, minutes)) + float(seconds)


def _compare(encoded: Floats, true: Floats, tolerance: float, source: str) -> None:
    error = np.abs(encoded - true)
    worst = int(np.argmax(error))
    if not error[worst] <= tolerance:
        expected = f"{true[worst]:.3f} s (+- {tolerance:.3f} s) for entry {worst} of {len(true)}"
        raise ClockError(expected, f"{encoded[worst]:.3f} s from {source}", f"do not trust this stack; look at {source}")
