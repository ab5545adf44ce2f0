"""Files that a user names for every verb: things of their own, and annotations of benchmarks that lie elsewhere."""

from collections.abc import Sequence
from os import fspath

from harness import paths
from harness.data import annotations as files
from harness.paths import AnyPath
from tasks import outside

Paths = AnyPath | Sequence[AnyPath]


def use(include: Paths, annotations: Paths) -> None:
    """Do what `--include` and `--annotations` ask for. Raises InputError."""
    outside.include(map(fspath, paths.listed(include)))
    files.use(annotations)


def typed(annotations: Paths) -> list[str]:
    """The options with which another process of the harness finds the same files, whatever its environment."""
    named = [
        *(("--include", path) for path in outside.included()),
        *(("--annotations", fspath(one)) for one in paths.listed(annotations)),
    ]
    return [word for option, path in named for word in (option, path)]
