"""What CONTRIBUTING promises: each errand is done in a copy of the product, by the files that it names and no edit elsewhere."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PRODUCT = ("tasks", "harness", "trainers", "leaderboards")
LONGEST_KIND = 60

BENCHMARK = '''"""A benchmark in a known format."""

from tasks.task import Source, Split, Task

TASK = Task(
    name="mine",
    version=1,
    title="Mine",
    published={"test": Split((Source({"mine/test.json": None}),), 1, 2)},
    default_split="test",
    protocol="default",
    video_folders=("mine/videos",),
    obtain="ask me",
    licence="mine",
    homepage="here",
    citation="none",
)
'''

KIND = '''"""How many of the true moments an answer names, each by a span with an IoU of a half or more."""

import numpy as np

from tasks.kinds import Kind
from tasks.metrics import iou


def values(samples, answers, protocol):
    """`Recall`, the share of true moments that are named."""
    pairs = zip(samples, answers, strict=True)
    return {"Recall": np.array([_recall(sample.truth.spans, answer.spans) for sample, answer in pairs])}


def _recall(true, said):
    pairs = [iou(np.array([span] * len(true), float), np.array(true, float)) for span in said]
    return float((np.max(pairs, axis=0) >= 0.5).mean()) if pairs else 0.0


KIND = Kind(needs=("spans",), main="Recall", values=values)
'''

REWARD = '''"""The reward of an early start."""

from trainers.rewards.common import texts


def early(completions, *, targets, late: float = 0.0, **_):
    """1 for a reply that begins with 0, `late` for any other."""
    return [1.0 if text.startswith("0") else late for text, _ in zip(texts(completions), targets, strict=True)]
'''

MODEL = """class Mine:
    needs_video = False

    def answer(self, frames, questions):
        return [f"<answer> 0 to {question.sample.duration_s} </answer>" for question in questions]
"""

RECIPE = """summary: GRPO in groups of eight.
base: grpo
group_size: 8
"""


@pytest.fixture
def clone(project: Path, tmp_path: Path) -> Path:
    """The product alone."""
    for folder in PRODUCT:
        leave = shutil.ignore_patterns("__pycache__", "weak")
        shutil.copytree(project / folder, tmp_path / "clone" / folder, ignore=leave)
    return tmp_path / "clone"


@pytest.fixture
def harness(clone: Path) -> Callable[..., str]:
    """Type a command in the copy; its output."""

    def typed(*arguments: str, module: tuple[str, ...] = ("-m", "harness")) -> str:
        environment = {**os.environ, "PYTHONPATH": str(clone)}
        command = [sys.executable, *module, *arguments]
        done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return typed


def protocol_of(clone: Path, **changes: str) -> str:
    """The file of `default` with some of its lines changed."""
    text = (clone / "tasks" / "protocols" / "default.toml").read_text()
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_benchmark_is_one_file(clone: Path, harness: Callable[..., str]) -> None:
    (clone / "tasks" / "benchmarks" / "mine.py").write_text(BENCHMARK)
    (clone / "data" / "mine").mkdir(parents=True)
    video = {"duration": 30.0, "timestamps": [[1.5, 4.0], [10, 20.25]], "sentences": ["a dog", "a cat"]}
    (clone / "data" / "mine" / "test.json").write_text(json.dumps({"v": video}))
    assert "mine" in harness("ls", "tasks")
    assert "2/2 (100.0%)" in harness("run", "--model", "oracle", "--tasks", "mine", "--data-root", "data", "--output", "run")


def test_a_protocol_is_one_file(clone: Path, harness: Callable[..., str]) -> None:
    text = protocol_of(clone, kind=("<answer> {start} to {end} </answer>", "From {start} s to {end} s."))
    (clone / "tasks" / "protocols" / "mine.toml").write_text(
        text.replace('where = ["answer", "after-think"]', 'where = ["whole"]')
    )
    assert "From {start} s to {end} s." in harness("show", "protocol:mine")


def test_a_recipe_is_one_file(clone: Path, harness: Callable[..., str]) -> None:
    (clone / "trainers" / "recipes" / "mine.yaml").write_text(RECIPE)
    assert "GRPO in groups of eight." in harness("ls", "recipes")


def test_a_reward_is_one_module_and_a_corpus(clone: Path, harness: Callable[..., str]) -> None:
    (clone / "trainers" / "rewards" / "early.py").write_text(REWARD)
    assert "The reward of an early start." not in harness("ls", "rewards")
    assert "1 for a reply that begins with 0" in harness("ls", "rewards")
    code = "from trainers.rewards import find; print(find('early', late=0.5)(['0 to 1', 'no'], targets=[[], []]))"
    assert harness(code, module=("-c",)) == "[1.0, 0.5]\n"


def test_a_kind_is_one_file_and_a_protocol(clone: Path, harness: Callable[..., str], benchmark_root: Path) -> None:
    text = protocol_of(
        clone,
        kind=('kind = "moment"', 'kind = "recall"'),
        template=("<answer> {start} to {end} </answer>", "<answer> {spans} </answer>"),
    )
    (clone / "tasks" / "kinds" / "recall.py").write_text(KIND)
    (clone / "tasks" / "protocols" / "recall.toml").write_text(text)
    assert len(KIND.splitlines()) <= LONGEST_KIND
    common = ("--tasks", "synthetic", "--protocol", "recall", "--data-root", str(benchmark_root))
    for model in ("oracle", "whole-video"):
        harness("run", "--model", model, *common, "--output", f"runs/{model}")
    scores = json.loads((clone / "runs" / "oracle" / "scores.json").read_text())
    assert (scores["kind"], scores["main"], scores["modes"]["direct"]["aggregate"]["Recall"]) == ("recall", "Recall", 100.0)
    assert "Recall" in harness("compare", "runs/oracle", "runs/whole-video", "--data-root", str(benchmark_root))
    assert "Recall" in harness("board", "runs/oracle", "runs/whole-video", "--data-root", str(benchmark_root))
    assert harness("view", "runs/oracle", "--data-root", str(benchmark_root))


def test_a_model_is_one_file(clone: Path, harness: Callable[..., str], benchmark_root: Path) -> None:
    (clone / "mine.py").write_text(MODEL)
    common = ("--tasks", "synthetic", "--data-root", str(benchmark_root))
    table = harness("run", "--model", "mine.py:Mine", *common, "--output", "runs/mine").splitlines()
    rows = {line.split()[0]: line.split() for line in table if line.strip()}
    mine, baseline = rows["mine.py:Mine"], rows["whole-video"]
    assert "100.0%" in mine and (mine[-6], mine[-4:-1]) == (baseline[-6], baseline[-4:-1])


def test_contributing_tells_each_errand_in_five_lines(project: Path) -> None:
    told = (project / "CONTRIBUTING.md").read_text().partition("## Six errands")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| an? ([a-z ]+?) \|", told, flags=re.MULTILINE)
    assert [row.split()[0] for row in rows] == ["benchmark", "protocol", "reward", "recipe", "kind", "model"]
    items = re.split(r"^- ", told, flags=re.MULTILINE)[1:]
    assert {row.split()[0] for row in rows} == {re.match(r"\*\*An? (\w+)", item)[1] for item in items}  # type: ignore[index]
    assert all(len(item.rstrip().splitlines()) <= 5 for item in items)
