"""`make` installs once, again when the requirements change, and from scratch after an install that was cut short."""

import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from harness.models import torchvision_fix

PYTHON = """#!/bin/sh
# Stands in for Python: writes down what it is asked, makes environments whose Python is itself, fails where told to.
echo "$*" >> {log}
case "$*" in
  -c*) exit {too_old} ;;
  --version) echo "Python 3.9.2" ;;
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip"*) test ! -e fail-install ;;
esac
"""


class Checkout:
    """The Makefile in a folder of its own, with a Python that only writes a log."""

    def __init__(self, project: Path, folder: Path, too_old: int = 0) -> None:
        self.folder, self.log, self.python = folder, folder / "log", folder / "python"
        for file in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(project / file, folder)
        self.python.write_text(PYTHON.format(log=self.log, too_old=too_old), encoding="utf-8")
        self.python.chmod(self.python.stat().st_mode | stat.S_IXUSR)

    def make(self, target: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("", encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
        typed = ["make", target, f"PYTHON={self.python}"]
        return subprocess.run(typed, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def asked(self) -> list[str]:
        """What the Pythons were asked, without the check of the version."""
        return [line for line in self.log.read_text(encoding="utf-8").splitlines() if line.startswith("-m")]


INSTALL = ["-m venv .venv", "-m pip install --disable-pip-version-check -c constraints.txt -e .[dev]"]


@pytest.fixture
def checkout(project: Path, tmp_path: Path) -> Checkout:
    return Checkout(project, tmp_path)


def test_make_installs_once_and_again_when_the_requirements_change(checkout: Checkout) -> None:
    assert checkout.make("test").returncode == 0
    assert checkout.asked() == [*INSTALL, "-m pytest -n auto --dist worksteal"]
    checkout.make("lint")
    assert checkout.asked() == ["-m ruff check .", "-m ruff format --check .", "-m mypy"]
    os.utime(checkout.folder / ".venv" / ".ready", (0, 0))
    checkout.make("test")
    assert checkout.asked() == [*INSTALL, "-m pytest -n auto --dist worksteal"]


def test_the_floor_is_the_oldest_transformers_that_is_allowed(checkout: Checkout, settings: dict[str, Any]) -> None:
    needed = next(line for line in settings["project"]["optional-dependencies"]["hf"] if line.startswith("transformers"))
    assert needed == torchvision_fix.TRANSFORMERS
    (oldest,) = [part.version for part in Requirement(needed).specifier if part.operator == ">="]
    install = f"-m pip install --disable-pip-version-check --no-deps --target .venv-floor transformers=={oldest}"
    tests = "-m pytest -n auto --ignore-glob=*openai* tests/harness/models tests/harness/test_run.py"
    assert checkout.make("floor").returncode == 0
    assert checkout.asked() == [*INSTALL, install, tests]
    checkout.make("floor")
    assert checkout.asked() == [tests]


def test_an_install_that_was_cut_short_starts_over(checkout: Checkout) -> None:
    (checkout.folder / "fail-install").touch()
    assert checkout.make("test").returncode != 0
    assert checkout.asked() == INSTALL
    left = checkout.folder / ".venv" / "half-installed"
    left.touch()
    (checkout.folder / "fail-install").unlink()
    assert checkout.make("test").returncode == 0
    assert checkout.asked() == [*INSTALL, "-m pytest -n auto --dist worksteal"]
    assert not left.exists()


def test_an_old_python_is_refused_before_anything_is_made(project: Path, tmp_path: Path) -> None:
    checkout = Checkout(project, tmp_path, too_old=1)
    done = checkout.make("demo")
    assert done.returncode != 0
    assert f"expected: Python 3.11 or newer\nfound:    {checkout.python}: Python 3.9.2\nnext:     make PYTHON=" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_help_names_every_target(project: Path) -> None:
    shown = subprocess.run(["make", "-C", project, "help"], capture_output=True, text=True, check=True).stdout
    assert all(f"make {target}\t" in shown for target in ("help", "demo", "test", "lint", "bench"))
