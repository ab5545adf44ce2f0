"""`harness` says so where a package of another distribution stands before its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import start


@pytest.mark.parametrize("name", ["tasks", "trainers", "leaderboards"])
@pytest.mark.parametrize("form", ["{}/__init__.py", "{}.py"])
def test_a_package_before_ours_is_named(name: str, form: str, project: Path, tmp_path: Path) -> None:
    file = tmp_path / form.format(name)
    file.parent.mkdir(exist_ok=True)
    file.write_text("raise SystemExit('the wrong one ran')\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(project)])}
    typed = [sys.executable, "-m", "harness", "ls", "tasks"]
    done = subprocess.run(typed, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"the package {name} of vtg-harness" in done.stderr and str(file) in done.stderr
    assert "the wrong one ran" not in done.stderr


def test_a_package_that_is_gone_is_installed_again(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stopped:
        start.main()
    assert stopped.value.code == 2
    assert "found:    none" in (said := capsys.readouterr().err) and "pip install --force-reinstall" in said


def test_a_reader_that_has_read_enough_stops_nothing(project: Path) -> None:
    """As `| head` does: no traceback, and no exit code of bad input."""
    reading, writing = os.pipe()
    os.close(reading)
    typed = [sys.executable, "-m", "harness", "ls", "protocols"]
    done = subprocess.run(typed, stdout=writing, stderr=subprocess.PIPE, check=False, text=True, cwd=project)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
