"""Published rows: what papers print, as they print it, with what they say about how it was measured."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import yaml_file
from tasks import protocol as protocols
from tasks import task as tasks
from tasks.errors import InputError, unknown

FOLDER = Path(__file__).parent.parent / "published"
UNKNOWN = "unknown"
ANSWERS = ("yes", "no", UNKNOWN)
EVERY = "all"

METRICS = (
    "mIoU",
    *(f"R1@{t}" for t in (0.1, 0.3, 0.5, 0.7)),
    "set-mIoU",
    *(f"set-R1@{t}" for t in (0.3, 0.5, 0.7)),
    *("MR-mAP", "HL-mAP", "mAP", "HIT@1", "Acc"),
    *(f"F1@{t}" for t in (0.1, 0.3, 0.5, 0.7)),
    "mF1",
)
"""Every metric of a table, in the order of its columns. `set-` compares all predicted with all true spans of a query, overlaps
merged; MR is moment retrieval, HL highlight detection; a bare `mAP` is one of which the paper does not say what is averaged."""

OTHERS = ("anet-dense", "anet-tal", "nextgqa")
"""Benchmarks that papers report and that are no task here."""

_CELL = re.compile(r"(?P<mark>\*\*|_|)(?P<number>\d+(?:\.\d+)?)(?P<difference>\([+-]\d+(?:\.\d+)?\))?(?P=mark)|-")
_MARKS = {"": "", "**": "bold", "_": "underlined"}


@dataclass(frozen=True)
class Printed:
    """One number of a paper.

    Attributes:
        text: As printed, without its mark; `-` for a dash.
        number: Its value, None for a dash.
        mark: `bold`, `underlined` or empty: the paper's own mark.
        flag: Why it may be a misprint, or empty.
    """

    text: str
    number: float | None
    mark: str
    flag: str


@dataclass(frozen=True)
class Published:
    """One row of one table on one benchmark.

    Attributes:
        paper: Short name.
        source: Where it can be read.
        table: Number of the table.
        method: Name in the table, with its footnote mark.
        setting: What else tells the row from its neighbours, or empty.
        type: The paper's grouping (SFT, RL, VLP …), or empty.
        base: Base model.
        zero_shot: `yes`, `no` or `unknown`.
        oracle: Whether answers were chosen with the help of the ground truth.
        benchmark: Name of a task, or one of `OTHERS`.
        split: Split, or `unknown`.
        trained: Whether the model was trained on this benchmark's train split: `yes`, `no` or `unknown`.
        protocol: Name of the protocol it was measured under, or `unknown`.
        values: Numbers by metric.
        notes: What a reader must know: ambiguous metrics, footnotes, disagreements between tables.
    """

    paper: str
    source: str
    table: str
    method: str
    setting: str
    type: str
    base: str
    zero_shot: str
    oracle: bool
    benchmark: str
    split: str
    trained: str
    protocol: str
    values: Mapping[str, Printed]
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Method and setting."""
        return f"{self.method}, {self.setting}" if self.setting else self.method


@dataclass(frozen=True)
class Table:
    """One table of a paper.

    Attributes:
        name: `STEM-TABLE`, which also names the layout.
        title: What it compares.
        benchmarks: Metrics of each benchmark, in printed order.
        splits: Split of each benchmark.
        rows: Its rows, one a method and benchmark.
        notes: What a reader must know about the whole table.
    """

    name: str
    title: str
    benchmarks: Mapping[str, tuple[str, ...]]
    splits: Mapping[str, str]
    rows: tuple[Published, ...]
    notes: tuple[str, ...]


