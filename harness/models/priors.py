"""What answers without a look at the video can know of a train split: the best constant span, by place, and the usual option."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tasks import kinds
from tasks.answer import Answer
from tasks.metrics import Floats, iou
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.span import Span

GRID_POINTS = 51
COARSE_POINTS, MOST_SAMPLES = 21, 1_000
"""Where every candidate is judged by the kind itself."""
PLACES, MOST_EVENTS = 40, 800
"""Steps of the video, and events of each place, that `by_place` looks at."""
PRIORS = {
    ("anet", "moment"): (0.0, 1.0),
    ("anet-dense", "pairs"): (0.0, 1.0),
    ("anet-tal", "instances"): (0.15, 0.85),
    ("charades", "moment"): (0.0, 0.46),
    ("charades-cd", "moment"): (0.0, 0.4),
    ("charades-cg", "moment"): (0.0, 0.44),
    ("qvhighlights", "moment"): (0.0, 0.98),
    ("qvhighlights", "windows"): (0.0, 0.98),
    ("qvhighlights", "highlights"): (0.0, 0.98),
    ("tacos", "moment"): (0.1, 0.9),
}
"""`best_constant_span` of train splits that never change, as fractions of the duration: a table need not read them again."""


def best_constant_span(samples: Sequence[Sample], relative: bool, protocol: Protocol | None = None) -> tuple[float, float]:
    """The one span that is worth most over the samples, the same for all.

    For one moment a query, by mean IoU with the first target (with all of several sentences) on a grid of 51 points; for other
    kinds by the main metric of the protocol's kind over at most 1,000 samples, on a grid of 21.

    Args:
        samples: Usually a train split.
        relative: Whether the span is a fraction of the duration, or seconds (grid up to the 99th percentile of the ends).
        protocol: How answers are judged; None for one moment.

    Returns:
        Start and end, as fractions or as seconds rounded to two decimals.
    """
    kind = "moment" if protocol is None else protocol.kind
    every = kind == "pairs"
    targets = np.array([span for s in samples for span in s.truth.spans[: None if every else 1]], dtype=np.float64)
    scale = np.array([s.duration_s if relative else 1.0 for s in samples for _ in s.truth.spans[: None if every else 1]])
    targets = targets / scale[:, None]
    top = 1.0 if relative else float(np.quantile(targets[:, 1], 0.99))
    if protocol is None or kind in ("moment", "windows", "highlights", "pairs"):
        return max(_candidates(top, GRID_POINTS), key=lambda span: _mean_iou(span, targets))
    chosen = samples[:: -(-len(samples) // MOST_SAMPLES)]
    judge, column = kinds.find(kind).values, "set-mIoU" if kind == "choice" else kinds.find(kind).main

    def worth(span: tuple[float, float]) -> float:
        lengths = [s.duration_s if relative else 1.0 for s in chosen]
        answers = [Answer((Span(span[0] * d, span[1] * d),), option=s.truth.option) for s, d in zip(chosen, lengths, strict=True)]
        return float(np.nanmean(judge(chosen, answers, protocol)[column]))

    return max(_candidates(top, COARSE_POINTS), key=worth)


def _candidates(top: float, points: int) -> list[tuple[float, float]]:
    grid = np.round(np.linspace(0, top, points), 2).tolist()
    return [(low, high) for i, low in enumerate(grid) for high in grid[i + 1 :]]


def _mean_iou(span: tuple[float, float], targets: Floats) -> float:
    return float(iou(np.broadcast_to(span, targets.shape), targets).mean())


def by_place(samples: Sequence[Sample]) -> Callable[[Sample], tuple[Span, ...]]:
    """From a sample with N sentences to the span that fits event i of N best in a train split, of each event.

    Spans are fractions of the duration on a grid of 1/40; the first 800 events of each place are looked at. Where the split has
    no video with N events, they are equal parts in order.
    """
    events: Mapping[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    for sample in samples:
        for i, (start, end) in enumerate(sample.truth.spans):
            if len(place := events[len(sample.truth.spans), i]) < MOST_EVENTS:
                place.append((float(start) / sample.duration_s, float(end) / sample.duration_s))
    grid = [(low / PLACES, high / PLACES) for low in range(PLACES) for high in range(low + 1, PLACES + 1)]
    best = {place: _best(np.array(grid), np.array(targets)) for place, targets in events.items()}

    def answer(sample: Sample) -> tuple[Span, ...]:
        n = len(sample.queries)
        shares = [best.get((n, i), (i / n, (i + 1) / n)) for i in range(n)]
        return tuple(Span(low * sample.duration_s, high * sample.duration_s) for low, high in shares)

    return answer


def _best(candidates: Floats, targets: Floats) -> tuple[float, float]:
    low = np.maximum(candidates[:, None, 0], targets[None, :, 0])
    overlap = np.maximum(np.minimum(candidates[:, None, 1], targets[None, :, 1]) - low, 0)
    union = (candidates[:, 1] - candidates[:, 0])[:, None] + np.maximum(targets[:, 1] - targets[:, 0], 0) - overlap
    start, end = candidates[int((overlap / union).mean(axis=1).argmax())].tolist()
    return start, end


def usual_option(samples: Sequence[Sample]) -> str | None:
    """The letter that is right most often, of equals the first; None where there are no options."""
    counts = Counter(sample.truth.option for sample in samples if sample.truth.option)
    return min(counts, key=lambda letter: (-counts[letter], letter)) if counts else None
