"""The reward for moments: what the harness would score."""

from collections.abc import Sequence
from typing import Any

from tasks.kinds import moment
from tasks.parsers import reader
from tasks.protocol import Protocol
from tasks.span import Span
from trainers.rewards.common import Completion, Targets, named, texts

KINDS = ("moment", "windows")


def iou(
    completions: Sequence[Completion],
    *,
    targets: Sequence[Targets],
    duration_s: Sequence[float],
    protocol: Protocol | None = None,
    signed: bool = False,
    **_: Any,
) -> list[float | None]:
    """IoU of the reply with the target it matches best, read and computed by the rules of a protocol.

    By default R = |P ∩ G| / |P ∪ G|, the value `harness score` gives the sample, in [0, 1].

    With `signed`, R = (min(e_p, e_g) - max(s_p, s_g)) / (max(e_p, e_g) - min(s_p, s_g)) as TempSamp-R1 prints it (section 3.3,
    IoU reward): the same where spans overlap, and minus the gap as a share of the hull where they do not, in [-1, 1]. The
    paper calls it a ratio of intersection and union and does not say whether it clamps; so both forms exist and the
    clamped one is the default. The protocol's rounding and unit apply to both, its IoU variant to the unsigned form only.

    - Nothing to read, truncated inside the answer tag, reversed or empty span: 0; signed -1, since with 0 it would pay to be
      silent rather than near.
    - Several spans: the first counts; the `careful` parser refuses all if one is reversed.
    - `nan` is no number. Huge times: IoU near 0. Several targets: the best. Target empty or reversed: 0, signed -1. None: None.

    Args:
        protocol: Whose rules to use; `default` if None.
        signed: Whether to use the signed form.
    """
    rule = protocol or named("default")
    read = reader(rule)
    value = _signed if signed else _scored
    rows = zip(texts(completions), targets, duration_s, strict=True)
    return [value(rule, read(text, d).spans, [Span(*t) for t in spans], d) if len(spans) else None for text, spans, d in rows]


def _scored(protocol: Protocol, predicted: moment.Spans, targets: moment.Spans, duration_s: float) -> float:
    return float(moment.ious(protocol, [predicted], [targets], [duration_s]).item())


def _signed(protocol: Protocol, predicted: moment.Spans, targets: moment.Spans, duration_s: float) -> float:
    (left,), (right,) = moment.adjusted(protocol, [predicted[:1]], [targets], [duration_s])
    pairs = [tuple(map(float, (*span, *target))) for span in left for target in right]
    valid = [(s, e, start, end) for s, e, start, end in pairs if s < e and start < end]
    return max(((min(e, end) - max(s, start)) / (max(e, end) - min(s, start)) for s, e, start, end in valid), default=-1.0)
