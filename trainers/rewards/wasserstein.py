"""The reward of TimeLens2: how far time has to be carried from the spans of a reply to the true ones."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.errors import InputError
from tasks.kinds.union import merged
from tasks.metrics import Floats
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
    left, right = (np.array(spans, dtype=np.float64) for spans in (given, true))
    return math.exp(-beta * distance(left, right) / float((right[:, 1] - right[:, 0]).sum()))


def distance(left: Floats, right: Floats) -> float:
    """W1 in seconds between uniform distributions on two lists of `(n, 2)` spans, in order of time and apart."""
    at = np.unique(np.concatenate([left.ravel(), right.ravel()]))
    gap = _cumulative(left, at) - _cumulative(right, at)
    low, high = np.abs(gap[:-1]), np.abs(gap[1:])
    # Where the functions cross, two triangles lie between them in place of a trapezoid.
    crossed = gap[:-1] * gap[1:] < 0
    height = np.where(crossed, (low**2 + high**2) / np.where(crossed, low + high, 1), low + high)
    return float((height * np.diff(at)).sum() / 2)


def _cumulative(spans: Floats, at: Floats) -> Floats:
    """`(k,)` share of the seconds of spans that lies before each of k times."""
    lengths = spans[:, 1] - spans[:, 0]
    ends = np.cumsum(lengths) / lengths.sum()
    steps = np.stack([np.concatenate([[0.0], ends[:-1]]), ends], axis=1)
    return np.asarray(np.interp(at, spans.ravel(), steps.ravel()))
