"""Published rows: what papers print, as they print it, with what they say about how it was measured."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import checked, yaml_file
from leaderboards.board.rows import PUBLISHED, UNKNOWN, Number, Row
from tasks import protocol as protocols
from tasks import task as tasks

FOLDER = Path(__file__).parent.parent / "published"
ANSWERS = ("yes", "no", UNKNOWN)
TRAINED = {"yes": "train split", "no": "not this benchmark", UNKNOWN: UNKNOWN}
"""Whether a paper's model saw the train split; a run says which split it was."""
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
"""Every metric that papers print, so that a slip makes no column of its own. `set-` compares all predicted with all true spans
of a query, overlaps merged; MR is moment retrieval, HL highlight detection; a bare `mAP` is one of which the paper does not say
what is averaged."""

TEXT, LIST, MAPPING = (str,), (list,), (dict,)
KINDS: Mapping[str, checked.Kinds] = {
    "file": {"paper": TEXT, "source": TEXT, "tables": LIST},
    "table": {"table": TEXT, "title": TEXT, "benchmarks": MAPPING, "rows": LIST, "notes": LIST, "footnotes": MAPPING},
    "benchmark": {"split": TEXT, "metrics": TEXT, "note": TEXT},
    "row": {
        **dict.fromkeys(("method", "base", "zero_shot", "setting", "type", "oracle", "note", "training_time"), TEXT),
        "results": MAPPING,
    },
    "result": {"trained": TEXT, "protocol": TEXT, "values": TEXT, "flags": MAPPING, "note": TEXT},
}
"""What stands behind each key of a file and of its parts."""

_CELL = re.compile(r"(?P<mark>\*\*|_|)(?P<number>\d+(?:\.\d+)?)(?P<difference>\([+-]\d+(?:\.\d+)?\))?(?P=mark)|-")
_MARKS = {"": "", "**": "bold", "_": "underlined"}


@dataclass(frozen=True)
class Table:
    """One table of a paper, `STEM-TABLE`, which also names the layout; metrics in printed order, a row a method and benchmark."""

    name: str
    title: str
    benchmarks: Mapping[str, tuple[str, ...]]
    splits: Mapping[str, str]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def papers() -> list[str]:
    """Papers whose tables come with the project, by the stem of their file."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read(path: Path) -> list[Table]:
    """Tables of one YAML file. Raises InputError: no YAML, a key missing or unknown, or a value that is none of the known."""
    content = yaml_file.read(path, "a YAML file of published rows: a mapping", "harness board --published none", texts=True)
    place = checked.Place(path)
    file = checked.mapping(content, place, KINDS["file"], ("paper", "source", "tables"))
    tables = checked.items(file["tables"], place, dict, "tables")
    return [_table(file, table, place.at(f"table {i}")) for i, table in enumerate(tables, 1)]


def cell(text: str, flag: str = "") -> Number:
    """A number as a file writes it. Raises ValueError on anything else.

    >>> cell("**62.10**")
    Number(value=62.1, interval=None, sd=None, printed='62.10', mark='bold', flag='')
    """
    if (match := _CELL.fullmatch(text)) is None:
        raise ValueError(text)
    if match["number"] is None:
        return Number(None, printed=text, flag=flag)
    printed = match["number"] + (f" {match['difference']}" if match["difference"] else "")
    return Number(float(match["number"]), printed=printed, mark=_MARKS[match["mark"]], flag=flag)


def _table(file: Mapping[str, Any], content: Any, place: checked.Place) -> Table:
    table = checked.mapping(content, place, KINDS["table"], ("table", "title", "benchmarks", "rows"))
    benchmarks = checked.mapping(table["benchmarks"], place, dict.fromkeys(tasks.all_tasks(), MAPPING))
    for name, benchmark in benchmarks.items():
        checked.mapping(benchmark, place.at(name), KINDS["benchmark"], ("split", "metrics"))
        for metric in benchmark["metrics"].split():
            checked.word(metric, METRICS, place.of(benchmark, "metrics").at(name), "a metric")
    rows = enumerate(checked.items(table["rows"], place, dict, "rows"), 1)
    return Table(
        name=f"{place.file.stem}-{table['table']}",
        title=table["title"],
        benchmarks={name: tuple(benchmark["metrics"].split()) for name, benchmark in benchmarks.items()},
        splits={name: benchmark["split"] for name, benchmark in benchmarks.items()},
        rows=tuple(one for i, row in rows for one in _row(file, table, row, place.at(f"row {i}"))),
        notes=tuple(checked.items(table["notes"], place, str, "notes")) if "notes" in table else (),
    )


def _row(file: Mapping[str, Any], table: Mapping[str, Any], content: Any, place: checked.Place) -> list[Row]:
    """A printed row, one on each benchmark."""
    row = checked.mapping(content, place, KINDS["row"], ("method", "base", "zero_shot", "results"))
    place = place.at(row["method"])
    footnotes = table.get("footnotes", {})
    checked.mapping(footnotes, place, dict.fromkeys(footnotes, TEXT))
    notes = [f"{before}{row[key]}" for key, before in (("note", ""), ("training_time", "training time ")) if key in row]
    notes += [note for mark, note in footnotes.items() if row["method"].endswith(mark)]
    zero_shot = checked.word(row["zero_shot"], ANSWERS, place.of(row, "zero_shot"), "zero_shot") == "yes"
    oracle = checked.word(row.get("oracle", "no"), ("yes", "no"), place.of(row, "oracle"), "oracle") == "yes"
    rows = []
    for name, content in checked.mapping(row["results"], place, dict.fromkeys(table["benchmarks"], MAPPING)).items():
        at, benchmark = place.at(name), table["benchmarks"][name]
        result = checked.mapping(content, at, KINDS["result"], ("trained", "protocol", "values"))
        own, common = ([part["note"]] if "note" in part else [] for part in (result, benchmark))
        trained = TRAINED[checked.word(result["trained"], ANSWERS, at.of(result, "trained"), "trained")]
        rows.append(
            Row(
                kind=PUBLISHED,
                task=name,
                split=benchmark["split"],
                model=", ".join(row[key] for key in ("method", "setting") if row.get(key)),
                mode="-",
                metrics=_values(benchmark["metrics"].split(), result, at),
                protocol=checked.word(result["protocol"], (*protocols.names(), UNKNOWN), at.of(result, "protocol"), "a protocol"),
                trained_on=f"{trained} (zero-shot)" if zero_shot else trained,
                source=f"{file['paper']}, {'Table ' if table['table'].isdigit() else ''}{table['table']}",
                reasons=("chosen with the ground truth",) if oracle else (),
                notes=(*own, *notes, *common),
                url=_url(file["source"]),
            )
        )
    return rows


def _url(source: str) -> str:
    found = re.search(r"arXiv (\d{4}\.\d{5})", source)
    return f"https://arxiv.org/abs/{found[1]}" if found else ""


def _values(metrics: Sequence[str], result: Mapping[str, Any], place: checked.Place) -> dict[str, Number]:
    texts = result["values"].split()
    if len(texts) != len(metrics):
        raise place.refuse(f"{len(metrics)} values, for {', '.join(metrics)}", f"{len(texts)}")
    flags = checked.mapping(result.get("flags", {}), place.at("flags"), dict.fromkeys((*metrics, EVERY), TEXT))
    values = {}
    for metric, text in zip(metrics, texts, strict=True):
        try:
            values[metric] = cell(text, flags.get(metric, flags.get(EVERY, "")))
        except ValueError as error:
            raise place.refuse(f"a number as printed for {metric}: 62.1, **62.1**, _62.1_ or -", repr(text[:80])) from error
    return values
