"""How soon the command line answers, Python's own start included."""

import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

LONGEST_S = 0.5


@pytest.mark.parametrize("arguments", ["--help", "ls tasks"])
def test_startup(arguments: str, benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    typed = [str(Path(sys.executable).with_name("harness")), *arguments.split()]
    done = benchmark.pedantic(
        subprocess.run, (typed,), {"cwd": tmp_path, "capture_output": True, "check": True}, rounds=10, warmup_rounds=2
    )
    assert done.stdout
    if benchmark.enabled:
        assert benchmark.stats.stats.median < LONGEST_S
