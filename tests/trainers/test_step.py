"""What one GRPO step does can be read in the six files that `trainers/methods/grpo.py` names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import trainers
from trainers.methods import grpo

ROOT = Path(trainers.__file__).parent


def imported(file: Path) -> Iterator[Path]:
    """Files of `trainers/` that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
        for name in names:
            if name.startswith("trainers."):
                path = ROOT.joinpath(*name.split(".")[1:])
                yield from (found for found in (path.with_suffix(".py"), path / "__init__.py") if found.is_file())


def reached(start: Path) -> set[Path]:
    """Files of `trainers/` that can be reached from one by imports, itself among them; empty `__init__.py` say nothing."""
    found, waiting = set[Path](), [start]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += imported(file)
    return {file for file in found if not (file.name == "__init__.py" and len(file.read_text(encoding="utf-8").splitlines()) < 2)}


def test_the_step_is_in_at_most_six_files() -> None:
    named = [ROOT / name for name in re.findall(r"^\d\. `([\w/.]+)`", grpo.__doc__ or "", re.MULTILINE)]
    assert 0 < len(named) <= 6 and all(file.is_file() for file in named)
    assert named[0] == Path(grpo.__file__)
    # The formula of a reward or of a shaping, or the file of a user, is what a recipe names: data of a step, as videos are.
    rewards = {file for file in (ROOT / "rewards").glob("*.py") if file.name != "__init__.py"}
    assert reached(named[0]) - rewards <= {*named}
    assert {file for start in named for file in reached(start)} - rewards == {*named}
