"""The reward for highlights: which clips were named, and how well they were scored."""

from collections.abc import Sequence
from typing import Any

from tasks.answer import Answer
from tasks.errors import InputError
from tasks.kinds.highlights import CLIPS, clip_scores
from tasks.parsers import parser
from tasks.protocol import Protocol
from trainers.rewards.common import Completion, named, texts

KINDS = ("highlights",)
RECALL, SCORE = 0.6, 0.4  # Weights of F2 and of the scores
BETA_SQUARED = 4.0  # Of F2: recall counts for four times as much as precision
Saliency = Sequence[Sequence[float]]


def timestamp(
    completions: Sequence[Completion],
    *,
    saliency: Sequence[Saliency | None],
    duration_s: Sequence[float],
    protocol: Protocol | None = None,
    **_: Any,
) -> list[float | None]:
    """R = 0.6 * F2 + 0.4 / (1 + WMSE), in [0, 1].

    Source: TempSamp-R1, section 3.3 (timestamp matching reward), which gives this sum, "a recall-weighted F-measure over matched
    timestamps" and a WMSE "with weights derived from the squared ground-truth scores". The rest is ours:

    - A clip of 2 s has the mean score g of its annotators; it is a highlight if g > 0. Times mark clips by the protocol's rule.
    - F2 = 5 m / (4 n + p): m highlights marked, n highlights, p clips marked. Each time behind the end counts into p.
    - WMSE = sum g² (s - g)² / sum g² over the highlights, with s = 0 for one that was not marked: a reply that names a single
      clip cannot earn the second term by scoring that one well. Marks elsewhere cost precision only.

    - Nothing to read, more times than scores or fewer (truncated inside a list): 0. A clip named twice has the mean score.
    - Order plays no part. Huge scores: the second term goes to 0; huge times are wrong marks. `nan` is no number.
    - No saliency, or no highlight in it: None.

    Args:
        protocol: Whose parser and rule from times to clips to use; `qvh-hl-aligned` if None.

    Raises:
        InputError: The protocol does not ask for times and scores.
    """
    rule = protocol or named("qvh-hl-aligned")
    if rule.score.saliency not in CLIPS or "{start}" in rule.answer.template:
        expected = f"a protocol that asks for times and scores, with one of the `saliency` rules {', '.join(CLIPS)}"
        raise InputError(expected, f"{rule.name}: {rule.score.saliency}, {rule.answer.template}", "reward score")
    read = parser(rule.answer)
    rows = zip(texts(completions), saliency, duration_s, strict=True)
    return [None if clips is None else _row(rule, read(text), clips, seconds) for text, clips, seconds in rows]


def _row(protocol: Protocol, prediction: Answer, saliency: Saliency, duration_s: float) -> float | None:
    truth = [sum(scores) / len(scores) for scores in saliency]
    highlights = {clip for clip, score in enumerate(truth) if score > 0}
    if not highlights:
        return None
    if not prediction.marks:
        return 0.0
    times = {time for time, _ in prediction.marks}
    inside = {time for time in times if time <= duration_s}
    marked = {max(0, CLIPS[protocol.score.saliency](time)) for time in inside}
    named_clips = len(marked) + len(times - inside)
    f2 = (1 + BETA_SQUARED) * len(marked & highlights) / (BETA_SQUARED * len(highlights) + named_clips)
    scores = clip_scores(protocol, prediction, duration_s)
    errors = [(truth[clip] ** 2, scores[clip] - truth[clip]) for clip in sorted(highlights)]
    # Multiplied, not raised to a power: that overflows into an exception.
    wmse = sum(weight * (error * error) for weight, error in errors) / sum(weight for weight, _ in errors)
    return RECALL * f2 + SCORE / (1 + wmse)
