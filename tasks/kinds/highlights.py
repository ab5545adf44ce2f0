"""Highlights: how well scores of clips of 2 s rank the clips that annotators liked."""

from collections.abc import Callable, Sequence

import numpy as np

from tasks.answer import Answer
from tasks.highlights import CLIP_S, LEVELS, centre, flat, highlight_detection
from tasks.kinds import Columns, Kind
from tasks.protocol import Protocol
from tasks.sample import Sample

CLIPS: dict[str, Callable[[float], int]] = {
    "t/2": lambda time: int(time / 2),
    "(t-1)/2": lambda time: int((time - 1) / 2),
    "t/2-1": lambda time: int(time / 2) - 1,
    "nearest": lambda time: int(time / 2),
}
"""The clip that a time in seconds marks, by rule."""
HEADINGS = {"HL-min-VeryGood-mAP": "HL-mAP", "HL-min-VeryGood-Hit1": "HIT@1"}
HEADINGS |= {f"HL-min-{level}-{metric}": "" for level in ("Fair", "Good") for metric in ("mAP", "Hit1")}


def values(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Columns:
    """The official metrics of QVHighlights by level, `HL-min-VeryGood-mAP` and `HL-min-VeryGood-Hit1` …; NaN without clips."""
    asked = [i for i, sample in enumerate(samples) if sample.truth.clips is not None]
    given = [clip_scores(protocol, answers[i], samples[i].duration_s) for i in asked]
    found = highlight_detection(given, [samples[i].truth.clips or () for i in asked])
    columns = {}
    for place, level in enumerate(LEVELS):
        for metric, column in (("mAP", found.ap[:, place]), ("Hit1", found.hit[:, place])):
            columns[f"HL-min-{level}-{metric}"] = whole = np.full(len(samples), np.nan)
            whole[asked] = column
    return columns


KIND = Kind(needs=("clips",), main="HL-min-VeryGood-mAP", values=values, headings=HEADINGS)


def clip_scores(protocol: Protocol, answer: Answer, duration_s: float) -> list[float]:
    """Scores of the whole clips of 2 s of a video; all 0 where nothing was read.

    Several times in one clip are averaged; times behind the end mark nothing, and early ones that a rule puts before the
    first clip mark the first.

    Args:
        protocol: Its `saliency` rule applies, to spans or to pairs of time and score.
        answer: Its `clips` are returned as they are, if it has any.

    Source: TimeChat utils/format_vhd.py, format_vhd_output; TRACE trace/eval/reformat_vhd.py.
    """
    if answer.clips is not None:
        return [score for (score,) in answer.clips]
    clips, rule = int(duration_s / CLIP_S), protocol.score.saliency
    if rule == "none":
        return [0.0] * clips
    if rule in ("flat", "centre"):
        return (flat if rule == "flat" else centre)(answer.spans, clips)
    given: list[list[float]] = [[] for _ in range(clips)]
    for time, score in answer.marks:
        if 0 <= (clip := max(0, CLIPS[rule](time)) if time <= duration_s else clips) < clips:
            given[clip].append(score)
    return [sum(scores) / len(scores) if scores else 0.0 for scores in given]
