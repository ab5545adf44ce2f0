"""One command, five kinds of question: each tiny family on the embedded benchmark, killed, resumed, and by two processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.cli import main
from harness.models import tiny
from harness.synthetic import kinds

SIZES = {"train": 2, "dev": 1, "test": 3}
TASKS = ",".join(f"synthetic-{kind}" for kind in kinds.KINDS)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("five")
    kinds.make(root, sizes=SIZES)
    return root


def command(root: Path, model: Path, output: Path) -> list[str]:
    harness = [sys.executable, "-m", "harness", "run", "--model", str(model), "--tasks", TASKS]
    return [*harness, "--data-root", str(root), "--output", str(output)]


def values(output: Path) -> dict[str, bytes]:
    return {folder.name: (folder / "scores.json").read_bytes() for folder in sorted(output.iterdir())}


def answered(output: Path) -> list[tuple[str, str]]:
    files = sorted(output.glob("*/samples.jsonl"))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [(line["id"], line["mode"]) for line in lines]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_five_kinds_in_one_command(
    root: Path, checkpoints: dict[str, Path], family: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(root, checkpoints[family], tmp_path / "whole")[3:]) == 0
    table = capsys.readouterr().out.split("main metric of each task")[1]
    assert all(f"synthetic-{kind}@test" in table for kind in kinds.KINDS)
    assert len(answered(tmp_path / "whole")) == len(set(answered(tmp_path / "whole"))) == 15
    if family != tiny.FAMILIES[-1]:
        return
    environment, killed = {**os.environ, "OMP_NUM_THREADS": "1"}, tmp_path / "killed"
    process = subprocess.Popen(command(root, checkpoints[family], killed), env=environment, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(killed.glob("*/samples.jsonl"))) < 3:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert main(command(root, checkpoints[family], killed)[3:]) == 0
    assert values(killed) == values(tmp_path / "whole")
    assert len(answered(killed)) == len(set(answered(killed))) == 15
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "-m"]
    two = command(root, checkpoints[family], tmp_path / "two")[2:]
    subprocess.run([*torchrun, *two], env=environment, capture_output=True, check=True)
    assert values(tmp_path / "two") == values(tmp_path / "whole")
