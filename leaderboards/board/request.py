"""What goes on a board: the options of `harness board`, or a `board.yaml` that holds them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harness import yaml_file
from leaderboards.board import published, runs
from leaderboards.board.formats import FORMATS
from leaderboards.board.published import Table
from leaderboards.board.ranking import GENERAL, MAIN, Board, build
from leaderboards.board.rows import Row, of_floors
from tasks.errors import InputError, unknown

KEYS = ("runs", "layout", "published", "format", "force")
FILES = (".yaml", ".yml")
NONE, EVERY = "none", "all"


@dataclass(frozen=True)
class Request:
    """A board that somebody asks for.

    Attributes:
        runs: Run folders, or folders of runs.
        layout: `general`, or the name of a paper's table.
        published: Rows of papers, comma-separated: tables, papers, YAML files, `all`, `none`; None for what fits the layout.
        format: One of `tables.FORMATS`.
        force: Whether rows that may not be compared are ranked.
    """

    runs: tuple[Path, ...] = ()
    layout: str = GENERAL
    published: str | None = None
    format: str = "text"
    force: bool = False


def of_file(path: Path) -> Request:
    """Read a `board.yaml`; runs and files are named from its folder, and runs may hold `*`. Raises InputError."""
    # Every scalar as text, so that `no` is a word here as on the command line.
    values = yaml_file.read(
        path, f"a YAML file with a board: a mapping with some of the keys {', '.join(KEYS)}", "harness board RUN", texts=True
    )
    for key in values:
        if key not in KEYS:
            raise InputError(f"some of the keys {', '.join(KEYS)}", f"{path}: {unknown(str(key)[:80], KEYS)}", f"edit {path}")
    words = {key: _words(path, key, value) for key, value in values.items()}
    folders = tuple(folder for pattern in words.get("runs", ()) for folder in _matches(path, pattern))
    names = [str(path.parent / word) if word.endswith(FILES) else word for word in words.get("published", ())]
    return Request(
        runs=folders,
        layout=_one(path, words, "layout", None) or GENERAL,
        published=",".join(names) if "published" in words else None,
        format=_one(path, words, "format", FORMATS) or "text",
        force=_one(path, words, "force", ("yes", "no")) == "yes",
    )


def make(request: Request, data_root: Path) -> Board:
    """Read runs and published rows, and arrange them. Raises InputError."""
    tables, layout = _tables(request)
    recorded = [runs.load(folder, data_root) for folder in runs.find(request.runs)]
    specs = {(row.task, row.split, row.identity): entry.spec for entry in recorded for row in entry.rows}

    def floors(row: Row) -> Sequence[Row]:
        spec = specs[row.task, row.split, row.identity]
        return of_floors(runs.plan_of({**spec, "limit": None}, data_root))

    return build((row for entry in recorded for row in entry.rows), tables, floors, layout, request.force)


def layouts() -> list[str]:
    """Names of the layouts that come with the project."""
    return [GENERAL, *_shipped()]


@cache
def _shipped() -> Mapping[str, Table]:
    return {table.name: table for stem in published.papers() for table in published.read(published.FOLDER / f"{stem}.yaml")}


def _tables(request: Request) -> tuple[list[Table], Table | None]:
    """Published tables to show, each once in the order of their names, and the one that is the layout."""
    words = request.published.split(",") if request.published is not None else None
    own = {table.name: table for word in words or () if word.endswith(FILES) for table in published.read(Path(word))}
    known = {**_shipped(), **own}
    if request.layout != GENERAL and request.layout not in known:
        names = [GENERAL, *known]
        raise InputError(f"a layout: {', '.join(names)}", unknown(request.layout, names), "harness board --layout general RUN")
    if words is None:
        words = list(MAIN) if request.layout == GENERAL else [request.layout]
    chosen = dict(own)
    for word in words:
        if word.endswith(FILES) or word == NONE:
            continue
        found = {name: table for name, table in known.items() if word in (EVERY, name, name.rpartition("-")[0])}
        if not found:
            names = [NONE, EVERY, *published.papers(), *known]
            raise InputError(
                f"published rows: {', '.join(names)}, or a YAML file", unknown(word, names), "harness board --published none"
            )
        chosen |= found
    return [chosen[name] for name in sorted(chosen)], known.get(request.layout)


def _words(path: Path, key: str, value: Any) -> list[str]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        raise InputError(f"text or a list of texts as {key}", f"{path}: a {type(value).__name__}", f"edit {path}")
    return words


def _one(path: Path, words: Mapping[str, list[str]], key: str, known: Iterable[str] | None) -> str | None:
    """The only word of a key, None where the key is absent."""
    if key not in words:
        return None
    word, *others = words[key]
    if others or (known is not None and word not in known):
        expected = f"one word as {key}" + (f": {', '.join(known)}" if known is not None else "")
        raise InputError(expected, f"{path}: {', '.join(words[key])[:80]!r}", f"edit {path}")
    return word


def _matches(path: Path, pattern: str) -> list[Path]:
    folder = path.parent / pattern
    places = Path(folder.anchor or ".").glob(str(folder.relative_to(folder.anchor)) if folder.anchor else str(folder))
    found = sorted(place for place in places if place.is_dir())
    if not found:
        raise InputError("runs", f"{path}: nothing matches {folder}", f"edit {path}")
    return found
