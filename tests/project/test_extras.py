"""Every verb without the packages it needs: exit code 2 and the extra to install, or 0 where it needs none."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.arguments import parser
from harness.synthetic.make import encode

WITHOUT = Path(__file__).with_name("without.py")
ALL: dict[str, int | str] = {
    "run --model oracle --tasks synthetic --data-root {root} --output {folder}/run": 0,
    "run --model replay:{replies} --tasks synthetic --data-root {root} --output {folder}/replayed": 0,
    "run --model a/checkpoint --tasks synthetic --data-root {root} --output {folder}/other": "hf",
    "run --model {own} --tasks synthetic --data-root {root} --output {folder}/own": "video",
    "run --model a/b --backend openai --tasks synthetic --data-root {root} --output {folder}/other": "openai",
    "run --model a/b --backend lmms:qwen2_5_vl --tasks synthetic --data-root {root} --output {folder}/other": "lmms-eval",
    "run --model a/b --backend lmms-simple:vila --tasks synthetic --data-root {root} --output {folder}/other": "lmms-eval",
    "score {folder}/run --data-root {root}": 0,
    "score {replies} --task synthetic --data-root {root}": 0,
    "score {replies} --task synthetic --all-protocols --data-root {root}": 0,
    "compare {folder}/run {folder}/replayed --data-root {root}": 0,
    "board {folder}/run --data-root {root}": 0,
    "board {folder}/run --data-root {root} --format md": 0,
    "board {folder}/run --data-root {root} --format csv": 0,
    "board {folder}/run --data-root {root} --format json": 0,
    "board {folder}/run --data-root {root} --format latex": 0,
    "board {folder}/run --data-root {root} --format html": 0,
    "view {folder}/run --data-root {root}": 0,
    "view {folder}/run {folder}/replayed --data-root {root} --output {folder}/two.html": 0,
    "plot {folder}/run --data-root {root} --output {folder}/figure.png": "plots",
    "export {folder}/run --data-root {root} --format csv": 0,
    "export {folder}/run --data-root {root} --format jsonl": 0,
    "export {folder}/run --data-root {root} --output {folder}/table.parquet": "train",
    "export {folder}/run --data-root {root} --format model-card": "hf",
    "push {folder}/run owner/name --data-root {root}": "hf",
    "submit {folder}/run --to {folder}/results --data-root {root}": 0,
    **{f"new {what} mine --to {{folder}}/new-{what}": 0 for what in ("task", "protocol", "kind", "model", "reward", "recipe")},
    "ls tasks": 0,
    "ls protocols": 0,
    "ls models": 0,
    "ls recipes": 0,
    "ls rewards": 0,
    "ls lmms-path": 0,
    "show synthetic --data-root {root}": 0,
    "show synthetic --data-root {root} --videos {videos}": "video",
    "data check synthetic --data-root {root}": 0,
    "data check synthetic --data-root {root} --videos {videos}": "video",
    "data fetch --tasks charades --data-root {root} --offline": 2,
    "data make synthetic --data-root {folder}/made": "video",
    "data make clock --data-root {folder}/made": "video",
    "rewards check {reward}": 1,
    "train --recipe sft --model a/b --task synthetic@train --data-root {root} --output {folder}/trained": "train",
    "train --recipe sft --model a/b --task synthetic@train --data-root {root} --dry-run": "train",
    "experiment demo --data-root {root} --output {folder}/experiment": "train",
    "experiment demo --data-root {root} --output {folder}/experiment --dry-run": 0,
    "demo --output {folder}/demo": "train",
}
"""Commands, each with the extra that it needs beyond the base install, or with its exit code."""


@pytest.fixture
def places(data_root: Path, tmp_path: Path) -> dict[str, Path]:
    """What the commands are given: annotations, one video, replies and a reward."""
    videos = tmp_path / "videos"
    videos.mkdir()
    encode(videos / "d.mp4", np.zeros((20, 64, 64, 3), dtype=np.uint8))
    replies = tmp_path / "replies.jsonl"
    lines = [{"video": video, "query": query, "text": "1 to 3"} for video in "de" for query in ("a red circle", "a blue square")]
    replies.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    reward = tmp_path / "reward.py"
    reward.write_text("def nothing(completions, **_):\n    return [0.0] * len(completions)\n", encoding="utf-8")
    own = tmp_path / "own.py"
    own.write_text("class Own:\n    def answer(self, frames, questions):\n        return ['0 to 1'] * len(questions)\n")
    return {"own": own, "root": data_root, "folder": tmp_path, "videos": videos, "replies": replies, "reward": reward}


def leaves(parser: argparse.ArgumentParser) -> Iterator[tuple[str, ...]]:
    """Every verb with its action, or with each choice of what it is given first."""
    actions = [action for action in parser._actions if not action.option_strings and action.choices]
    if not actions:
        yield ()
        return
    for name in actions[0].choices or ():
        below = actions[0].choices[name] if isinstance(actions[0], argparse._SubParsersAction) else None
        yield from ((name, *rest) for rest in (leaves(below) if below is not None else [()]))


def outcomes(
    commands: list[str], places: dict[str, Path], missing: list[str] | None, broken: tuple[str, ...] = ()
) -> Iterator[tuple[str, int, str]]:
    """Command, exit code and standard error of each, in a Python that lacks packages."""
    typed = [[part.format(**places) for part in command.split()] for command in commands]
    asked: dict[str, Any] = {"missing": missing, "broken": broken, "commands": typed}
    done = subprocess.run([sys.executable, str(WITHOUT), json.dumps(asked)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command, (code, _, error) in zip(commands, json.loads(done.stdout), strict=True):
        yield command, code, error


def test_every_verb_is_tried() -> None:
    tried = [command.split() for command in ALL]
    assert [leaf for leaf in leaves(parser()) if not any(words[: len(leaf)] == list(leaf) for words in tried)] == []


def test_every_verb_in_the_base_install(places: dict[str, Path]) -> None:
    for command, code, error in outcomes(list(ALL), places, missing=None):
        expected = ALL[command]
        assert "Traceback" not in error, f"{command}\n{error}"
        assert code == (expected if isinstance(expected, int) else 2), f"{command}\n{error}"
        if isinstance(expected, str):
            assert f"the packages of extra {expected}" in error, f"{command}\n{error}"
            assert f"next:     pip install 'vtg-harness[{expected}]'" in error, f"{command}\n{error}"
        else:
            assert "extra" not in error, f"{command}\n{error}"
    assert not {"trained", "experiment", "demo"} & {path.name for path in places["folder"].iterdir()}


@pytest.mark.parametrize(
    ("missing", "broken"), [(["av"], ()), (["PIL"], ()), (["pebble"], ()), (["torch"], ()), ([], ("av",)), ([], ("torch",))]
)
def test_a_part_of_an_extra(missing: list[str], broken: tuple[str, ...], places: dict[str, Path]) -> None:
    """One package is missing or cannot be imported, although all others are there."""
    (package,) = (*missing, *broken)
    words = {"torch": ("a/checkpoint", "sft"), "PIL": ("show",), "pebble": ("check",), "av": ("show", "check", "make")}[package]
    commands = [command for command, extra in ALL.items() if isinstance(extra, str) and {*words} & {*command.split()}]
    for command, code, error in outcomes(commands, places, missing, broken):
        assert code == 2 and "Traceback" not in error, f"{command}\n{error}"
        assert "of extra " in error and "vtg-harness[" in error, f"{command}\n{error}"
        assert (package if missing else "libavformat.so.61") in error, f"{command}\n{error}"
