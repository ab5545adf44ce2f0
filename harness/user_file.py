"""Python out of a file of a user's own: run once, with errors that name its line."""

import importlib.util
import sys
import textwrap
import traceback
from pathlib import Path
from types import ModuleType

from tasks.errors import InputError

SHOWN = 500
"""Characters of an error that are shown."""


def run(path: Path, step: str) -> ModuleType:
    """Run a file and return what it defines. Modules beside it can be imported by it, after those that are installed.

    Raises InputError with the line where there is no such file or it raises; `step` is what a user can do next.
    """
    spec = importlib.util.spec_from_file_location(f"user_file_{path.stem}", path) if path.is_file() else None
    if path.suffix != ".py" or spec is None or spec.loader is None:
        raise InputError("a Python file", f"{path}: there is none", step)
    module = importlib.util.module_from_spec(spec)
    # Where dataclasses look for the names in their annotations.
    sys.modules[spec.name] = module
    if (folder := str(path.resolve().parent)) not in sys.path:
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InputError("a file that Python can run", told(error, path), f"python {path}") from error
    return module


def told(error: BaseException, path: Path) -> str:
    """An error with the last line of the file that it came through: `mine.py, line 7: ValueError: …`."""
    if isinstance(error, SyntaxError) and error.filename and _same(error.filename, path):
        lines = [error.lineno]
    else:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if _same(frame.filename, path)]
    where = f"{path}, line {lines[-1]}" if lines else str(path)
    return textwrap.shorten(f"{where}: {type(error).__name__}: {error}", SHOWN)


def _same(name: str, path: Path) -> bool:
    return Path(name).name == path.name and Path(name).resolve() == path.resolve()
