"""YAML of users: plain values, or a refusal that says where; never a traceback, and never for long."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import yaml_file
from harness.cli import main
from tasks.errors import InputError

BOMB = (
    "a: &a ["
    + "x, " * 9
    + "x]\n"
    + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
)
REFUSED = {
    "tag": "a: !!python/object/apply:os.system [echo]",
    "set": "a: !!set {x}",
    "own tag": "a: !path x",
    "bomb": BOMB,
    "holds itself": "a: &a [*a]",
    "deep": "a: " + "[" * 10_000,
    "deep blocks": "".join(" " * i + "a:\n" for i in range(200)),
    "key twice": "a: 1\nb: 2\na: 3",
    "key is a list": "? [a]\n: 1",
    "nan": "a: .nan",
    "infinity": "a: [1, -.inf]",
    "no mapping": "[a, b]",
    "empty": "",
    "two documents": "a: 1\n---\nb: 2",
    "long number": "a: " + "1" * 5000,
    "open": "a: [1,",
}


@pytest.mark.parametrize("texts", [False, True])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, texts: bool, tmp_path: Path) -> None:
    if texts and name in ("nan", "infinity", "long number"):
        return
    path = tmp_path / "x.yaml"
    path.write_text(REFUSED[name], encoding="utf-8")
    with pytest.raises(InputError, match=r"x\.yaml"):
        yaml_file.read(path, "a YAML file", "harness", texts)


def test_files_that_are_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "utf16").write_bytes("a: 1".encode("utf-16"))
    for name in ("none", ".", "fifo", "utf16", "x" * 300, "a\0b", "utf16/inside"):
        with pytest.raises(InputError):
            yaml_file.read(tmp_path / name, "a YAML file", "harness")


def test_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes("﻿no: 1e-6\n2024: 2024-01-01\nbase: &b {x: 1.5, y: true}\nc: {<<: *b, y: null}\n".encode())
    base = {"x": 1.5, "y": True}
    assert yaml_file.read(path, "", "") == {"no": "1e-6", "2024": "2024-01-01", "base": base, "c": {**base, "y": None}}
    path.write_text("a: no\nb: 62.10\n", encoding="utf-8")
    assert yaml_file.read(path, "", "", texts=True) == {"a": "no", "b": "62.10"}


@given(st.text(st.sampled_from("ab:{}[]&*!?-|>'\"%@,# \n\t<1.0~"), max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        yaml_file.value(text)
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize(
    "change",
    [
        *("learning_rate=[1,", "x", "=1", "learning_rate=nan", "learning_rate=1e999", "learning_rate=!!python/name:os.system"),
        *("learning_rate=" + "[" * 10_000, "learning_rate=" + "1" * 5000, "group_size=abc", "group_size=true", "reward=[]"),
        *("epochs=direct", "epochs=[]", "rewards=[{weight: 2}]", "rewards=[{name: iou, modes: 5}]", "lora=5", "method=[a]"),
        *("trainer=7", "trainer={a: nan}"),
    ],
)
def test_set_with_a_bad_value_is_bad_input(change: str, benchmark_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--model", "none/here", "--task", "synthetic@train", "--data-root", str(benchmark_root), "--dry-run"]
    assert main(["train", "--recipe", "grpo", "--set", change, *options]) == 2
    message = capsys.readouterr().err
    assert "expected:" in message and "Traceback" not in message and len(message) < 2000


@pytest.mark.parametrize("content", ["base: r.yaml", "base: [sft]", "method: 7", "rewards: x", "rewards: [[a]]", "trainer: [a]"])
def test_a_bad_recipe_is_bad_input(
    content: str, tmp_path: Path, benchmark_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.yaml").write_text(content.replace("r.yaml", str(tmp_path / "r.yaml")), encoding="utf-8")
    options = ["--model", "none/here", "--task", "synthetic@train", "--data-root", str(benchmark_root), "--dry-run"]
    assert main(["train", "--recipe", str(tmp_path / "r.yaml"), *options]) == 2
    assert "Traceback" not in capsys.readouterr().err


GOOD = "model: m\ntrain: a\nevaluate: b\nrecipes: {x: sft, y: grpo}\nbaseline: x\n"


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("model: m", "model: [m]"),
        GOOD.replace("baseline: x", "baseline: [x]"),
        GOOD.replace("{x: sft, y: grpo}", "[sft]"),
        GOOD.replace("{x: sft, y: grpo}", "{x: 5}"),
        *(GOOD + line for line in ("set: 5", "set: [[1]]", "seeds: x", "seeds: [true]", "grid: [1]", "modes: {a: 1}", "dev: 4")),
        GOOD + "options: [!!python/name:os.system]",
        GOOD + "model: again",
    ],
)
def test_a_bad_experiment_is_bad_input(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "e.yaml").write_text(content, encoding="utf-8")
    assert main(["experiment", str(tmp_path / "e.yaml"), "--dry-run"]) == 2
    assert "Traceback" not in capsys.readouterr().err
