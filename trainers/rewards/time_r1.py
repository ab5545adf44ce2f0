"""The reward of Time-R1's post-training: IoU, less for bounds that are off."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from tasks.metrics import Floats
from tasks.parsers.rewards.time_r1 import parse
from tasks.span import Span
from trainers.rewards.common import Completion, Targets, best, hull_iou, texts

KINDS = ("moment", "windows")


def time_r1(
    completions: Sequence[Completion], *, targets: Sequence[Targets], duration_s: Sequence[float], **_: Any
) -> list[float | None]:
    """R = IoU * (1 - |s - s'| / D) * (1 - |e - e'| / D), D the duration; in (-1, 1] for targets inside the video.

    Source: Time-R1 main.py, iou_timestamp_reward_v2 (7f2b594), with `think_answer` beside it. Read as in `timezero`, IoU too.

    - Reproduced: nothing is clamped, so an end that is off by more than D makes it negative: 10 to 100 for 10 to 20 of 30 s is
      1/9 * (1 - 80/30) = -0.185, worse than silence.
    - Nothing to read, no closed answer tag (truncated), reversed span, no overlap: 0. Several spans: the last counts.
    - `nan` is no number. Huge end: towards -(e - max(s, s')) / D.
    - Not reproduced: a hull without length, see `timezero`; 0. A duration that is not positive (the original raises): 0.
    - Several targets, which the original does not know: the best. None: None.
    """
    rows = zip(texts(completions), targets, duration_s, strict=True)
    return [best(parse(text), spans, partial(_values, duration_s=seconds)) for text, spans, seconds in rows]


def _values(span: Span, targets: Targets, duration_s: float) -> Floats:
    if not duration_s > 0:
        return np.zeros(len(targets))
    off = np.abs(np.asarray(targets, dtype=np.float64) - np.asarray(span, dtype=np.float64)) / duration_s
    return np.asarray(hull_iou(span, targets) * (1 - off[:, 0]) * (1 - off[:, 1]))
