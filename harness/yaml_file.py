"""The one reader of YAML: plain values only, no key twice, and nothing that grows when it is read."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from tasks.errors import InputError

DEEPEST, LARGEST = 50, 100_000
"""Levels of a file, and values in it with every alias written out."""

_MERGE, _TEXT = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:str"


class Lined(dict[str, Any]):
    """A mapping of a file, with the line of each of its keys in `lines`."""

    lines: Mapping[str, int] = MappingProxyType({})

    def over(self, below: Mapping[str, Any]) -> "Lined":
        """A mapping in which its values win over those below."""
        made = Lined({**below, **self})
        made.lines = self.lines
        return made


class _Checked(yaml.composer.Composer):  # type: ignore[misc]
    """Refuses tags, depth, size and keys that stand twice while the file is read."""

    _depth = _values = 0
    _sizes: Mapping[str, int] = MappingProxyType({})
    """Values below each anchor."""

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event, before = self.peek_event(), self._values
        self._depth += 1
        if isinstance(event, yaml.AliasEvent):
            # An anchor that is still open would hold itself.
            self._values += self._sizes.get(event.anchor, LARGEST)
        else:
            self._values += 1
            if event.tag not in (None, "!"):
                self._refuse("no tags", event.tag)
        if self._depth > DEEPEST or self._values > LARGEST:
            self._refuse(f"at most {DEEPEST} levels and {LARGEST:,} values", "more")
        node: Node | None = super().compose_node(parent, index)
        if event.anchor is not None and not isinstance(event, yaml.AliasEvent):
            self._sizes = {**self._sizes, event.anchor: self._values - before}
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: str | None) -> MappingNode:
        node: MappingNode = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode) or key.value in seen:
                found = f"{key.value!r} again" if isinstance(key, ScalarNode) else "a list or mapping"
                self._refuse("names as keys, each once", found, key.start_mark)
            seen.add(key.value)
            # `no` and `2024` are names as well.
            key.tag = key.tag if key.tag == _MERGE else _TEXT
        return node

    def _refuse(self, expected: str, found: str, mark: yaml.Mark | None = None) -> None:
        problem = f"expected {expected}, found {found}"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark or self.peek_event().start_mark)


class _Texts(_Checked, yaml.BaseLoader):  # type: ignore[misc]
    """Every value as the text that was written: 62.10 stays 62.10, and no stays no."""


class _Values(_Checked, yaml.SafeLoader):  # type: ignore[misc]
    """Numbers, booleans, null and texts; dates are texts."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, rule) for tag, rule in rules if not tag.endswith(":timestamp")]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _lined(loader: Any, node: MappingNode) -> Iterator[Lined]:
    made = Lined()
    yield made  # before its values are there, as the constructors of PyYAML do
    made.update(loader.construct_mapping(node))
    made.lines = {key.value: key.start_mark.line + 1 for key, _ in node.value}


for _loader in (_Texts, _Values):
    _loader.add_constructor("tag:yaml.org,2002:map", _lined)


def read(path: Path, what: str, next_command: str, texts: bool = False) -> Lined:
    """The mapping that a YAML file holds, as are those inside it; with `texts`, every value as the text that was written.

    Raises InputError, which says `what` was expected (`a YAML file with a recipe: a mapping with the keys …`), where it is no
    regular file that can be read, no YAML in UTF-8, no mapping; it has tags, a key twice, or values that are NaN or infinite; it
    is too deep or grows by aliases.
    """
    try:
        if not path.is_file():
            raise FileNotFoundError("there is no such file")
        if isinstance(values := _load(path.read_text(encoding="utf-8-sig"), texts), Lined):
            return values
        raise ValueError({type(None): "nothing", list: "a list"}.get(type(values), f"only {str(values)[:80]!r}"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path} line {mark.line + 1}" if mark else path
        raise InputError(what, f"{where}: {_short(error)}", next_command) from error


def value(text: str) -> Any:
    """One value as a file would hold it. Raises ValueError, as `read` raises InputError."""
    try:
        return _load(text, texts=False)
    except yaml.YAMLError as error:
        raise ValueError(_short(error)) from error


def _load(text: str, texts: bool) -> Any:
    found = yaml.load(text, Loader=_Texts if texts else _Values)
    _check_finite(found)
    return found


def _check_finite(found: Any) -> None:
    if isinstance(found, float) and not math.isfinite(found):
        raise ValueError(f"{found} is no number")
    for inner in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        _check_finite(inner)


def _short(error: Exception) -> str:
    text = getattr(error, "problem", None) or str(error)
    return " ".join(text.split())[:300]
