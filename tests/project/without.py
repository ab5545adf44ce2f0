"""Run by tests: commands of `harness` in a Python that lacks packages, or has broken ones.

without.py '{"missing": ["torch"], "broken": [], "commands": [["run", …], …]}'; "missing": null leaves the base install alone.
Prints for each command its exit code, standard output and standard error.
"""

import contextlib
import io
import json
import sys
import traceback
from importlib import metadata
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
OURS = ("tasks", "harness", "trainers", "leaderboards")


def base() -> set[str]:
    """Modules of the packages that `pip install .` brings, and of those that they need."""
    names, modules = requirements("vtg-harness"), set[str]()
    for name in names:
        files = metadata.distribution(name).files or []
        modules |= {file.parts[0].partition(".")[0] for file in files if file.suffix in (".py", ".so")}
        names += [other for other in requirements(name) if other not in names]
    return modules


def requirements(name: str) -> list[str]:
    """Packages that one needs whatever the extras and the platform."""
    from packaging.requirements import Requirement

    wanted = map(Requirement, metadata.requires(name) or [])
    return [one.name for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]


class Lacking(MetaPathFinder):
    """Finds nothing, but refuses what is missing and takes over what is broken."""

    def __init__(self, missing: list[str] | None, broken: list[str]) -> None:
        self.there = None if missing is not None else {*base(), *OURS, *sys.stdlib_module_names}
        self.missing, self.broken = set(missing or ()), set(broken)

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        top = name.partition(".")[0]
        # The standard library has its own settings in a module that it does not list.
        foreign = self.there is not None and top not in self.there and not top.startswith("_sysconfigdata")
        if top in self.missing or foreign:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return ModuleSpec(name, Broken()) if top in self.broken else None


class Broken(Loader):
    """A package whose shared library is not there."""

    def exec_module(self, module: ModuleType) -> None:
        raise OSError("libavformat.so.61: cannot open shared object file")


def run(arguments: list[str]) -> tuple[int, str, str]:
    from harness.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except BaseException:  # noqa: BLE001 - shown, and told by the code
            code = -1
            traceback.print_exc()
    return code, out.getvalue(), err.getvalue()


# At import, so that the worker processes of a pool lack the same packages.
ASKED = json.loads(sys.argv[1])
sys.meta_path.insert(0, Lacking(ASKED["missing"], ASKED["broken"]))

if __name__ == "__main__":
    results = [run(command) for command in ASKED["commands"]]
    sys.stdout.write(json.dumps(results))
