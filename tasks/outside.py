"""What users add without a fork: tasks, protocols, parsers, kinds, models, rewards and recipes in files of their own.

Where they are looked for: in the files and folders of `--include` and of the environment variable `HARNESS_INCLUDE`, and in
modules that installed packages name by entry points `vtg_harness.GROUP`. What a file adds is seen without running it:

| group | a file that adds to it | name |
|---|---|---|
| tasks | Python with `TASK` or `TASKS` (`tasks.task.Task`) | of the task |
| protocols | TOML with the tables `prompt` and `answer` | of the file |
| parsers | Python with a function `parse` | of the file |
| kinds | Python with `KIND` (`tasks.kinds.Kind`) | of the file |
| models | Python with a class that has `answer(self, frames, questions)` | of the file |
| rewards | Python with a function named as the file, that takes `completions` | of the file |
| recipes | YAML with a key `method` or `base` | of the file |

A folder is read with all folders below it, but for tests (`test_*.py`, `conftest.py`) and what is hidden.
"""

import ast
import functools
import hashlib
import importlib.util
import os
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from tasks import user_file
from tasks.errors import InputError, quoted

VARIABLE = "HARNESS_INCLUDE"
GROUPS = ("tasks", "protocols", "parsers", "kinds", "models", "rewards", "recipes")
PREFIX = "vtg_harness."
SUFFIXES = (".py", ".toml", ".yaml", ".yml")
NOT_READ = ("conftest.py", "setup.py", "pyproject.toml")
FORMS = "a file or folder that adds one of: " + ", ".join(GROUPS)
Made = TypeVar("Made")
STEP = "harness new protocol NAME writes a working example; harness ls protocols lists what was found"


@dataclass(frozen=True)
class Thing:
    """One addition: `name` in `group`, found in `path`; `module` is its import name where a package brings it."""

    group: str
    name: str
    path: Path
    origin: str
    sha256: str  # Of its file when it was found, as `run.json` keeps it
    module: str | None = None

    def load(self) -> ModuleType:
        """Its module, run once a process. Raises InputError, with the line, where the file raises."""
        return _run(self.path, self.sha256, self.module)

    def made(self, name: str, kind: type[Made]) -> Made:
        """What its module calls `name`. Raises InputError where that is no `kind`."""
        value = getattr(self.load(), name, None)
        if not isinstance(value, kind):
            raise InputError(f"{name} in {self.path}, a {kind.__name__}", repr(value)[:200], f"edit {self.path}")
        return value


def include(paths: Iterable[str]) -> None:
    """Add files and folders for this process and those that it starts; all that are included are looked at anew.

    A file that is named itself is run, those of a folder when they are asked for. Raises InputError, and adds nothing, where
    there is no such path, or what is there cannot be read or run.
    """
    _things.cache_clear()
    more = [str(_existing(path).resolve()) for path in paths]
    if not more:
        return
    before = os.environ.get(VARIABLE, "")
    os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys([*included(), *more]))
    try:
        files = [path for path in more if Path(path).is_file()]
        for thing in _things(os.environ[VARIABLE]) if files else ():
            if thing.path.suffix == ".py" and str(thing.path) in files:
                thing.load()
    except InputError:
        os.environ[VARIABLE] = before
        raise


def included() -> list[str]:
    """The paths that are included."""
    return [path for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]


def added(group: str, known: Collection[str]) -> dict[str, Thing]:
    """What comes from outside in a group, by name. Raises InputError where a name is one of `known`, or two have the same."""
    found = {thing.name: thing for thing in _things(os.environ.get(VARIABLE, "")) if thing.group == group}
    if taken := [thing for name, thing in found.items() if name in known]:
        raise _clash(taken[0], "a file of the harness")
    return dict(sorted(found.items()))


def _clash(thing: Thing, other: str) -> InputError:
    expected = f"each of the {thing.group} under a name of its own"
    rename = f"rename {quoted(thing.path)}"
    step = f"pip uninstall {thing.origin}, or {rename}" if thing.module else rename
    return InputError(expected, f"{thing.name!r}: {other} and {thing.path}", step)


