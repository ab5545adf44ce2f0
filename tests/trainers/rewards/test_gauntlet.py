"""The gauntlet names what breaks, and `harness rewards check` says it; rewards that peers published among them."""

import copy
import math
import re
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.commands.rewards import main
from tasks import kinds
from tasks.errors import InputError
from tasks.protocol import load as load_protocol
from tasks.question import Question
from tasks.sample import make_samples, one_query
from tasks.span import Span
from trainers.examples import columns
from trainers.rewards import gauntlet as module
from trainers.rewards import rows
from trainers.rewards.gauntlet import CHECKS, examine
from trainers.rewards.user import load

Values = list[Any]


def said(completions: Any) -> list[str]:
    return [completion[0]["content"] for completion in completions]


def iou(text: str, target: Any) -> float:
    found = re.findall(r"(\d{1,6}(?:\.\d{1,6})?) to (\d{1,6}(?:\.\d{1,6})?)", text)
    if not found:
        return 0.0
    start, end = map(float, found[-1])
    hull = max(end, target[1]) - min(start, target[0])
    return max(0.0, min(end, target[1]) - max(start, target[0])) / hull if hull > 0 else 0.0


def sound(completions: Any, targets: Any, **_: Any) -> Values:
    return [max(iou(text, target) for target in spans) for text, spans in zip(said(completions), targets, strict=True)]


def asks_for_a_column(completions: Any, solution: Any, **_: Any) -> Values:
    return [0.0 for _ in completions]


def takes_no_more(completions: Any, targets: Any) -> Values:
    return [0.0 for _ in completions]


def positional(completions: Any, /, **_: Any) -> Values:
    return [0.0 for _ in completions]


def raises(completions: Any, **_: Any) -> Values:
    return [float(re.findall(r"[\d.]+", text)[0]) for text in said(completions)]


def reuses_the_last(completions: Any, targets: Any, state: list[float] = [0.0], **_: Any) -> Values:  # noqa: B006
    """As in TimeZero and Time-R1: where the hull is empty, the value of the sample before stands."""
    values = []
    for text, spans in zip(said(completions), targets, strict=True):
        if spans[0][1] > spans[0][0]:
            state[0] = iou(text, spans[0])
        values.append(state[0])
    return values


def nan(completions: Any, **_: Any) -> Values:
    return [math.nan for _ in completions]


def words(completions: Any, **_: Any) -> Values:
    return ["1" for _ in completions]


def too_large(completions: Any, **_: Any) -> Values:
    return [1e39 for _ in completions]


def one_short(completions: Any, **_: Any) -> Values:
    return [1.0 for _ in completions][1:]


def counts_calls(completions: Any, calls: list[int] = [], **_: Any) -> Values:  # noqa: B006
    calls.append(1)
    return [float(len(calls)) for _ in completions]


def changes_targets(completions: Any, targets: Any, **_: Any) -> Values:
    targets[0].reverse() if len(targets[0]) > 1 else targets[0].append([0.0, 1.0])
    return [0.0 for _ in completions]


def ranks_in_the_batch(completions: Any, targets: Any, **_: Any) -> Values:
    values = sound(completions, targets)
    return [value - sum(values) / len(values) for value in values] if len(values) > 1 else values


def by_position(completions: Any, targets: Any, **_: Any) -> Values:
    return [value + 1e-3 * i for i, value in enumerate(sound(completions, targets))]


def constant(completions: Any, **_: Any) -> Values:
    return [1.0 for _ in completions]


def likes_length(completions: Any, targets: Any, **_: Any) -> Values:
    return [value + 1e-3 * len(text) for value, text in zip(sound(completions, targets), said(completions), strict=True)]


def wants_the_middle(completions: Any, targets: Any, **_: Any) -> Values:
    return [value if value in (0.0, 1.0) else 1 - value for value in sound(completions, targets)]


def never(completions: Any, **_: Any) -> Values:
    return [None for _ in completions]


BREAKS: dict[str, tuple[Callable[..., Values], ...]] = {
    "call": (asks_for_a_column, takes_no_more, positional),
    "raises": (raises,),
    "values": (nan, words, too_large, one_short),
    "repeats": (counts_calls, changes_targets),
    "batch": (reuses_the_last, ranks_in_the_batch, by_position),
    "gold": (constant, likes_length, never),
    "monotone": (wants_the_middle,),
}
CASES = [(check, reward) for check, rewards in BREAKS.items() for reward in rewards]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long replies are not what these tests are about."""
    monkeypatch.setattr(module, "LONG", 1_000)


def test_a_sound_reward_holds() -> None:
    assert examine(sound)[0] == []


@pytest.mark.parametrize(("check", "reward"), CASES, ids=[reward.__name__ for _, reward in CASES])
def test_what_breaks_is_named(check: str, reward: Callable[..., Values]) -> None:
    before = copy.deepcopy(rows.ROWS)
    found = dict(examine(reward)[0])
    assert check in found
    assert before == rows.ROWS
    assert found.keys() <= CHECKS.keys()
    assert all(found.values())


def test_a_slow_reward_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr(module, "SLOW_S", 0.4)
    monkeypatch.setattr(time, "process_time", lambda: float(next(clock)))
    assert [finding.check for finding in examine(sound)[0]] == ["slow"]


SOURCE = """
import math

def _helper(completions): return 0

