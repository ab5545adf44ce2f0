"""Checks of what people write into files: known keys, values of the right kind, known words."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tasks.errors import InputError, quoted, unknown

Kinds = Mapping[str, tuple[type, ...]]
"""Types that may stand behind each key."""
NAMES = {
    str: "text",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    type(None): "null",
    list: "a list",
    tuple: "a list",
    dict: "a mapping",
}


class Place(NamedTuple):
    """Where in a file a value stands, for messages."""

    file: Path
    parts: tuple[str, ...] = ()
    line: int = 0  # 0 where it is not known

    def at(self, *parts: str) -> "Place":
        """A place inside this one."""
        return self._replace(parts=(*self.parts, *parts))

    def of(self, values: Any, key: str) -> "Place":
        """The place of a key of a mapping, with its line where the mapping was read from a file (`yaml_file.Lined`)."""
        return self._replace(line=getattr(values, "lines", {}).get(key, self.line))

    @property
    def where(self) -> str:
        """Its file and line in words."""
        return f"{self.file} line {self.line}" if self.line else str(self.file)

    def refuse(self, expected: str, found: str) -> InputError:
        """The error to raise."""
        return InputError(
            f"{expected} in {', '.join(self.parts) or 'the file'}", f"{self.where}: {found}", f"edit {quoted(self.file)}"
        )


def mapping(value: Any, place: Place, kinds: Kinds, required: Sequence[str] = ()) -> Mapping[str, Any]:
    """A mapping with all required keys and no unknown ones, each with a value of its kind. Raises InputError."""
    if not isinstance(value, dict):
        raise place.refuse(f"a mapping with the keys {', '.join(kinds)}", shown(value))
    for key, one in value.items():
        if key not in kinds:
            raise place.of(value, key).refuse(f"one of the keys {', '.join(kinds)}", unknown(str(key)[:80], kinds))
        if not isinstance(one, kinds[key]) or (isinstance(one, bool) and bool not in kinds[key]):
            expected = f"{' or '.join(dict.fromkeys(NAMES[kind] for kind in kinds[key]))} as {key}"
            raise place.of(value, key).refuse(expected, shown(one))
    if missing := [key for key in required if key not in value]:
        raise place.refuse(f"the keys {', '.join(required)}", f"no {', '.join(missing)}")
    return value


def items(value: list[Any], place: Place, kind: type, what: str) -> Sequence[Any]:
    """A list that holds something, and values of one kind alone. Raises InputError."""
    if not value or not all(isinstance(one, kind) for one in value):
        raise place.refuse(f"a list of {what}", shown(value))
    return value


def word(value: str, known: Sequence[str], place: Place, what: str) -> str:
    """One of the known words. Raises InputError with the nearest."""
    if value not in known:
        raise place.refuse(f"{what}: {', '.join(known)}", unknown(value[:80], known))
    return value


def shown(value: Any) -> str:
    """A wrong value for a message; containers by their kind alone, as an alias can stand in one a million times."""
    kind = next((kind for kind in (dict, list, tuple) if isinstance(value, kind)), None)
    return NAMES[kind] if kind else repr(value[:80] if isinstance(value, str) else value)
