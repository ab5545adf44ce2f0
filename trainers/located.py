"""The files of experiments, and where in one something stands that is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import yaml_file
from harness.checked import Place
from tasks.errors import InputError, quoted

FOLDER = Path(__file__).parent / "experiments"


def path_of(name: str) -> Path:
    """The file of an experiment: a YAML file, or one of ours by its name."""
    return Path(name) if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"


@contextmanager
def at(file: Path, *keys: str) -> Iterator[None]:
    """Name the line of an experiment in which these keys end, in what is refused of the value there."""
    try:
        yield
    except InputError as error:
        if error.found.startswith(str(file)):
            raise
        values: Any = yaml_file.read(file, "an experiment", f"edit {quoted(file)}")
        place = Place(file)
        for key in keys:
            place, values = place.of(values, key), values.get(key) if isinstance(values, dict) else None
        raise InputError(error.expected, f"{place.where}: {error.found}", error.next_command) from error
