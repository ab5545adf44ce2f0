"""What a user installs: the wheel holds what the checkout holds, and works without the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

PACKAGES = ("tasks", "harness", "trainers", "leaderboards")
SHIPPED = ("*.py", "*.toml", "*.json", "*.yaml", "*.safetensors", "*.jinja", "*.html", "*.css", "*.js", "*.txt", "py.typed")


def pip(*arguments: str | Path) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that the checkout stays clean."""
    source, output = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for folder in (*PACKAGES, "tests"):
        shutil.copytree(project / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(project / file, source)
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", output, source)
    (built,) = output.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts folder of an environment that holds the wheel and, as links, its base dependencies."""
    environment = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    pip("--python", environment / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
    (packages,) = environment.glob("lib/python*/site-packages")
    for requirement in map(Requirement, settings["project"]["dependencies"]):
        distribution = metadata.distribution(requirement.name)
        for top in {file.parts[0] for file in distribution.files or () if ".." not in file.parts}:
            (packages / top).symlink_to(Path(str(distribution.locate_file(top))))
    return environment / "bin"


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path, project: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = (path for folder in PACKAGES for kind in SHIPPED for path in (project / folder).rglob(kind))
    assert names == {str(path.relative_to(project)) for path in files}
    assert {"tasks/protocols/default.toml", "harness/schemas/run.schema.json"} <= names


def test_the_wheel_carries_its_licence(wheel: Path) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in zipfile.ZipFile(wheel).namelist())


@pytest.mark.parametrize(
    ("arguments", "expected"), [("--help", "COMMAND"), ("ls tasks", "charades"), ("ls protocols", "synthetic")]
)
def test_the_command_uses_its_own_modules_wherever_it_is_typed(
    arguments: str, expected: str, installed: Path, tmp_path: Path
) -> None:
    for name in ("tasks.py", "harness.py"):
        (tmp_path / name).write_text("raise SystemExit('a module of the current folder was imported')\n", encoding="utf-8")
    typed = [installed / "harness", *arguments.split()]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(typed, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


def test_a_distribution_that_was_installed_over_ours_is_named(installed: Path, wheel: Path, tmp_path: Path) -> None:
    (packages,) = installed.parent.glob("lib/python*/site-packages")
    ours, other = packages / "tasks" / "__init__.py", packages / "othertasks-1.0.dist-info"
    kept = ours.read_text(encoding="utf-8")
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: othertasks\nVersion: 1.0\n", encoding="utf-8")
    (other / "RECORD").write_text("tasks/__init__.py,,\n", encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    typed = [installed / "harness", "ls", "tasks"]
    try:
        ours.write_text("raise SystemExit('the wrong one ran')\n", encoding="utf-8")
        done = subprocess.run(typed, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    finally:
        ours.write_text(kept, encoding="utf-8")
        shutil.rmtree(other)
    assert done.returncode == 2 and "the wrong one ran" not in done.stderr
    assert f"found:    {ours} of othertasks\n" in done.stderr
    again = f"pip install --force-reinstall --no-deps {wheel.as_uri()}"
    assert f"next:     pip uninstall othertasks && {again}; or use an environment of its own" in done.stderr
