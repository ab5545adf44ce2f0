"""A reward function out of a user's own file."""

import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.errors import InputError, unknown

NEXT = "harness rewards check FILE.py:FUNCTION"


def load(source: str) -> Callable[..., Any]:
    """Run the file and take the function out of it.

    Args:
        source: `FILE.py`, or `FILE.py:FUNCTION` where the file has several functions that take `completions`.

    Raises:
        InputError: There is no such file or function, it is none that can be called as a reward, or the file raises.
    """
    name, _, function = source.partition(".py:")
    path = Path(f"{name}.py" if function else source)
    if path.suffix != ".py" or not path.is_file():
        raise InputError("a Python file with a reward function", f"{path}: there is none", NEXT)
    found = {key: value for key, value in _run(path).items() if inspect.isfunction(value) and not key.startswith("_")}
    takers = [key for key, value in found.items() if "completions" in inspect.signature(value).parameters]
    if not function and len(takers) != 1:
        raise InputError("one function that takes `completions`", f"{path}: {', '.join(takers) or 'none'}", NEXT)
    if function and function not in found:
        raise InputError(f"a function of {path}: {', '.join(found)}", unknown(function, found), NEXT)
    reward = found[function or takers[0]]
    if inspect.iscoroutinefunction(reward):
        raise InputError("a plain function", f"{reward.__name__} is `async`", NEXT)
    return reward


def _run(path: Path) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InputError("a Python file", f"{path}: cannot be loaded", NEXT)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InputError("a file that Python can run", f"{path}: {type(error).__name__}: {error}", f"python {path}") from error
    return {key: value for key, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__}
