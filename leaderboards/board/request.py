"""What goes on a board: the options of `harness board`, or a `board.yaml` that holds them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from harness import checked, yaml_file
from harness.models.verdict import WHOLE_S, right_to
from harness.plan import make_plan
from harness.recorded import plan_of
from leaderboards.board import published, runs
from leaderboards.board.formats import FORMATS
from leaderboards.board.places import MOST, Judged, places, said
from leaderboards.board.published import Table
from leaderboards.board.ranking import GENERAL, MAIN, Board, Section, build
from leaderboards.board.rows import RUN, UNKNOWN, Row, of_floors
from leaderboards.board.seeds import grouped
from tasks import protocol as protocols
from tasks.errors import InputError, quoted, unknown

FILES = (".yaml", ".yml")
NONE, EVERY, SEEDS = "none", "all", "seeds"
GROUPS = (SEEDS, NONE)
WORD, WORDS = (str,), (str, list)
KINDS = {
    **dict.fromkeys(("runs", "published", "columns"), WORDS),
    **dict.fromkeys(("layout", "format", "force", "group", "protocol", "task"), WORD),
    "labels": (dict,),
}
"""What stands behind each key of a file."""


@dataclass(frozen=True)
class Request:
    """A board that somebody asks for.

    Attributes:
        runs: Run folders, folders of runs, or files of predictions.
        task: Of files of predictions.
        protocol: Under which all replies are scored again; None for the rules of each run.
        columns: What is shown, in order; empty for everything.
        labels: What the runs in a folder and below it are called.
        group: `seeds` where runs of one recipe are one row, `none` where every run is one.
        published: Rows of papers, comma-separated: tables, papers, YAML files, `all`, `none`; None for what fits the layout.
        force: Whether rows that may not be compared are ranked.
    """

    runs: tuple[Path, ...] = ()
    labels: tuple[tuple[Path, str], ...] = ()
    group: str = SEEDS
    layout: str = GENERAL
    published: str | None = None
    format: str = "text"
    force: bool = False
    task: str | None = None
    protocol: str | None = None
    columns: tuple[str, ...] = ()


def of_file(path: Path) -> Request:
    """Read a `board.yaml`; runs and files are named from its folder, and runs may hold `*`. Raises InputError."""
    # Every scalar as text, so that `no` is a word here as on the command line.
    what = f"a YAML file with a board: a mapping with some of the keys {', '.join(KINDS)}"
    content, place = yaml_file.read(path, what, "harness board RUN", texts=True), checked.Place(path)
    values = checked.mapping(content, place, KINDS)
    named = values.get("labels", {})
    labels = checked.mapping(named, place.of(values, "labels").at("labels"), dict.fromkeys(named, WORD))

    def found(pattern: str) -> list[Path]:
        return matches(path.parent / pattern, f"edit {path}")

    def words(key: str) -> Sequence[str]:
        if key not in values:
            return ()
        given = values[key]
        return [given] if isinstance(given, str) else checked.items(given, place.of(values, key), str, key)

    names = [str(path.parent / word) if word.endswith(FILES) else word for word in words("published")]
    return Request(
        runs=tuple(folder for pattern in words("runs") for folder in found(pattern)),
        labels=tuple((folder, label) for pattern, label in labels.items() for folder in found(pattern)),
        group=checked.word(values.get("group", SEEDS), GROUPS, place.of(values, "group"), "group"),
        layout=values.get("layout", GENERAL),
        published=",".join(names) if "published" in values else None,
        format=checked.word(values.get("format", "text"), tuple(FORMATS), place.of(values, "format"), "format"),
        force=checked.word(values.get("force", "no"), ("yes", "no"), place.of(values, "force"), "force") == "yes",
        task=values.get("task"),
        protocol=values.get("protocol"),
        columns=tuple(words("columns")),
    )


def make(request: Request, data_root: Path) -> Board:
    """Read runs and published rows, and arrange them. Raises InputError."""
    tables, layout = _tables(request)
    rows: list[Row] = []
    entries = _entries(request, data_root)
    asked: dict[Any, runs.Entry] = {}
    whole_seconds: set[Any] = set()
    for folder, recorded in entries.items():
        places = {_place(row): recorded for row in recorded.rows}
        asked |= places
        whole_seconds |= places.keys() if recorded.spec["model"].get("clock_verdict") == right_to(WHOLE_S) else set()
        label = next((label for named, label in request.labels if folder.is_relative_to(named.resolve())), None)
        rows += recorded.rows if label is None else [replace(row, model=label, group=label) for row in recorded.rows]

    def floors(row: Row) -> Sequence[Row]:
        if (entry := asked.get(place := _place(row))) is None:
            return ()
        plan = plan_of({**entry.spec, "limit": None}, entry.own_data, data_root=data_root)
        return of_floors(plan, place in whole_seconds)

    blind, notes = _without_runs(layout, {row.task for row in rows}, data_root) if layout is not None else ([], [])
    rows = grouped(rows) if request.group == SEEDS else rows
    board = build([*rows, *blind], tables, floors, layout, request.force)
    sections = tuple(_judged(section, entries, data_root) for section in board.sections)
    return board._replace(notes=(*board.notes, *notes), sections=sections, columns=request.columns)


def _place(row: Row) -> tuple[Any, ...]:
    return (row.task, row.split, row.identity)


def _entries(request: Request, data_root: Path) -> dict[Path, runs.Entry]:
    """Everything that has rows, by its folder or file. Raises InputError."""
    files = [path for path in request.runs if path.is_file()]
    if files and request.task is None:
        step = f"harness board --task charades@test {quoted(files[0])}"
        raise InputError(f"a run folder, or --task for the file {files[0]}", "no task", step)
    found = runs.find(path for path in request.runs if path not in files)
    entries = {folder: runs.load(folder, data_root, request.protocol) for folder in found}
    return entries | {path.resolve(): runs.load_file(path, data_root, request.task, request.protocol) for path in files}


def _judged(section: Section, entries: Mapping[Path, runs.Entry], data_root: Path) -> Section:
    """A section with the places of its ranked rows and what may be said of the best; runs that keep no replies have none."""
    ranked = {i: row for i, row in enumerate(section.ranked) if row.kind == RUN}
    known = 1 < len(ranked) <= MOST and not section.forced
    judged = runs.judged(ranked, entries, data_root) if known else Judged({}, ())
    found = places(section.ranked, section.main, judged) if judged.values else []
    return section._replace(places=tuple(found), verdict=said(section.ranked, section.floors, section.main, judged))


def _without_runs(layout: Table, run: Collection[str], data_root: Path) -> tuple[list[Row], list[str]]:
    """Rows that need no model for the benchmarks of a paper's table that no run is on, and for which they cannot be made.

    They follow the protocol that is called as the paper is, or else the task's own.
    """
    rows: list[Row] = []
    missing = []
    paper = layout.name.rpartition("-")[0]
    family = paper if paper in protocols.names() else None
    for name in layout.benchmarks.keys() - run:
        split = layout.splits[name]
        try:
            rows += of_floors(make_plan(name, None if split == UNKNOWN else split, family, None, data_root))
        except InputError:
            missing.append(name)
    step = "harness data check TASK says what is missing"
    told = [f"no baselines and upper bounds on {', '.join(sorted(missing))}: their annotations are not at hand ({step})"]
    return rows, told if missing else []


def matches(pattern: Path, step: str) -> list[Path]:
    """The folders of a name that may hold `*`. Raises InputError where there is none."""
    places = Path(pattern.anchor or ".").glob(str(pattern.relative_to(pattern.anchor)))
    if not (found := sorted(place for place in places if place.is_dir() or (place.is_file() and "*" not in pattern.name))):
        raise InputError("runs", f"nothing matches {pattern}", step)
    return found


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
            expected = f"published rows: {', '.join(names)}, or a YAML file"
            raise InputError(expected, unknown(word, names), "harness board --published none")
        chosen |= found
    return [chosen[name] for name in sorted(chosen)], known.get(request.layout)
