"""The IoU reward of TimeZero, which Time-R1's fine-tuning and VideoChat-R1's joint training use too."""

from collections.abc import Sequence
from typing import Any

from tasks.parsers.rewards.time_r1 import parse
from trainers.rewards.common import Completion, Targets, best, hull_iou, texts

KINDS = ("moment", "windows")


def timezero(completions: Sequence[Completion], *, targets: Sequence[Targets], **_: Any) -> list[float | None]:
    """R = max(0, min(e, e') - max(s, s')) / (max(e, e') - min(s, s')), in [0, 1].

    Source: TimeZero grpo_video.py:97-145 (a7c3523); Time-R1 main.py, iou_timestamp_reward (7f2b594); VideoChat-R1
    grpo_tasks.py. The originals add `think_answer` with weight 1. The last closed answer tag is read, in it the last
    `a to b` or `a and b`.

    - Nothing to read, no closed answer tag (truncated), reversed span: 0. `12.5-17.8` and `12.5s to 17.8s` cannot be read.
    - Several spans: the last counts. `nan` is no number. Huge times: near 0.
    - Not reproduced: where the hull has no length (an empty or reversed target met by an empty or reversed reply) the
      original raises, or pays the IoU of the sample before; here 0.
    - Several targets, which the original does not know: the best. None: None.
    """
    return [best(parse(text), spans, hull_iou) for text, spans in zip(texts(completions), targets, strict=True)]
