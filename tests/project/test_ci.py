"""CI is one script: it runs the README's command on a bare machine, then what skipped there; GitHub runs the same script."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

STAND_IN = '#!/bin/sh\necho "{name} $*" >> {log}\ncase "{name} $*" in {cases} esac\n'
PASSED = "1 passed in 0.01s"


class Machine:
    """`.ci/run` in a folder of its own, where every program that it starts only writes a log; `cases` say what some answer."""

    def __init__(self, project: Path, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        (folder / ".ci").mkdir()
        shutil.copy(project / ".ci" / "run", folder / ".ci")

    def run(self, **cases: str) -> subprocess.CompletedProcess[str]:
        programs = self.folder / "programs"
        shutil.rmtree(programs, ignore_errors=True)
        self.log.write_text("", encoding="utf-8")
        for name in ("make", "git", "apt-get", "python"):
            path = self.folder / ".venv" / "bin" / name if name == "python" else programs / name
            path.parent.mkdir(parents=True, exist_ok=True)
            case = cases.get(name.replace("-", "_"), "")
            path.write_text(STAND_IN.format(name=name, log=self.log, cases=case), encoding="utf-8")
            path.chmod(0o755)
        (programs / "sudo").write_text('#!/bin/sh\nshift\nexec "$@"\n', encoding="utf-8")
        (programs / "sudo").chmod(0o755)
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        typed = ["bash", ".ci/run"]
        return subprocess.run(typed, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def asked(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def machine(project: Path, tmp_path: Path) -> Machine:
    return Machine(project, tmp_path)


def ends(line: str, code: int = 0) -> str:
    """What the second pytest prints and how it ends."""
    return f"""*pytest*) echo '{line}'; echo '{PASSED}'; exit {code};;"""


def test_the_command_of_the_readme_runs_before_anything_is_installed(machine: Machine) -> None:
    done = machine.run(python=ends(""))
    assert done.returncode == 0, done.stderr
    asked = machine.asked()
    assert asked[:2] == ["make lint", "make test"]
    installs = [line for line in asked if line.startswith(("apt-get install", "python -m pip"))]
    assert {line.split()[-1] for line in installs} >= {"ffmpeg", "texlive-latex-recommended", ".[deepspeed,qlora]"}
    assert asked.index("make test") < min(map(asked.index, installs))
    assert "tests/harness/test_lmms.py" in asked[-1] and "/skipped" in asked[-1]
    assert PASSED in done.stdout


@pytest.mark.parametrize("target", ["lint", "test", "board", "rewards", "site", "floor", "vllm"])
def test_what_fails_on_the_bare_machine_fails(target: str, machine: Machine) -> None:
    assert machine.run(make=f"'make {target}') exit 1;;").returncode != 0
    assert machine.asked()[-1] == f"make {target}"


def test_without_vllm_the_script_says_so_and_goes_on(machine: Machine) -> None:
    done = machine.run(make="'make .venv-vllm/.ready') exit 1;;", python=ends(""))
    assert done.returncode == 0 and "vLLM could not be installed, so the tests that need it do not run" in done.stderr
    assert "make vllm" not in machine.asked()


def test_what_fails_beside_the_packages_fails(machine: Machine) -> None:
    assert machine.run(python=ends("", code=1)).returncode != 0


@pytest.mark.parametrize("reason", ["torchcodec cannot be imported here: no libavcodec", "a reason nobody has read"])
def test_a_test_that_never_ran_fails(reason: str, machine: Machine) -> None:
    done = machine.run(python=ends(f"SKIPPED [8] tests/conftest.py:34: {reason}"))
    assert done.returncode == 1
    assert f"tests/conftest.py:34: {reason}\n" in done.stdout and "did not run" in done.stderr


def test_what_a_machine_cannot_have_may_skip(machine: Machine) -> None:
    assert machine.run(python=ends("SKIPPED [8] tests/trainers/test_vllm.py:40: vllm is not installed")).returncode == 0
    skipped = ends("SKIPPED [8] tests/conftest.py:34: torchcodec cannot be imported here: no libavcodec")
    done = machine.run(python=skipped, apt_get="*install*ffmpeg*) exit 100;;")
    assert done.returncode == 0 and "could not be installed, so the tests that need it do not run: ffmpeg" in done.stderr


def test_the_tests_that_skipped_are_written_down_and_can_be_asked_for(project: Path, tmp_path: Path) -> None:
    shutil.copy(project / "tests" / "conftest.py", tmp_path)
    text = "import pytest\n@pytest.mark.parametrize('x', ['a b', '[c]'])\ndef test_x(x): pytest.skip(x)\ndef test_y(): pass\n"
    (tmp_path / "test_it.py").write_text(text, encoding="utf-8")

    def collected(*arguments: str) -> str:
        typed = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "xdist", *arguments]
        # Plugins that this needs not take seconds to load.
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return subprocess.run(typed, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    assert "1 passed, 2 skipped" in collected("-n", "1", "--skipped-to=names")
    assert (tmp_path / "names").read_text(encoding="utf-8").splitlines() == ["test_it.py::test_x[a b]", "test_it.py::test_x[[c]]"]
    assert "2 skipped" in (again := collected("@names")) and "passed" not in again


def test_github_runs_the_script_and_nothing_else(project: Path) -> None:
    workflow = yaml.safe_load((project / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    assert [step["uses"].split("@")[0] for step in job["steps"][:-1]] == ["actions/checkout", "actions/setup-python"]
    assert job["steps"][-1] == {"run": ".ci/run"}
    assert os.access(project / ".ci" / "run", os.X_OK)


def test_the_wheel_is_tried_on_every_python_that_the_package_names(project: Path) -> None:
    workflow = yaml.safe_load((project / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    named = [line.rpartition(" ")[2] for line in settings["project"]["classifiers"] if "Python :: 3." in line]
    assert workflow["jobs"]["wheel"]["strategy"]["matrix"]["python"] == named
