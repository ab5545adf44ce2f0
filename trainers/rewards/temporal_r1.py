"""The reward of Temporal-R1."""

from collections.abc import Sequence
from typing import Any

from tasks.parsers.rewards.temporal_r1 import parse, well_formed
from trainers.rewards.common import Completion, Targets, best, hull_iou, texts

KINDS = ("moment", "windows")
IOU_WEIGHT, FORMAT_WEIGHT = 0.5, 0.5


def temporal_r1(completions: Sequence[Completion], *, targets: Sequence[Targets], **_: Any) -> list[float | None]:
    """R = 0.5 * IoU + 0.5 * format, in [0, 1]; overlap over hull.

    Source: Temporal-R1 verl/utils/reward_score/tvg.py (f364f6c; an earlier version weighs them 0.9 and 0.1). The original divides
    all times by the duration, which leaves IoU as it is.

    - IoU reads the first answer tag as JSON with `start_time` and `end_time`, wherever it stands. The format wants a thought,
      then that JSON with quoted numbers, the start first, and nothing around.
    - Reproduced: unquoted numbers or swapped keys lose the whole half of the format, and so does a line break behind the reply;
      `"1.2.3"` has the format and no IoU.
    - Nothing to read, truncated: 0. Reversed or empty span: IoU 0. `NaN`, infinite or overlong numbers: IoU 0 (a NaN may score
      there, by the order of a comparison). Several answers: the first.
    - Several targets, which the original does not know: the best. None: None. An empty or reversed target: IoU 0.
    """
    found = [(text, best(parse(text), spans, hull_iou)) for text, spans in zip(texts(completions), targets, strict=True)]
    return [None if iou is None else IOU_WEIGHT * iou + FORMAT_WEIGHT * well_formed(text) for text, iou in found]
