"""Python out of a file of a user's own, with errors that name its line."""

import contextlib
import difflib
import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
import textwrap
import traceback
from pathlib import Path
from types import ModuleType

from tasks.errors import InputError, quoted

_KEYWORD = re.compile(r"(\w+)(?:\.__init__)?\(\) got an unexpected keyword argument '(\w+)'")
SHOWN = 500
"""Characters of an error that are shown."""


def run(path: Path, step: str, module: str | None = None) -> ModuleType:
    """Run a file and return what it defines. Modules beside it can be imported by it, after those that are installed.

    `module` is the import name of a file that an installed package brings; `step` is what a user can do next. Raises InputError
    with the line where there is no such file or it raises.
    """
    if path.suffix != ".py" or not path.is_file():
        raise InputError("a Python file", f"{path}: no such file", step)
    try:
        return _run(path) if module is None else importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise InputError("a file that Python can run", told(error, path), f"python {quoted(path)}") from error


def _run(path: Path) -> ModuleType:
    # A name of its own: the user's `iou.py` is no `iou` that somebody else imports.
    name = f"user_file_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look for the names in their annotations there
    if (folder := str(path.resolve().parent)) not in sys.path:
        sys.path.append(folder)
    spec.loader.exec_module(module)
    return module


def told(error: BaseException, path: Path) -> str:
    """An error with the last line of the file that it came through: `mine.py, line 7: ValueError: …`."""
    said = str(error)
    if isinstance(error, SyntaxError) and error.filename and _same(error.filename, path):
        lines, said = [error.lineno], error.msg
    else:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if _same(frame.filename, path)]
    if isinstance(error, TypeError) and (keyword := _KEYWORD.search(said)) is not None:
        said += _nearest(error, *keyword.groups())
    where = f"{path}, line {lines[-1]}" if lines else str(path)
    return textwrap.shorten(f"{where}: {type(error).__name__}: {said}", SHOWN)


def _nearest(error: TypeError, called: str, keyword: str) -> str:
    """The nearest keyword of what the file called by this name."""
    known: list[str] = []
    for frame, _ in traceback.walk_tb(error.__traceback__):
        with contextlib.suppress(TypeError, ValueError):  # it is no function, or one that does not say what it takes
            known += inspect.signature(frame.f_globals[called]).parameters if called in frame.f_globals else ()
    near = difflib.get_close_matches(keyword, known, n=1)
    return f" (nearest: {near[0]})" if near else ""


def _same(name: str, path: Path) -> bool:
    return Path(name).name == path.name and Path(name).resolve() == path.resolve()
