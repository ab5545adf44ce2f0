"""The reward of the open TempSamp-R1 implementation."""

from collections.abc import Sequence
from typing import Any

from tasks.parsers.rewards.tempsamp import parse, well_formed
from trainers.rewards.common import Completion, Targets, best, hull_iou, texts
from trainers.rewards.shape import shape_nonlinear

KINDS = ("moment", "windows")
FORMAT_WEIGHT = 0.1


def tempsamp_release(
    completions: Sequence[Completion], *, targets: Sequence[Targets], shaped: bool = True, **_: Any
) -> list[float | None]:
    """R = f(IoU) + 0.1 * format, f of TempSamp-R1's eq. 4 (`shape_nonlinear`); in [0.0868, 0.9018].

    Source: TempSamp-R1 scripts/timelens/timelens_reward.py, compute_score (55a92280). Shaping is switched on by its training
    script; without it R = IoU + 0.1 * format, in [0, 1.1]. The format is two numbers joined by `to`, `and` or a hyphen in the
    first answer tag; it is no thought and no strict form.

    - Reproduced: what cannot be read is an IoU of 0 and so still earns 0.0868; numbers are found without tags too, in a truncated
      answer too; the last `a to b` counts, else the last `a - b`, else the first two numbers; there are no clock times, so
      `00:12 - 00:17` is 12 to 0; `[12.5, 17.8]` is read but has no format.
    - Reversed or empty span: IoU 0. `nan` is no number. Huge times: near 0. An empty or reversed target: IoU 0.
    - Several targets, which the original does not know: the best. None: None.

    Args:
        shaped: Whether f is applied.
    """
    f = shape_nonlinear if shaped else float
    found = [(text, best(parse(text), spans, hull_iou)) for text, spans in zip(texts(completions), targets, strict=True)]
    return [None if iou is None else f(iou) + FORMAT_WEIGHT * well_formed(text) for text, iou in found]


def maximum(_kind: str, shaped: bool = True) -> float:
    """What IoU 1 in the right form earns."""
    return (shape_nonlinear(1.0) if shaped else 1.0) + FORMAT_WEIGHT
