"""Every parser on a megabyte made to hurt it: quadratic matching would take hours, linear matching well under a second.

Run: make bench
"""

import importlib
import itertools
import time
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tasks import protocol
from tasks.answer import Answer
from tasks.parsers import NAMES, parser

MEGABYTE, LONGEST_S = 1_000_000, 1.0
UNITS = (
    *("1", "1.", "1 ", "1:", " ", "\n", "1 - ", "1 to ", "1..1 - ", "1 s ", "1 s", "00:12 ", "start 1\n", "1 \n"),
    *("<answer>", "</answer>", "<answer>\n", "<answer> ", "<think>", "</think>", "</think> <answer> {", "(1,2),", "[", "[(1,2),"),
    *("1<sep>", "1<sep>2<sep>", "1<sep>2<sync>", "second score 1.0, ", "1.0 score second\n", "th", "İ", "-"),
)
FRAMES = ("{}", "<answer>{}</answer>", "<think>{}", "1{}to", "12 to {}", "[(1,{}", "<answer>{}x\ny</answer>")
CASES = list(itertools.product(UNITS, FRAMES))
ANSWERS = {(rules.answer.parser, rules.answer.where): rules.answer for rules in map(protocol.load, protocol.names())}
READERS: dict[str, Callable[[str], Answer]] = {
    **{f"{name} {'/'.join(where)}": parser(answer) for (name, where), answer in ANSWERS.items()},
    **{name: importlib.import_module(f"tasks.parsers.{name}").parse for name in NAMES if name.endswith("_reward")},
}


def test_every_parser_is_measured() -> None:
    assert {name.split()[0] for name in READERS} == {name for name in NAMES if not name.startswith("rewards.")}


def hurting(unit: str, frame: str, length: int) -> str:
    return frame.format(unit * (length // len(unit)))


@pytest.mark.parametrize("name", READERS)
def test_a_megabyte_that_hurts(name: str, benchmark: BenchmarkFixture) -> None:
    """Finds the slowest text among short ones, then measures it at full length."""
    read = READERS[name]
    length = MEGABYTE if benchmark.enabled else MEGABYTE // 50
    seconds = {}
    for unit, frame in CASES:
        text = hurting(unit, frame, MEGABYTE // 50)
        begin = time.perf_counter()
        read(text)
        seconds[unit, frame] = time.perf_counter() - begin
    slowest = max(seconds, key=lambda case: seconds[case])
    if benchmark.enabled:
        assert seconds[slowest] < LONGEST_S / 2, slowest
    benchmark.extra_info["text"] = repr(slowest)
    benchmark.pedantic(read, (hurting(*slowest, length),), rounds=3)
    if benchmark.enabled:
        assert benchmark.stats.stats.median < LONGEST_S
