"""Every question of a run as a row of a table, and the scores of a run as metadata of a model card."""

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from harness import extras
from harness.plan import Plan
from harness.predictions import cells
from harness.scores import ORACLE_MODE, seconds
from harness.scoring import Records, Scored, number
from tasks.words import counted

FORMATS = ("parquet", "csv", "jsonl")
SPANS, NUMBERS = "spans", "numbers"
COLUMNS = {
    "id": "string",
    "video": "string",
    "duration_s": "float64",
    "query": "string",
    "targets": SPANS,
    "mode": "string",
    "text": "string",
    "spans": SPANS,
    "scores": NUMBERS,
    "saliency": NUMBERS,
    "option": "string",
    "counted": "bool",
    "failure": "string",
    "error": "string",
    "message": "string",
}
"""Types of the columns that every file has, before those of metrics; pairs of seconds and lists of numbers are JSON in a CSV."""

Row = dict[str, Any]
_HALVES = re.compile("[\ud800-\udfff]")


def rows(records: Records, scored: Mapping[str, Scored]) -> list[Row]:
    """One row a question, of replies by sample id and mode: mode by mode, in the order of the split.

    Returns:
        Rows of `id`, `video`, `duration_s`, `query`, `targets` (seconds), `mode`, `text` (None where there is no reply, or where
        a file gave spans alone), `spans` (read from it, seconds), `scores` of these spans and `saliency` of each clip of 2 s
        (None where no file gave them), `option` that was chosen, `counted` (False where the protocol leaves it out), `failure`
        (name of the error, or of why no span was read), `error` and `message` (name and words of the error, None where there is
        a reply), and the value of every metric under its name (0 to 1, None where the sample does not count in it).
        `harness score` reads the same scores back from them.
    """
    return [row for mode, one in scored.items() for row in _rows(records, mode, one)]


def _rows(records: Records, mode: str, scored: Scored) -> Iterator[Row]:
    columns = {name: column.tolist() for name, column in scored.columns.items()}
    for i, (sample, outcome) in enumerate(zip(scored.samples, scored.outcomes, strict=True)):
        record = records.get((sample.id, mode), {})
        given, error = record.get("prediction"), record.get("error") or {}
        yield {
            "id": sample.id,
            "video": sample.video,
            "duration_s": float(sample.duration_s),
            "query": sample.query,
            "targets": seconds(sample.truth.spans),
            "mode": mode,
            "text": _characters(record.get("text")),
            "spans": seconds(outcome.answer.spans),
            "scores": list(given.scores) if given is not None and given.scores else None,
            "saliency": None if given is None or given.clips is None else [score for (score,) in given.clips],
            "option": outcome.answer.option,
            "counted": bool(scored.kept[i]),
            "failure": outcome.failure,
            "error": _characters(error.get("type")),
            "message": _characters(error.get("message")),
            **{name: number(column[i]) for name, column in columns.items()},
        }


def _types(table: Sequence[Row]) -> dict[str, str]:
    """The type of every column of a table; metrics are numbers."""
    return {name: COLUMNS.get(name, "float64") for name in (table[0] if table else COLUMNS)}


def encode(table: Sequence[Row], form: str) -> bytes:
    """A table as the content of a file of one of `FORMATS`. Raises InputError where Parquet needs packages that are missing."""
    if form == "parquet":
        buffer = io.BytesIO()
        dataset(table).to_parquet(buffer)
        return buffer.getvalue()
    if form == "jsonl":
        return "".join(json.dumps(row, allow_nan=False) + "\n" for row in table).encode()
    names = list(_types(table))
    lines = ([json.dumps(cell) if isinstance(cell := row[name], list) else cell for name in names] for row in table)
    return cells.written([names, *lines]).encode(errors="backslashreplace")


def dataset(table: Sequence[Row]) -> Any:
    """A table as `datasets.Dataset`, the same types whatever the values. Raises InputError where the package is missing."""
    datasets = extras.package("datasets", "train")
    numbers = datasets.List(datasets.Value("float64"))
    lists = {SPANS: datasets.List(numbers), NUMBERS: numbers}
    types = {name: lists[kind] if kind in lists else datasets.Value(kind) for name, kind in _types(table).items()}
    columns = {name: [_characters(row[name]) for row in table] for name in types}
    return datasets.Dataset.from_dict(columns, features=datasets.Features(types))


def _characters(value: Any) -> Any:
    """A text without halves of characters, which JSON can spell and no table can hold: no parser reads them; others as they are.

    They become U+FFFD and are not spelled out, for digits that a parser could take for a time.
    """
    return _HALVES.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value


def model_card(plan: Plan, scores: Mapping[str, Any], model: str) -> Any:
    """The metrics of a run as `huggingface_hub.ModelCardData`, which is the `model-index` block of a model card.

    Each metric names mode, protocol, split hash and coverage, and whether samples were left out. Not there is the row that
    chooses between modes with the ground truth; folders above the model are not told. Raises InputError without huggingface_hub.
    """
    hub = extras.package("huggingface_hub", "hf")
    part = len(scores["modes"][plan.modes[0]]["samples"])
    left_out = f", only {counted(part, 'sample')} of it" if plan.is_part else ""
    rules = {"protocol": plan.protocol.name, "protocol_sha256": plan.protocol.sha256, "split_sha256": plan.split_sha256}
    results = [
        hub.EvalResult(
            task_type="video-text-to-text",
            task_name="Video temporal grounding",
            dataset_type=plan.task.name,
            dataset_name=f"{plan.task.title} v{plan.task.version}{left_out}",
            dataset_split=plan.split if not left_out else f"{plan.split} (part)",
            metric_type=metric,
            metric_value=round(value, 2),
            metric_name=f"{metric}, mode {mode}, protocol {plan.protocol.name}",
            metric_config=mode,
            metric_args={**rules, "n": entry["aggregate"]["n"], "coverage": entry["coverage"]},
        )
        for mode, entry in scores["modes"].items()
        if mode != ORACLE_MODE
        for metric, value in entry["aggregate"].items()
        if metric != "n" and value is not None
    ]
    return hub.ModelCardData(model_name=PurePath(model).name, eval_results=results)
