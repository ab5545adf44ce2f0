"""Every reward on the replies of one training step, as a multiple of the plainest function that could stand in its place.

Both are timed in the same run, so that the machine cancels out: pytest-benchmark is given a clock that counts in calls of the
plain function. Run: make rewards, which fails where a reward has become three times slower than in rewards.json (written by
`python docs/figures.py rewards`).
"""

import re
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from trainers.rewards import find, names
from trainers.rewards.fit import kinds_of

COMPLETIONS, ROUNDS = 64, 30
MOST = 25.0
"""Times the reference. Rewards take milliseconds of a step that takes seconds; this guards against a parser gone quadratic."""

ORDER = ("moment", "highlights", "choice")
"""Kinds of the rows that a reward is timed on, the first that it can score."""

THOUGHT = "First a person walks in at 3.2 and looks around; from 12.50 to 17.80 the door is open. " * 8
SAID = {
    "museg": "{}-{}",
    "museg_format": "{}-{}",
    "videochat_r1_5": "[({}, {})]",
    "temporal_r1": '{{"start_time": "{}", "end_time": "{}"}}',
    "tempr1_option": "B",
    "videochat_answer": "B",
    "videochat_gqa": "B</answer><glue>[({}, {})]</glue>",
    "videochat_gqa_format": "B</answer><glue>[({}, {})]</glue>",
    "timestamp": "The highlight timestamps are in the {}, {} seconds. Their saliency scores are 3.0, 2.0.",
}
PAIR = re.compile(r"<answer>\s*(\d+(?:\.\d+)?)\s*to\s*(\d+(?:\.\d+)?)\s*</answer>")


def reference(completions: Sequence[Any], targets: Sequence[Any], **_: Any) -> list[float]:
    """One regular expression and the IoU of two intervals."""
    values = []
    for completion, ((s, e), *_rest) in zip(completions, targets, strict=True):
        match = PAIR.search(completion[0]["content"])
        start, end = (float(match[1]), float(match[2])) if match else (0.0, 0.0)
        values.append(max(0.0, min(end, e) - max(start, s)) / (max(end, e) - min(start, s)))
    return values


def step(said: str, kind: str = "moment") -> dict[str, Any]:
    """The arguments of one call."""
    close = "" if "</answer>" in said else "</answer>"
    texts = [f"<think>{THOUGHT}</think><answer>{said.format(12.5 + i / 8, 17.5 + i / 8)}{close}" for i in range(COMPLETIONS)]
    row = {"targets": [[12.5, 17.8]], "duration_s": 30.0, "mode": "cot", "saliency": [[0, 0, 0]] * 6 + [[2, 3, 4]] * 9}
    row |= {"kind": kind, "queries": ["a door"], "options": ["x", "y", "z"], "option": "B", "grid": []}
    completions = [[{"role": "assistant", "content": text}] for text in texts]
    return {"completions": completions, **{name: [value] * COMPLETIONS for name, value in row.items()}}


def seconds(function: Callable[..., Any], arguments: dict[str, Any]) -> float:
    """Median of as many calls as a reward gets."""
    taken = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        function(**arguments)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


class Clock:
    """Time in calls of the reference."""

    call_s = 1.0

    def __call__(self) -> float:
        return time.perf_counter() / self.call_s


CLOCK = Clock()


@pytest.mark.benchmark(timer=CLOCK, group="calls of the reference")
@pytest.mark.parametrize("name", names())
def test_a_step_of_replies(name: str, benchmark: BenchmarkFixture) -> None:
    reward, arguments = find(name), step(SAID.get(name, "{} to {}"), next(kind for kind in ORDER if kind in kinds_of(find(name))))
    CLOCK.call_s = seconds(reference, step("{} to {}"))
    values = benchmark.pedantic(reward, kwargs=arguments, rounds=ROUNDS, warmup_rounds=2)
    assert len(values) == COMPLETIONS and None not in values
    if benchmark.enabled:
        ratio = benchmark.stats.stats.median
        benchmark.extra_info["completions per second"] = round(COMPLETIONS / (ratio * CLOCK.call_s))
        assert ratio < MOST
