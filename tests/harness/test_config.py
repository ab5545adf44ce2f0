"""`--config`: every option from a file, what is typed wins, and a wrong key is named with its line."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness import config
from harness.arguments import parser
from harness.cli import main as harness
from tasks.errors import InputError

Parsed = Callable[..., dict[str, Any]]
RUN = """model: oracle
tasks: [charades, anet@val_2]
videos: [a, b]
batch-size: 4
price: [1, 2.5]
trust_remote_code: true
limit: 5
"""


@pytest.fixture
def parsed(tmp_path: Path) -> Parsed:
    """The options of a command with a configuration file of this text."""

    def made(text: str, *typed: str, name: str = "run.yaml") -> dict[str, Any]:
        (tmp_path / name).write_text(text)
        words = [*typed, "--config", str(tmp_path / name)]
        return vars(config.parse(parser, words, words))

    return made


def typed_out(words: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in vars(parser().parse_args(words)).items() if key != "config"}


def test_a_file_means_what_would_be_typed(parsed: Parsed) -> None:
    typed = ["run", "--model", "oracle", "--tasks", "charades,anet@val_2", "--videos", "a", "--videos", "b", "--batch-size", "4"]
    typed += ["--price", "1", "2.5", "--trust-remote-code", "--limit", "5"]
    found = parsed(RUN, "run")
    assert {key: value for key, value in found.items() if key != "config"} == typed_out(typed)


def test_what_is_typed_wins(parsed: Parsed) -> None:
    found = parsed(RUN, "run", "--model", "whole-video", "--videos", "c", "--limit", "7")
    assert (found["model"], found["videos"], found["limit"], found["batch_size"]) == ("whole-video", ["c"], 7, 4)


def test_a_flag_of_the_file_can_be_typed_away(parsed: Parsed) -> None:
    assert parsed("force: true\njson: true\n", "compare", "a", "--no-force")["force"] is False
    assert parsed(RUN, "run", "--no-trust-remote-code")["trust_remote_code"] is False
    with pytest.raises(InputError, match="'--no-forse'"):
        parsed("force: true\n", "compare", "a", "--no-forse")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["compare", "a", "b", "--force"], "runs: [a, b]\nforce: true\n"),
        (["score", "a", "--tasks", "charades"], "path: a\ntask: charades\n"),
        (["data", "check", "charades"], "name: charades\n"),
        (
            ["train", "--recipe", "grpo", "--model", "m", "--tasks", "t", "--set", "a=1"],
            "recipe: grpo\nmodel: m\ntasks: t\nset: a=1\n",
        ),
        (
            ["train", "--recipe", "grpo", "--model", "m", "--tasks", "t", "--lora"],
            "recipe: grpo\nmodel: m\ntasks: t\nlora: true\n",
        ),
    ],
)
def test_every_verb_takes_one(words: list[str], text: str, parsed: Parsed) -> None:
    verb = words[:2] if words[0] == "data" else words[:1]
    found = parsed(text, *verb)
    assert {key: value for key, value in found.items() if key != "config"} == typed_out(words)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: m\nmodell: n\n", r"line 2: 'modell' \(nearest: model\)"),
        ("batch-size: many\n", "batch-size: 'many'"),
        ("dtype: float8\n", "dtype: 'float8'"),
        ("trust-remote-code: 1\n", "trust-remote-code: 1"),
        ("price: [1]\n", "2 values"),
        ("videos: {a: b}\n", "videos"),
        ("model: null\n", "model"),
        ("- model\n", "a mapping"),
        ("limit: 3\n\ndtype: float33\n", r"line 3: dtype: 'float33' \(nearest: float32\)"),
        ("model: a\nlimit: many\n", "line 2: limit: 'many'"),
        ("model: a\nmodel: b\n", "line 2: .* 'model' again"),
        ("model: [a, b]\n", "line 1: model: a list"),
        ("limit: [3]\n", "line 1: limit: a list"),
        ("tasks: a\nmodel: m\ntask: b\n", "line 3: 'task', again"),
        ("batch-size: 1\nbatch_size: 2\n", "line 2: 'batch_size', again"),
        ("model: a\n  tasks: b\n", "line 2: mapping values are not allowed here"),
    ],
)
def test_what_the_option_would_not_take_is_refused(text: str, expected: str, parsed: Parsed) -> None:
    with pytest.raises(InputError, match=expected):
        parsed(text, "run")


def test_a_run_is_one(benchmark_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["run", "--model", "oracle", "--tasks", "synthetic", "--limit", "3", "--data-root", str(benchmark_root)]
    monkeypatch.setattr("sys.argv", ["harness", *typed, "--output", str(tmp_path / "a"), "--base-url", "http://me:pw@host/v1"])
    assert harness([*typed, "--output", str(tmp_path / "a")]) == 0
    again = ["run", "--config", str(tmp_path / "a" / "run.json"), "--output", str(tmp_path / "b"), "--limit", "2"]
    assert "***" in (tmp_path / "a" / "run.json").read_text()
    assert config.parse(parser, again, again).base_url is None
    assert harness(again) == 0
    assert json.loads((tmp_path / "b" / "run.json").read_text())["spec"]["limit"] == 2


@pytest.mark.parametrize(
    "text", ["{}", "[]", "no json", '{"schema": "vtg-harness/run/1", "sessions": [{"command": ["harness", "train"]}]}']
)
def test_what_is_no_run_is_refused(text: str, parsed: Parsed, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the run\.json of a harness run"):
        parsed(text, "run", name="run.json")
    assert harness(["run", "--config", str(tmp_path / "run.json")]) == 2
    assert "expected: a YAML file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("run --modell oracle --tasks synthetic", "'--modell' (nearest: --model)"),
        ("run --model=oracle --tasks=synthetic --ouptut=x", "'--ouptut' (nearest: --output)"),
        ("data check synthetic --split x --protocoll y", "'--protocoll' (nearest: --protocol)"),
        ("train --recipe sft --model m --tasks t --lr 1", "or --set lr=VALUE"),
        ("train --recipe sft --model m --tasks t --learning-rate 1", "or --set learning_rate=VALUE"),
    ],
)
def test_an_unknown_option_is_named_with_the_nearest(typed: str, found: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert harness(typed.split()) == 2
    assert found in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "expected", "found"),
    [
        ("plot runs/a", "--output", "not given"),
        ("runn --model x", "COMMAND: run, score,", "'runn' (nearest: run)"),
        ("data chek", "ACTION: check, fetch, make", "'chek' (nearest: check)"),
        ("run --model x --tasks synthetic --limit many", "harness run --help", "argument --limit: invalid int value: 'many'"),
    ],
)
def test_what_argparse_refuses_is_said_as_other_errors_are(
    typed: str, expected: str, found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        harness(typed.split())
    said = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2 and said[0].endswith(": bad input") and said[-1].startswith("next:     harness ")
    assert any(line.startswith("expected: ") and expected in line for line in said)
    assert f"found:    {found}" in said
