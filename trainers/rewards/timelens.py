"""The reward of TimeLens."""

from collections.abc import Sequence
from typing import Any

from tasks.parsers.rewards.timelens import parse
from trainers.rewards.common import Completion, Targets, best, hull_iou, texts

KINDS = ("moment", "windows")


def timelens(completions: Sequence[Completion], *, targets: Sequence[Targets], **_: Any) -> list[float | None]:
    """R = IoU of the first span read, in [0, 1]; overlap over hull.

    Source: TimeLens training/train/reward_funcs.py, tiou_reward (5d90c06), its only reward; `think_answer` with strip=False is
    there and off.

    - Reproduced: the answer counts only behind a leading thought, otherwise the whole reply is read, so `<answer>…</answer>`
      alone is read as well as a truncated one; the first of several spans counts; `12.5s - 17.8s` is read as 12 to 17 and earns
      0.776 of 12.5 to 17.8; `12.5to17.8` is read here though not by the evaluation.
    - Nothing to read, start >= end: 0. `nan` is no number. Huge times: near 0. An empty or reversed target: 0.
    - Several targets: the best; the original takes the first. None: None.
    """
    return [best(parse(text), spans, hull_iou) for text, spans in zip(texts(completions), targets, strict=True)]