@functools.lru_cache(maxsize=8)
def _things(variable: str) -> tuple[Thing, ...]:
    found: list[Thing] = []
    for path in (path for path in variable.split(os.pathsep) if path):
        place = _existing(path).resolve()
        here = [thing for file in _files(place) for thing in _of_file(file, f"--include {path}")]
        if not here:
            raise InputError(FORMS, f"nothing of the kind in {path}", STEP)
        found += here
    found += _installed()
    first: dict[tuple[str, str], Thing] = {}
    for thing in found:
        if (other := first.setdefault((thing.group, thing.name), thing)).path != thing.path:
            raise _clash(thing, str(other.path))
    return tuple(found)


def _existing(path: str) -> Path:
    if not (place := Path(path).expanduser()).exists():
        raise InputError("a file or folder to include", f"no {path}", f"ls {quoted(place.parent)}")
    return place


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        if place.suffix not in SUFFIXES:
            raise InputError(f"a file that ends in {', '.join(SUFFIXES)}", str(place), STEP)
        yield place
        return
    for file in sorted(place.rglob("*")):
        hidden = any(part.startswith((".", "__")) for part in file.relative_to(place).parts[:-1])
        if (
            file.suffix in SUFFIXES
            and not hidden
            and file.name not in NOT_READ
            and not file.name.startswith((".", "__", "test_"))
        ):
            yield file


def _installed() -> Iterator[Thing]:
    """Additions that installed packages declare; of a package as value, every file of its folder."""
    declared = metadata.entry_points()
    for group in GROUPS:
        for entry in declared.select(group=PREFIX + group):
            package = entry.dist.name if entry.dist else entry.value
            for file, module in _modules(entry.module, f"{PREFIX}{group}", package):
                yield from (thing for thing in _of_file(file, package, module) if thing.group == group)


def _modules(name: str, group: str, package: str) -> Iterator[tuple[Path, str]]:
    """The file of a module, or those of a package, with import names. Raises InputError where there is none."""
    try:
        spec = importlib.util.find_spec(name)
    except ImportError:
        spec = None
    if spec is None:
        raise InputError(f"module {name}, an entry point {group}", "no such module", f"pip install --force-reinstall {package}")
    if spec.submodule_search_locations is None:
        yield Path(str(spec.origin)), name
    for folder in spec.submodule_search_locations or ():
        yield from ((file, f"{name}.{file.stem}") for file in _files(Path(folder)) if file.parent == Path(folder))


def _of_file(file: Path, origin: str, module: str | None = None) -> list[Thing]:
    """What a file adds. Raises InputError, with the line, where it cannot be read."""
    try:
        content = file.read_bytes()
        text = content.decode("utf-8")
        groups = _of_python(text, file.stem) if file.suffix == ".py" else _of_table(text, file.suffix)
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"a {file.suffix} file that can be read", f"{file}{_place(error)}", f"edit {file}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    return [Thing(group, file.stem, file, origin, sha256, module) for group in groups]


def _place(error: Exception) -> str:
    """The line of an error, where it has one, and what it says."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}: {error.msg}" if error.lineno else f": {error.msg}"
    if isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
        return f", line {line}: byte 0x{error.object[error.start]:02x} is no UTF-8"
    return f": {error}"


def _of_python(text: str, stem: str) -> list[str]:
    found = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {target.id for target in targets if isinstance(target, ast.Name)}
            found += ["tasks"] if names & {"TASK", "TASKS"} else ["kinds"] if "KIND" in names else []
        elif isinstance(node, ast.FunctionDef):
            takes = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
            found += ["parsers"] if node.name == "parse" else ["rewards"] if node.name == stem and "completions" in takes else []
        elif isinstance(node, ast.ClassDef):
            methods = {method.name for method in node.body if isinstance(method, ast.FunctionDef)}
            found += ["models"] if "answer" in methods else []
    return list(dict.fromkeys(found))


def _of_table(text: str, suffix: str) -> list[str]:
    if suffix == ".toml":
        return ["protocols"] if {"prompt", "answer"} <= tomllib.loads(text).keys() else []
    return ["recipes"] if re.search(r"^(method|base):", text, re.MULTILINE) else []


@functools.cache
def _run(path: Path, _sha256: str, module: str | None) -> ModuleType:
    """Once for each content of a file; whatever else holds what it defines keeps that."""
    return user_file.run(path, STEP, module)
