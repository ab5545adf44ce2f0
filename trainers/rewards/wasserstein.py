"""The reward of TimeLens2: how far time has to be carried from the spans of a reply to the true ones."""

import math
from collections.abc import Sequence
from typing import Any

from tasks.errors import InputError
from tasks.kinds.union import Pair, merged
from tasks.parsers import reader
from tasks.protocol import Protocol
from tasks.span import Span
from trainers.rewards.common import Completion, Targets, alternatives, lasting, named, texts

KINDS = ("moment", "windows", "union", "choice", "instances", "retrieval", "seconds")


def wasserstein(
    completions: Sequence[Completion],
    *,
    targets: Sequence[Targets],
    duration_s: Sequence[float],
    kind: Sequence[str],
    beta: float = 1.0,
    protocol: Protocol | None = None,
    **_: Any,
) -> list[float | None]:
    """R = exp(-beta * W1 / |G|), in [0, 1]: W1 between two uniform distributions, |G| the seconds that are true.

    One distribution lies on all spans of the reply, overlapping ones merged, the other on all targets. W1 is the area between
    their distribution functions, in seconds. Unlike IoU it still rises where nothing overlaps.

    Source: TimeLens2 grpo/timelens/rewards/metrics.py, temporal_wasserstein_reward (2eb53e2); its recipe has beta 1 (`twass1`)
    beside `set_iou` (`tiou`) and -1 for what cannot be read (`parse_penalty`), weights 1; the function's own default is 3.

    - Read by the protocol, not by the original's parser, which turns reversed spans around.
    - Nothing to read, truncated, no span with a length, no target with one: 0. A span without length covers nothing.
    - `nan` is no number. Huge times: 0. Several alternatives of a moment, which the original does not know: the best.
    - No targets: None.

    Args:
        beta: How fast it falls.
        protocol: Whose parser to use; `default` if None.

    Raises:
        InputError: beta is not above 0.
    """
    if not beta > 0:
        raise InputError("beta above 0", str(beta), "settings: {beta: 1.0}")
    read = reader(protocol or named("default"))
    rows = zip(texts(completions), targets, duration_s, kind, strict=True)
    return [
        max(_value(read(text, seconds).spans, truth, beta) for truth in alternatives(name, spans)) if len(spans) else None
        for text, spans, seconds, name in rows
    ]


def _value(said: Sequence[Span], targets: Targets, beta: float) -> float:
    given, true = merged(lasting(said)), merged(lasting(targets))
    if not given or not true:
        return 0.0
    return math.exp(-beta * distance(given, true) / length(true))


def distance(left: Sequence[Pair], right: Sequence[Pair]) -> float:
    """W1 in seconds between uniform distributions on two lists of spans, each in order of time and apart."""
    turns = [
        (at, change)
        for spans, share in ((left, 1 / length(left)), (right, -1 / length(right)))
        for span in spans
        for at, change in ((span[0], share), (span[1], -share))
    ]
    area = gap = slope = before = 0.0
    for at, change in sorted(turns):
        after = gap + slope * (at - before)
        low, high = abs(gap), abs(after)
        # Where the functions cross, two triangles lie between them in place of a trapezoid.
        height = (low**2 + high**2) / (low + high) if gap * after < 0 else low + high
        area += height * (at - before) / 2
        gap, slope, before = after, slope + change, at
    return area


def length(spans: Sequence[Pair]) -> float:
    """Seconds that spans cover which are apart."""
    return float(sum(end - start for start, end in spans))
