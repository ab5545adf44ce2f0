"""The command `harness`, which first looks whether its other packages are its own and not of another distribution."""

import importlib.util
import json
import shlex
import sys
from importlib import metadata
from pathlib import Path

PACKAGES = ("tasks", "trainers", "leaderboards")
NAME = "vtg-harness"
"""Our distribution, which stands in the first line of each of its packages."""
HERE = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the command; exit code 2 where a package of another distribution, or of the current folder, stands before ours."""
    _check()
    from harness.cli import main as command

    return command()


def _check() -> None:
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        origin = None if spec is None or spec.origin is None else Path(spec.origin).resolve()
        ours = HERE / name / "__init__.py"
        # An installation over ours leaves the place as it was, and another file there.
        if origin != ours or NAME not in ours.read_text(encoding="utf-8").partition("\n")[0]:
            sys.stderr.write(
                f"harness: bad input\nexpected: the package {name} of {NAME}, in {ours.parent}\n"
                f"found:    {_found(name, origin)}\nnext:     {_step(name, origin)}\n"
            )
            sys.exit(2)


def _found(name: str, origin: Path | None) -> str:
    if origin is None:
        return "none"
    return f"{origin} of {', '.join(others)}" if (others := _others(name)) else str(origin)


def _step(name: str, origin: Path | None) -> str:
    """What mends it: another distribution that was installed over ours takes our files along when it is uninstalled."""
    again = f"pip install --force-reinstall --no-deps {_source()}"
    if origin is None:
        return again
    if not (others := _others(name)):
        return f"rename {origin.parent if origin.name == '__init__.py' else origin}, or type the command in another folder"
    return f"pip uninstall {others[0]} && {again}; or use an environment of its own: python -m venv .venv"


def _others(name: str) -> list[str]:
    return sorted({one for one in metadata.packages_distributions().get(name, ()) if one != NAME})


def _source() -> str:
    """Where pip took this distribution from, as pip is told: a folder, a file or an address; its name if an index gave it."""
    try:
        text = metadata.distribution(NAME).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return shlex.quote(str(HERE))
    if text is None:
        return NAME
    known = json.loads(text)
    return ("-e " if known.get("dir_info", {}).get("editable") else "") + shlex.quote(known["url"])
