"""The command `harness`, which first looks whether its other packages are its own and not of another distribution."""

import importlib.util
import sys
from pathlib import Path

PACKAGES = ("tasks", "trainers", "leaderboards")
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
        if origin != HERE / name / "__init__.py":
            own = "pip uninstall what brought that package, or use an environment of its own: python -m venv .venv"
            # Another distribution that wrote over ours took it along when it was uninstalled.
            step = own if origin else "pip install --force-reinstall --no-deps vtg-harness"
            sys.stderr.write(
                f"harness: bad input\nexpected: the package {name} of vtg-harness, in {HERE / name}\n"
                f"found:    {origin or 'none'}\n"
                f"next:     {step}\n"
            )
            sys.exit(2)
