"""Our scorers against the loops of the official evaluators, told in our own words: equal numbers, and how much faster.

    python tests/benchmarks/against_official.py [--write]

Generated answers of the sizes that papers score. Written anew after: moment_detr's standalone_eval (b7e553a), NExT-GQA's
eval_ground.py (63772e0) and ActivityNet's eval_detection.py (82304fa), whose tables of pandas are plain lists here. The loops
compute what their evaluator prints; ours compute all columns of a protocol, the official ones among them.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from ratios import arguments, seconds, show, table

from tasks import kinds, protocol
from tasks.answer import Answer
from tasks.highlights import LEVELS
from tasks.kinds import instances
from tasks.moments import LENGTHS, THRESHOLDS
from tasks.protocol import LETTERS, Protocol
from tasks.sample import Sample, one_query
from tasks.span import Span

Numbers = dict[str, float]
TEXT = """The same answers give the same numbers, to 1e-9. Ratio: time of the evaluator's loops over time of ours."""


def detection_ap(true: Sequence[Any], said: Sequence[Any], thresholds: Sequence[float]) -> np.ndarray:
    """`(t,)` AP of windows (video, start, end, score) against true ones (video, start, end), as both AP evaluators do it."""
    ranked = sorted(said, key=lambda window: -window[3])
    of_video = defaultdict(list)
    for number, (video, start, end) in enumerate(true):
        of_video[video].append((number, start, end))
    taken = np.zeros((len(thresholds), len(true)), dtype=bool)
    right = np.zeros((len(thresholds), len(ranked)))
    for place, (video, start, end, _) in enumerate(ranked):
        near = np.array(of_video.get(video, []), dtype=float).reshape(-1, 3)
        shared = np.maximum(0.0, np.minimum(end, near[:, 2]) - np.maximum(start, near[:, 1]))
        overlap = shared / ((near[:, 2] - near[:, 1]) + (end - start) - shared)
        for row, threshold in enumerate(thresholds):
            for best in overlap.argsort()[::-1]:
                if overlap[best] < threshold:
                    break
                if not taken[row, int(near[best, 0])]:
                    taken[row, int(near[best, 0])] = True
                    right[row, place] = 1
                    break
    found = right.cumsum(axis=1)
    return np.array([area(row / np.arange(1, len(ranked) + 1), row / len(true)) for row in found])


