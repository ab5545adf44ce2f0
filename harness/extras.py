"""Packages that come with an extra of this project: imported where they are used, and named where they are not there."""

import importlib
import importlib.util
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tasks.errors import InputError

BROKEN = (ImportError, OSError, RuntimeError, AttributeError, ValueError, TypeError, SyntaxError)
"""What a package raises while it is imported, where its libraries, or packages that it needs, are not there or do not fit."""

SHOWN = 400
"""Characters of such an error that are shown; torchcodec's goes on for pages."""


@contextmanager
def needed(extra: str) -> Iterator[None]:
    """What is imported in here comes with an extra. Raises InputError with its name where that is missing or broken."""
    try:
        yield
    except BROKEN as error:
        found = textwrap.shorten(str(error), SHOWN)
        if isinstance(error, ModuleNotFoundError):
            raise InputError(f"the packages of extra {extra}", found, f"pip install 'vtg-harness[{extra}]'") from error
        again = f"install the library that is named there, or pip install --force-reinstall 'vtg-harness[{extra}]'"
        found = f"{type(error).__name__}: {found}"
        raise InputError(f"packages of extra {extra} that can be imported", found, again) from error


def package(name: str, extra: str) -> Any:
    """Import a package that an extra installs. Raises InputError with the name of the extra."""
    with needed(extra):
        return importlib.import_module(name)


def check(extra: str, *names: str) -> None:
    """Whether packages are there, without importing them. Raises InputError with the name of the extra that installs them."""
    with needed(extra):
        if missing := [name for name in names if importlib.util.find_spec(name) is None]:
            raise ModuleNotFoundError(f"No module named {', '.join(map(repr, missing))}")
