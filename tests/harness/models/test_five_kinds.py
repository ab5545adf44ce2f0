"""One command, five kinds of question: each tiny family on the embedded benchmark."""

import json
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


def answered(output: Path) -> list[tuple[str, str]]:
    files = sorted(output.glob("*/samples.jsonl"))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [(line["id"], line["mode"]) for line in lines]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_five_kinds_in_one_command(
    root: Path, checkpoints: dict[str, Path], family: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["run", "--model", str(checkpoints[family]), "--tasks", TASKS, "--data-root", str(root)]
    assert main([*typed, "--output", str(tmp_path / "run")]) == 0
    table = capsys.readouterr().out.split("main metric of each task")[1]
    assert all(f"synthetic-{kind}@test" in table for kind in kinds.KINDS)
    assert len(answered(tmp_path / "run")) == len(set(answered(tmp_path / "run"))) == 15
