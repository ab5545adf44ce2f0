"""Every command and snippet of the pages works: tutorials are run as a user types them, commands elsewhere are read."""

import ast
import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from harness import api
from harness.arguments import parser
from harness.cli import main
from harness.commands import data as data_command
from harness.synthetic.make import make

ROOT = Path(__file__).parents[2]
RUN = ("quickstart.md", *(f"tutorials/{path.name}" for path in sorted((ROOT / "docs" / "tutorials").glob("*.md"))))
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+) -->\n)?^```(?P<language>\w*)(?P<info>.*)\n(?P<text>(?:.*\n)*?)```$", re.MULTILINE
)
SIZES = {"train": 56, "dev": 2, "test": 4}


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    title: str
    text: str
    reason: str


def blocks(page: Path) -> list[Block]:
    found = FENCE.finditer(page.read_text(encoding="utf-8"))
    return [
        Block(m["language"], m["info"].strip().removeprefix("title=").strip('"'), m["text"], m["reason"] or "") for m in found
    ]


def commands(text: str) -> Iterator[list[str]]:
    """The words of each line, without comments; a backslash at the end joins lines."""
    for line in text.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rendered")
    make(root, 0, SIZES)
    return root


@pytest.fixture
def here(rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the project's trainers lie and the synthetic benchmark is a small one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_DATA", "")
    monkeypatch.setenv("HARNESS_INCLUDE", "")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "trainers").symlink_to(ROOT / "trainers")
    monkeypatch.setattr(data_command.make, "make", lambda root, *_: shutil.copytree(rendered, root))
    return tmp_path


@pytest.mark.parametrize("page", RUN)
def test_a_tutorial_does_what_it_says(page: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trl", reason="trl, extra train, is not installed")
    ran = 0
    for block in blocks(ROOT / "docs" / page):
        if block.reason:
            continue
        ran += 1
        if block.title:
            (here / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            exec(compile(block.text, page, "exec"), {})
        else:
            assert block.language == "sh", f"{page}: a block of {block.language!r} without a title"
            for words in commands(block.text):
                type_in(words, monkeypatch)
    assert ran > 2


def type_in(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if words[0] == "export":
        monkeypatch.setenv(*words[1].split("=", 1))
    elif words[0] == "harness":
        assert main(words[1:]) == 0, words
    elif words[:3] != ["python", "-m", "pytest"]:  # tests/tasks/test_outside.py runs the tests of every example
        assert words[0] == "python"
        done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_not_run_has_a_reason() -> None:
    """On the pages whose blocks name their language, every block that a shell can run is run or excused."""
    skipped = [(page, block.reason) for page in RUN for block in blocks(ROOT / "docs" / page) if block.reason]
    assert skipped == [("quickstart.md", "installs packages")]


def typed() -> list[tuple[str, list[str]]]:
    """Every command line of the harness in a block of any page, by page; placeholders stand for words."""
    found = []
    for page in PAGES:
        for block in blocks(page):
            if block.language in ("", "sh", "bash"):
                for line in block.text.replace("\\\n", " ").splitlines():
                    elided = re.search(r"harness (?:train|run) .*… ", line)
                    line = re.sub(r"\[[A-Z]+ …\]|[…&]|[>|].*$", " ", line)
                    if re.match(r"\s*(?:\w+=\S+ )*(?:\S*torchrun .*-m |srun .*-m |accelerate .*-m )?harness \w", line):
                        words = shlex.split(line, comments=True)
                        more = ["--model", "CKPT", "--tasks", "TASK"] if elided else []
                        found.append((page.name, [*words[words.index("harness") + 1 :], *more]))
    return found


def test_every_command_of_the_pages_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    found, wrong = typed(), []
    for page, words in found:
        try:
            parser().parse_args(words)
        except SystemExit:
            wrong.append(f"{page}: harness {shlex.join(words)}\n{capsys.readouterr().err}")
    assert wrong == []
    assert len(found) > 60


def test_every_call_of_the_pages_fits_its_function() -> None:
    """What is not run on a page still names arguments that there are."""
    calls = 0
    for page in PAGES:
        for block in blocks(page):
            if block.language != "python" or ">>>" in block.text:
                continue
            for node in ast.walk(ast.parse(block.text)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "api":
                    named = {word.arg: None for word in node.keywords if word.arg}
                    inspect.signature(getattr(api, node.func.attr)).bind(*node.args, **named)
                    calls += 1
    assert calls > 8


def test_the_example_of_the_readme_runs(here: Path, rendered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a model and a benchmark that are here."""
    pytest.importorskip("pandas", reason="pandas, extra train, is not installed")
    monkeypatch.setenv("HARNESS_DATA", str(rendered))
    (text,) = (block.text for block in blocks(ROOT / "README.md") if block.language == "python")
    run = api.run("middle-half", "synthetic", output="other")
    rows = [{"id": row["id"], "pred": row["spans"]} for row in run.samples]
    (here / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    exec(compile(text.replace("CKPT", "whole-video").replace("charades", "synthetic"), "README.md", "exec"), {})


SBATCH = """#!/bin/sh
echo "$*" >> log
trap 'kill $!; echo stopped >> log; exit 143' TERM
[ "$1" != run ] || { sleep 20 & touch started; wait $!; }
"""


def test_the_script_for_slurm_puts_itself_into_the_queue_again(tmp_path: Path) -> None:
    script = {block.title: block.text for block in blocks(ROOT / "docs" / "clusters.md")}["run.sbatch"]
    for name in ("harness", "scontrol"):
        (tmp_path / name).write_text(SBATCH, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "7", "SCRATCH": "s"}
    (tmp_path / "run.sbatch").write_text(script, encoding="utf-8")
    with subprocess.Popen(["bash", "run.sbatch"], cwd=tmp_path, env=environment) as job:
        wait_for(tmp_path / "started")
        job.terminate()
        assert job.wait(10) == 0
    log = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert log == ["run --model CKPT --tasks charades,anet --output s/runs/ckpt", "stopped", "requeue 7"]


def wait_for(path: Path) -> None:
    end = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("title", ["run.sbatch", "cells.sbatch", "nodes.sbatch"])
def test_scripts_are_bash(title: str) -> None:
    script = {block.title: block.text for block in blocks(ROOT / "docs" / "clusters.md")}[title]
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
