"""A reward function out of a user's own file."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks import user_file
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
        raise InputError("a Python file with a reward function", f"{path}: no such file", NEXT)
    module = user_file.run(path, NEXT)
    functions = {key: value for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")}
    found = {key: value for key, value in functions.items() if value.__module__ == module.__name__}
    takers = [key for key, value in found.items() if "completions" in inspect.signature(value).parameters]
    if not function and len(takers) != 1:
        raise InputError("one function that takes `completions`", f"{path}: {', '.join(takers) or 'none'}", NEXT)
    if function and function not in found:
        raise InputError(f"a function of {path}: {', '.join(found)}", unknown(function, found), NEXT)
    reward = found[function or takers[0]]
    if inspect.iscoroutinefunction(reward):
        raise InputError("a plain function", f"{reward.__name__} is `async`", NEXT)
    return reward