def area(precision: np.ndarray, recall: np.ndarray) -> float:
    """Area under the precision, made monotone from the right."""
    precision, recall = np.hstack([0, precision, 0]), np.hstack([0, recall, 1])
    for i in range(len(precision) - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    change = np.where(recall[1:] != recall[:-1])[0] + 1
    return float(((recall[change] - recall[change - 1]) * precision[change]).sum())


def ranking_ap(positive: np.ndarray, scores: np.ndarray) -> float:
    """AP of clips: clips of one score are one step; the mean, over the steps at which recall changes, of monotone precision."""
    if len(set(positive.tolist())) == 1:
        return float(positive[0])
    order = np.argsort(-scores, kind="stable")
    found, ends = np.cumsum(positive[order]), np.append(np.diff(scores[order]) != 0, True)
    precision, hits = (found / np.arange(1, len(found) + 1))[ends], found[ends]
    for i in range(len(precision) - 2, -1, -1):
        precision[i] = max(precision[i], precision[i + 1])
    return float(np.mean(precision[np.diff(hits, prepend=0) > 0]))


def qvhighlights_loops(samples: Sequence[Sample], answers: Sequence[Answer]) -> Numbers:
    """mAP, R1 and mIoU of each range of lengths; mAP and HIT@1 of each level of highlights."""
    found: Numbers = {}
    for name, (over, up_to) in LENGTHS.items():
        averages, best = [], []
        for sample, answer in zip(samples, answers, strict=True):
            true = [(0, s, e) for s, e in sample.truth.spans if over < e - s <= up_to]
            if not true:
                continue
            said = [(0, s, e, score) for (s, e), score in zip(answer.spans, answer.scores, strict=True)][:10]
            averages.append(detection_ap(true, said, THRESHOLDS))
            best.append(max(hull(said[0][1:3], window[1:]) for window in true))
        found[f"MR-{name}-mAP"] = float(np.mean(averages))
        if name == "full":
            found |= {f"MR-full-mAP@{t}": float(np.mean(averages, axis=0)[THRESHOLDS.index(t)]) for t in (0.5, 0.75)}
            found |= {f"MR-full-R1@{t}": float(np.mean([value >= t for value in best])) for t in (0.5, 0.7)}
            found["MR-full-mIoU"] = float(np.mean(best))
    for level, least in LEVELS.items():
        averages, hits = [], []
        for sample, answer in zip(samples, answers, strict=True):
            labels = np.array(sample.truth.clips) >= least
            scores = np.array(answer.clips)[:, 0]
            averages.append(np.mean([ranking_ap(column, scores) for column in labels.T]))
            hits.append(bool(labels[np.argmax(scores)].any()))
        found |= {f"HL-min-{level}-mAP": float(np.mean(averages)), f"HL-min-{level}-Hit1": float(np.mean(hits))}
    return found


def hull(said: Sequence[float], true: Sequence[float]) -> float:
    """Overlap over the hull, at least 0."""
    return max(0.0, (min(said[1], true[1]) - max(said[0], true[0])) / (max(said[1], true[1]) - min(said[0], true[0])))


def nextgqa_loops(samples: Sequence[Sample], answers: Sequence[Answer]) -> Numbers:
    """Means over questions of the best IoP and IoU of one span, and of right options whose evidence is right too."""
    sums: Numbers = defaultdict(float)
    for sample, answer in zip(samples, answers, strict=True):
        (start, end), iou, iop = answer.spans[0], 0.0, 0.0
        for low, high in sample.truth.spans:
            iou = max(iou, hull((start, end), (low, high)))
            iop = max(iop, max(0.0, min(end, high) - max(start, low)) / (end - start))
        right = answer.option == sample.truth.option
        sums["mIoU"] += iou
        sums["mIoP"] += iop
        for threshold in (0.3, 0.5):
            sums[f"IoU@{threshold}"] += iou >= threshold
            sums[f"IoP@{threshold}"] += iop >= threshold
        sums["Acc"] += right
        sums["Acc@GQA"] += right and iop >= 0.5
    return {name: value / len(samples) for name, value in sums.items()}


def activitynet_loops(samples: Sequence[Sample], answers: Sequence[Answer]) -> Numbers:
    """mAP over classes and thresholds."""
    true, said = defaultdict(list), defaultdict(list)
    for sample, answer in zip(samples, answers, strict=True):
        true[sample.query] += [(sample.video, s, e) for s, e in sample.truth.spans]
        said[sample.query] += [(sample.video, s, e, x) for (s, e), x in zip(answer.spans, answer.scores, strict=True)]
    thresholds = sorted({threshold for row in instances.RANGES.values() for threshold in row})
    found = np.mean([detection_ap(true[name], said[name], thresholds) for name in true], axis=0)
    places = {name: [thresholds.index(t) for t in row] for name, row in instances.RANGES.items()}
    return {name: float(np.mean(found[place])) for name, place in places.items()}


def spans(draw: random.Random, count: int, longest_s: float = 150.0) -> tuple[Span, ...]:
    """Random moments of 1 to 40 s, to a hundredth of a second."""
    starts = [draw.randrange(0, int(100 * longest_s) - 4000) / 100 for _ in range(count)]
    return tuple(Span(start, start + draw.randrange(100, 4000) / 100) for start in starts)


def qvhighlights(draw: random.Random, count: int) -> tuple[list[Sample], list[Answer]]:
    """Ten windows a query, several true ones, and 75 clips with labels of three annotators."""
    samples, answers = [], []
    for number in range(count):
        clips = [[draw.choice((0, 0, 1, 2, 3, 4)) for _ in range(3)] for _ in range(75)]
        samples.append(one_query(f"v{number}", 150.0, f"q{number}", spans(draw, draw.choice((1, 1, 1, 2, 3, 5))), clips=clips))
        scores = tuple(draw.random() for _ in range(10))
        answers.append(Answer(spans(draw, 10), scores=scores, clips=tuple((round(draw.random(), 2),) for _ in range(75))))
    return samples, answers


def nextgqa(draw: random.Random, count: int) -> tuple[list[Sample], list[Answer]]:
    """One span a question; a tenth of the questions have several windows of evidence."""
    samples, answers = [], []
    for number in range(count):
        truth = Answer(spans(draw, draw.choice((*[1] * 9, 3)), 60), option=draw.choice(LETTERS[:5]))
        samples.append(Sample(video=f"v{number}", duration_s=60.0, queries=("q",), truth=truth, options=tuple("abcde")))
        answers.append(Answer(spans(draw, 1, 60), option=draw.choice(LETTERS[:5])))
    return samples, answers


def activitynet(draw: random.Random, count: int, said: int = 20) -> tuple[list[Sample], list[Answer]]:
    """Twenty spans a question with scores, one to four true ones, 200 classes."""
    samples, answers = [], []
    for number in range(count):
        samples.append(one_query(f"v{number}", 150.0, f"class {number % 200}", spans(draw, draw.choice((1, 1, 1, 2, 4)))))
        answers.append(Answer(spans(draw, said), scores=tuple(draw.random() for _ in range(said))))
    return samples, answers


def ours(kind: str, rules: Protocol, samples: Sequence[Sample], answers: Sequence[Answer]) -> Numbers:
    """The numbers of a protocol; of localization, what is no mean over questions."""
    if kind == "instances":
        return instances.corpus(samples, answers, rules)
    return {name: float(np.nanmean(column)) for name, column in kinds.find(kind).values(samples, answers, rules).items()}


CASES = {
    "QVHighlights, moments and highlights": ("windows", "qvh-official", qvhighlights, 1_550, qvhighlights_loops),
    "NExT-GQA": ("choice", "nextgqa-official", nextgqa, 5_553, nextgqa_loops),
    "ActivityNet, mAP": ("instances", "default-instances", activitynet, 4_734, activitynet_loops),
}


def main() -> None:
    """Command line."""
    options = arguments(__doc__ or "", "the table")
    rows = []
    for name, (kind, protocol_name, make, count, loops) in CASES.items():
        rules = protocol.load(protocol_name)
        count = count // 50 if options.tiny else count
        samples, answers = make(random.Random(0), count)
        expected, found = loops(samples, answers), ours(kind, rules, samples, answers)
        wrong = {key: (value, found[key]) for key, value in expected.items() if not abs(value - found[key]) < 1e-9}
        if wrong:
            raise ValueError(f"{name}: other numbers than the evaluator's: {wrong}")
        ways = {"loops": lambda: loops(samples, answers), "ours": lambda: ours(kind, rules, samples, answers)}  # noqa: B023
        taken = seconds(ways, 1 if options.tiny else 3)
        rows.append((name, f"{count:,}", len(expected), f"{taken['loops'] / taken['ours']:.1f}"))
    shown = table(("evaluator", "questions", "equal numbers", "ratio"), rows)
    show("against_official", "Scoring against the official evaluators", f"{TEXT}\n\n{shown}", options.write, "scipy")


if __name__ == "__main__":
    main()