def papers() -> list[str]:
    """Papers whose tables come with the project, by the stem of their file."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read(path: Path) -> list[Table]:
    """Tables of one YAML file, under the names `STEM-TABLE`.

    Raises:
        InputError: It is no YAML, a key is missing or unknown, or a value is none of the known ones.
    """
    content = yaml_file.read(path, "a YAML file of published rows: a mapping", "harness board --published none", texts=True)
    where = _Where(path)
    file = where.mapping(content, ("paper", "source", "tables"))
    return [_table(file, table, where.at(f"table {i}")) for i, table in enumerate(where.sequence(file["tables"], "tables"), 1)]


def cell(text: str, flag: str = "") -> Printed:
    """A number as a file writes it. Raises ValueError on anything else.

    >>> cell("**62.10**")
    Printed(text='62.10', number=62.1, mark='bold', flag='')
    """
    if (match := _CELL.fullmatch(text)) is None:
        raise ValueError(text)
    if match["number"] is None:
        return Printed(text, None, "", flag)
    shown = match["number"] + (f" {match['difference']}" if match["difference"] else "")
    return Printed(shown, float(match["number"]), _MARKS[match["mark"]], flag)


@dataclass(frozen=True)
class _Where:
    """A place in a file, for messages."""

    path: Path
    place: str = ""

    def at(self, place: str) -> "_Where":
        return _Where(self.path, f"{self.place}, {place}" if self.place else place)

    def refuse(self, expected: str, found: str) -> InputError:
        return InputError(f"{expected} in {self.place or 'the file'}", f"{self.path}: {found}", f"edit {self.path.name}")

    def mapping(self, value: Any, required: Sequence[str], optional: Sequence[str] = ()) -> Mapping[str, Any]:
        """A mapping with these keys and no others."""
        known = [*required, *optional]
        if not isinstance(value, dict):
            raise self.refuse(f"a mapping with the keys {', '.join(known)}", _shown(value))
        if missing := [key for key in required if key not in value]:
            raise self.refuse(f"the keys {', '.join(required)}", f"no {', '.join(missing)}")
        if strange := [key for key in value if key not in known]:
            raise self.refuse(f"one of the keys {', '.join(known)}", unknown(str(strange[0])[:80], known))
        return value

    def sequence(self, value: Any, what: str) -> Sequence[Any]:
        if not isinstance(value, list) or not value:
            raise self.refuse(f"a list of {what}", _shown(value))
        return value

    def text(self, value: Any, what: str) -> str:
        if not isinstance(value, str):
            raise self.refuse(f"{what} as text", _shown(value))
        return value

    def one_of(self, value: Any, known: Sequence[str], what: str) -> str:
        if not isinstance(value, str) or value not in known:
            raise self.refuse(f"{what}: {', '.join(known)}", unknown(value, known) if isinstance(value, str) else _shown(value))
        return value


def _table(file: Mapping[str, Any], content: Any, where: _Where) -> Table:
    table = where.mapping(content, ("table", "title", "benchmarks", "rows"), ("notes", "footnotes"))
    number = where.text(table["table"], "the number of the table")
    where = _Where(where.path, f"table {number}")
    known = (*tasks.all_tasks(), *OTHERS)
    benchmarks = {
        where.one_of(name, known, "a benchmark"): _benchmark(value, where.at(name))
        for name, value in _pairs(table["benchmarks"], where)
    }
    splits = {name: split for name, (split, _, _) in benchmarks.items()}
    metrics = {name: columns for name, (_, columns, _) in benchmarks.items()}
    rows = [
        published
        for i, row in enumerate(where.sequence(table["rows"], "rows"), 1)
        for published in _row(file, table, row, benchmarks, where.at(f"row {i}"))
    ]
    notes = [where.text(note, "a note") for note in where.sequence(table["notes"], "notes")] if "notes" in table else []
    return Table(f"{where.path.stem}-{number}", where.text(table["title"], "title"), metrics, splits, tuple(rows), tuple(notes))


def _benchmark(content: Any, where: _Where) -> tuple[str, tuple[str, ...], str]:
    """Split, metrics in printed order, and note."""
    value = where.mapping(content, ("split", "metrics"), ("note",))
    metrics = tuple(where.one_of(m, METRICS, "a metric") for m in where.text(value["metrics"], "metrics").split())
    return where.text(value["split"], "split"), metrics, where.text(value.get("note", ""), "note")


def _row(
    file: Mapping[str, Any], table: Mapping[str, Any], content: Any, benchmarks: Mapping[str, Any], where: _Where
) -> list[Published]:
    optional = ("setting", "type", "oracle", "note", "training_time")
    row = where.mapping(content, ("method", "base", "zero_shot", "results"), optional)
    method = where.text(row["method"], "method")
    where = where.at(method)
    notes = [where.text(row["note"], "note")] if "note" in row else []
    if "training_time" in row:
        notes.append(f"training time {where.text(row['training_time'], 'training_time')}")
    notes += [note for mark, note in _pairs(table.get("footnotes"), where) if method.endswith(mark)]
    common = {
        "paper": where.text(file["paper"], "paper"),
        "source": where.text(file["source"], "source"),
        "table": str(table["table"]),
        "method": method,
        "base": where.text(row["base"], "base"),
        **{key: where.text(row.get(key, ""), key) for key in ("setting", "type")},
        "zero_shot": where.one_of(row["zero_shot"], ANSWERS, "zero_shot"),
        "oracle": where.one_of(row.get("oracle", "no"), ("yes", "no"), "oracle") == "yes",
    }
    rows = []
    for name, value in _pairs(row["results"], where):
        split, metrics, note = benchmarks[where.one_of(name, tuple(benchmarks), "a benchmark of this table")]
        rows.append(_published(common, name, split, metrics, [*notes, *([note] if note else [])], value, where.at(name)))
    return rows


def _published(
    common: Mapping[str, Any], name: str, split: str, metrics: Sequence[str], notes: Sequence[str], content: Any, where: _Where
) -> Published:
    result = where.mapping(content, ("trained", "protocol", "values"), ("flags", "note"))
    texts = where.text(result["values"], "values").split()
    if len(texts) != len(metrics):
        raise where.refuse(f"{len(metrics)} values, for {', '.join(metrics)}", f"{len(texts)}")
    flags = {
        where.one_of(key, (*metrics, EVERY), "a flagged metric"): where.text(why, "a flag")
        for key, why in _pairs(result.get("flags"), where)
    }
    values = {}
    for metric, text in zip(metrics, texts, strict=True):
        try:
            values[metric] = cell(text, flags.get(metric, flags.get(EVERY, "")))
        except ValueError as error:
            raise where.refuse(f"a number as printed for {metric}: 62.1, **62.1**, _62.1_ or -", repr(text[:80])) from error
    return Published(
        **common,
        benchmark=name,
        split=split,
        trained=where.one_of(result["trained"], ANSWERS, "trained"),
        protocol=where.one_of(result["protocol"], (*protocols.names(), UNKNOWN), "a protocol"),
        values=values,
        notes=(*([where.text(result["note"], "note")] if "note" in result else []), *notes),
    )


def _pairs(value: Any, where: _Where) -> list[tuple[str, Any]]:
    """Names with what stands behind them; none where an optional key is absent."""
    if value is None:
        return []
    if not isinstance(value, dict) or not value or not all(isinstance(key, str) for key in value):
        raise where.refuse("a mapping of names", _shown(value))
    return list(value.items())


def _shown(value: Any) -> str:
    """A wrong value for a message; containers by their type alone, as an alias can stand in one a million times."""
    return repr(value[:80]) if isinstance(value, str) else f"a {type(value).__name__}"