def reward(completions, targets, **kwargs):
    return [float(f"to" in c[0]["content"]) * BONUS for c in completions]

BONUS = {bonus}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE.format(bonus="-1.0"), encoding="utf-8")
    return path


def checked(file: object, answer: str | None = None) -> int:
    return main(Namespace(file=str(file), answer=answer, seed=0))


def test_the_command_prints_what_breaks(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(file) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("  breaks")] == ["gold"]
    assert len([line for line in lines if line.startswith("  holds")]) == len(CHECKS) - 1
    assert any("-1.0 for '<think>It is seen 12.50 to 17.50" in line for line in lines)


def test_the_command_says_that_all_holds(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(SOURCE.format(bonus="1.0"), encoding="utf-8")
    assert checked(file) == 0
    assert checked(f"{file}:reward", "{start} to {end}") == 0
    assert checked(f"{file}:reward", "{start}") == 1
    assert "breaks" in capsys.readouterr().out


LETTER = """
KINDS = ("choice",)

def letter(completions, option, **kwargs):
    return [float(f"<answer>{right}</answer>" in c[0]["content"]) for c, right in zip(completions, option)]
"""


def test_rows_are_of_the_kinds_that_a_file_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(LETTER, encoding="utf-8")
    assert checked(tmp_path / "mine.py") == 0
    assert "letter of " in (out := capsys.readouterr().out) and "on rows of choice" in out
    (tmp_path / "mine.py").write_text(LETTER.replace("choice", "instances"), encoding="utf-8")
    assert checked(tmp_path / "mine.py") == 1
    assert "row instances 1" in capsys.readouterr().out
    assert checked(tmp_path / "mine.py", "<answer>{option}</answer><glue>{spans}</glue>") == 1


def test_words_of_a_users_own_stand_for_spans_options_and_clips() -> None:
    by_id = {row.id: row for row in rows.ROWS}
    assert rows.spoken(by_id["choice 2"], "({option}) {spans}") == "(C) 2.0 to 5.0, 10.0 to 14.5"
    assert rows.spoken(by_id["highlights 1"], '{"at": [{times}], "score": [{scores}]}') == (
        '{"at": [4.0, 6.0, 8.0], "score": [4.0, 4.0, 4.0]}'
    )
    assert rows.spoken(by_id["clips 1"], "{start}{times}") == "4.0, 6.0, 8.0"


def test_rows_have_the_columns_of_a_training_set() -> None:
    sample = make_samples("t", [one_query("v", 20.0, "a dog", [Span(1.0, 2.0)])])[0]
    assert {*columns(Question(sample, "direct", load_protocol("default")))} == {*rows.Row._fields, "prompt"}
    assert {row.kind for row in rows.ROWS} == set(kinds.NAMES)


def test_a_new_kind_is_tried_on_rows_of_moments() -> None:
    assert [(row.kind, row.targets) for row in rows.of_kinds(["recall"])] == [("recall", row.targets) for row in rows.MOMENTS]


def test_a_reward_that_cannot_be_called_is_not_called(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text("def reward(completions, solution, **_): return [1.0]", encoding="utf-8")
    assert checked(tmp_path / "mine.py") == 1
    out = capsys.readouterr().out
    assert "asks for solution" in out and out.count("skipped") == len(CHECKS) - 1


@pytest.mark.parametrize(
    ("content", "suffix", "words"),
    [
        (None, "", "no such file"),
        ("def f(x): return x", "", "none"),
        ("def a(completions): 0\ndef b(completions): 0", "", "a, b"),
        ("def reward(completions): 0", ":rewrad", "nearest: reward"),
        ("async def reward(completions): 0", "", "async"),
        ("def reward(completions: 0", "", "SyntaxError"),
        ("import no_such_module_anywhere", "", "no_such_module_anywhere"),
        ("import sys; sys.exit(3)", "", "SystemExit"),
        ("from os.path import join as reward", ":reward", "a function of"),
    ],
)
def test_files_without_a_reward_are_refused(tmp_path: Path, content: str | None, suffix: str, words: str) -> None:
    path = tmp_path / "mine.py"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        load(f"{path}{suffix}")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="Python file"):
        load(str(tmp_path / "mine.txt"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("torch.ones(len(completions))", "found a Tensor: tensor([1.])"),
        ("[torch.tensor(1.0) for _ in completions]", "return value.item()"),
        ("(1.0 for _ in completions)", "found a generator"),
        ("1.0", "found a float: 1.0"),
        ("[]", "expected one value for one completion, found 0"),
    ],
)
def test_where_no_value_was_seen_nothing_is_said_of_values(
    body: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = f"import torch\n\ndef reward(completions, **_):\n    return {body}\n"
    (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    assert checked(tmp_path / "mine.py") == 1
    out = capsys.readouterr().out
    verdicts = {line.split()[1]: line.split()[0] for line in out.splitlines() if line.split()[1] in CHECKS}
    assert verdicts == dict.fromkeys(CHECKS, "skipped") | {"call": "holds", "raises": "holds", "values": "breaks"}
    assert words in out and "batch of 0" not in out


def test_a_reward_that_never_has_a_value_is_monotone_in_nobodys_eyes() -> None:
    findings, skipped = examine(never)
    assert [finding.check for finding in findings] == ["gold"] and skipped == ("monotone",)
