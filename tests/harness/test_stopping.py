"""Commands that are told to end: in order, at once the second time, and nothing that they started outlives them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

EXPERIMENT = """
import sys
from pathlib import Path
from harness import stopping
from trainers.cells import Cell, execute

stopping.install()
cells = [Cell("split", "sft", "", seed, Path(sys.argv[1]) / str(seed)) for seed in range(3)]
try:
    jobs = [(cell, [["train"], ["run"]]) for cell in cells]
    execute(jobs, 2, f"{sys.executable} {sys.argv[2]}", lambda line: print(line, flush=True))
except stopping.Stopped as stop:
    sys.exit(stop.code)
"""
"""Three cells, two at a time; instead of a training each starts a script that waits."""

WAITS = """
import os, sys, time
from pathlib import Path
with Path(__file__).with_name("pids").open("a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(1000)
"""

CLEANS_UP = """
import sys, time
from harness import stopping

stopping.install()
try:
    print("working", flush=True)
    time.sleep(1000)
except KeyboardInterrupt:
    print("cleaning up", flush=True)
    time.sleep(1000)
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    return subprocess.Popen(command, **streams, env=environment, start_new_session=True, preexec_fn=heard)


def heard() -> None:
    """Under nohup these tests run too."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def ends(process: int) -> bool:
    """Whether a process of somebody else's ends within a while."""
    patience = time.monotonic() + 30
    while time.monotonic() < patience:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux ends the children of a process that was killed")
@pytest.mark.parametrize("number", [*SIGNALS, signal.SIGKILL])
def test_an_experiment_that_is_stopped_leaves_nothing_at_work(number: signal.Signals, tmp_path: Path) -> None:
    script, pids = tmp_path / "waits.py", tmp_path / "pids"
    script.write_text(WAITS)
    parent = start(EXPERIMENT, tmp_path, script)
    patience = time.monotonic() + 60
    while not (pids.exists() and pids.read_text().count("\n") == 2) and time.monotonic() < patience:
        time.sleep(0.02)
    children = [int(line) for line in pids.read_text().splitlines()]
    assert len(children) == 2
    os.kill(parent.pid, number)
    out, errors = parent.communicate(timeout=60)
    assert all(map(ends, children))
    assert errors == "" and pids.read_text().count("\n") == 2  # the third cell was not started
    if number == signal.SIGKILL:
        assert parent.returncode == -number
    else:
        assert (parent.returncode, out) == (128 + number, "ending what is at work: 2 of the commands\n")


@pytest.mark.parametrize("number", SIGNALS)
def test_the_second_signal_ends_a_command_without_a_word(number: signal.Signals) -> None:
    process = start(CLEANS_UP)
    assert process.stdout is not None
    for line in ("working\n", "cleaning up\n"):
        assert process.stdout.readline() == line
        os.kill(process.pid, number)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out, errors) == (-number, "", "")


def test_what_nohup_ignores_stays_ignored() -> None:
    code = "import signal; from harness import stopping; signal.signal(signal.SIGHUP, signal.SIG_IGN); stopping.install(); "
    code += "signal.raise_signal(signal.SIGHUP); print('goes on')"
    out, errors = start(code).communicate(timeout=60)
    assert (out, errors) == ("goes on\n", "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_command_says_how_to_go_on(number: signal.Signals, code: int, tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text("print('working', flush=True)\nimport time\ntime.sleep(1000)\n")
    process = start("import sys; from harness.cli import main; sys.exit(main())", "rewards", "check", tmp_path / "waits.py")
    assert process.stdout is not None and process.stdout.readline() == "working\n"
    os.kill(process.pid, number)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out, errors) == (code, "", "\nstopped; type the same command to continue\n")
