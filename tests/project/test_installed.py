"""A repository outside, made by `harness new` and installed by pip: it brings each thing, and uninstalled, all are gone."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main as harness
from harness.synthetic.make import make
from tasks import outside

WHATS = ("task", "protocol", "kind", "model", "reward", "recipe")
PARTS = re.compile(r"```sh\n(harness new task our_task.*?)```\s+```toml[^\n]*\n(.*?)```", re.DOTALL)
"""Of docs/own-things.md: what is typed, and pyproject.toml."""
KNOWN = """
import json
from harness.models import own
from tasks import kinds, outside, protocol, task
from trainers import recipe, rewards
named = {
    "tasks": task.all_tasks(), "protocols": protocol.names(), "parsers": outside.added("parsers", ()), "kinds": kinds.names(),
    "models": own.added(), "rewards": rewards.names(), "recipes": recipe.names(),
}
print(json.dumps({group: [name for name in names if name.startswith("our_")] for group, names in named.items()}))
"""
SEVERAL = """
import sys
from harness.cli import main
for line in sys.argv[1:]:
    assert main(line.split()) == 0, line
"""
RUN = "run --model our_model --tasks our_task --protocol our_protocol --output runs/own"


class Machine:
    """An environment of its own that sees the packages of the tests, with a data root."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.python = folder, folder / "env" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)

    def typed(self, *words: str | Path, code: int = 0) -> str:
        """What a command of its Python says."""
        return self._said([self.python, *words], code)

    def pip(self, *words: str | Path) -> None:
        self._said([sys.executable, "-m", "pip", "--python", self.python, *words], 0)

    def _said(self, command: list[str | Path], code: int) -> str:
        here = {"PYTHONPATH": os.pathsep.join(sys.path), outside.VARIABLE: "", "HARNESS_DATA": str(self.folder / "data")}
        done = subprocess.run(
            command, cwd=self.folder, env={**os.environ, **here}, capture_output=True, text=True, check=False
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def machine(project: Path, tmp_path: Path) -> Machine:
    """With the package of docs/own-things.md installed, and two videos for its benchmark."""
    machine, source = Machine(tmp_path), tmp_path / "source"
    found = PARTS.search((project / "docs" / "own-things.md").read_text(encoding="utf-8"))
    assert found is not None
    for line in found[1].splitlines():
        *words, place = line.split()[1:]
        assert harness([*words, str(source / place)]) == 0
    (source / "pyproject.toml").write_text(found[2], encoding="utf-8")
    machine.pip("install", "--no-deps", "--no-build-isolation", "--no-index", source)
    make(tmp_path / "data", 0, {"train": 1, "test": 1})
    (tmp_path / "data" / "synthetic").rename(tmp_path / "data" / "our_task")
    return machine


def test_an_installed_package_runs_trains_and_boards_until_it_is_uninstalled(machine: Machine, project: Path) -> None:
    assert json.loads(machine.typed("-c", KNOWN)) == {
        **{f"{what}s": [f"our_{what}"] for what in WHATS},
        "protocols": ["our_kind-protocol", "our_protocol"],
        "parsers": ["our_protocol_parser"],
    }
    other_kind = RUN.replace("our_protocol", "our_kind-protocol").replace("runs/own", "runs/kind")
    said = machine.typed("-c", SEVERAL, RUN, other_kind, "board runs", "ls tasks", "ls models", "ls rewards", "ls recipes")
    spec = json.loads((machine.folder / "runs" / "own" / "run.json").read_text())["spec"]
    assert (spec["model"]["class"], spec["outside"].keys()) == ("Model", {"parsers/our_protocol_parser", "tasks/our_task"})
    assert "our_task@test v1" in said and "our_kind-protocol (" in said and "other protocol: our_protocol (" in said
    origins = re.findall(r"^(our_\w+)\b.* (our-package)$", said, re.MULTILINE)
    assert [name for name, _ in origins] == ["our_task", "our_model", "our_reward", "our_recipe"]

    pytest.importorskip("trl", reason="trl, extra train, is not installed")
    short = ["rewards=[our_reward]", "group_size=2", "max_completion_length=4", "max_steps=1"]
    train = ["--recipe", "our_recipe", "--model", project / "trainers" / "base" / "weak", "--tasks", "our_task@train"]
    train += ["--protocol", "our_protocol", "--output", "ckpt", *(word for one in short for word in ("--set", one))]
    machine.typed("-m", "harness", "train", *train)
    trained = json.loads((machine.folder / "ckpt" / "train.json").read_text())
    assert (trained["status"], trained["steps"], trained["trained_on"]["split"]) == ("finished", 1, "our_task@train")
    assert (trained["spec"]["recipe"]["name"], trained["spec"]["outside"].keys()) == ("our_recipe", {"our_reward"})

    machine.pip("uninstall", "--yes", "our-package")
    assert not any(json.loads(machine.typed("-c", KNOWN)).values())
    assert "'our_task'" in machine.typed("-m", "harness", *RUN.split(), code=2)
