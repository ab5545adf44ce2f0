"""Other people's prediction files, read row by row: whatever their size, one row is in memory at a time.

Formats (told apart by content): JSONL rows, a JSON list of rows, or a JSON object keyed `video>>>query>>>span` (lmms-eval,
TimeLens). A row names its sample by `id` (ours), `qid` (the annotations' own, or Time-R1's `charades_17`), or video and query;
lmms-eval's sample logs carry them in `doc`. It holds a text, or spans (`pred`, `timestamps`, `pred_relevant_windows`).
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import ijson
from ijson.common import ObjectBuilder

from harness.records import Record
from tasks.errors import InputError
from tasks.formats import shown
from tasks.prediction import Prediction
from tasks.sample import Sample
from tasks.span import Span

TEXT = ("text", "output_text", "answers", "answer", "filtered_resps", "resps", "response", "output", "pred_text", "prediction")
SPANS = ("pred_relevant_windows", "timestamps", "pred")
VIDEO, QUERY, TARGET = ("video", "vid", "video_id"), ("query", "sentence", "caption"), ("timestamp", "target", "span")
_SUFFIX = re.compile(r"\.(?:mp4|mkv|webm|avi|mov)$", re.IGNORECASE)
DEEPEST = 100
NEXT = "see the formats that `harness score --help` names"


class Row(NamedTuple):
    """One row of a prediction file.

    Attributes:
        where: Line or key, for messages.
        ids: Samples it answers; several where the split asks the same query on the same video more than once.
        mode: Prompt mode, "" if the file has none.
        text: The raw reply, if the file has it.
        prediction: Spans, scores and saliency as given, where there is no text.
    """

    where: str
    ids: tuple[str, ...]
    mode: str
    text: str | None
    prediction: Prediction | None


class Index:
    """Finds samples by the names that foreign files give them."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._targets = {sample.id: sample.targets for sample in samples}
        self._order = [sample.id for sample in samples]
        self._native = {sample.native_id: sample.id for sample in samples if sample.native_id is not None}
        self._samples = samples

    @cached_property
    def _queries(self) -> dict[tuple[str, str], list[str]]:
        ids = defaultdict(list)
        for sample in self._samples:
            ids[_stem(sample.video), plain(sample.query)].append(sample.id)
        return ids

    def find(self, row: dict[str, Any]) -> tuple[str, ...]:
        """Ids of the samples a row answers, () if it names none of them."""
        own = row.get("id")
        if isinstance(own, str) and own in self._targets:
            return (own,)
        named = row.get("qid", own)
        name = str(named) if isinstance(named, str | int) else ""
        if name in self._native:
            return (self._native[name],)
        doc = row["doc"] if isinstance(row.get("doc"), dict) else row
        video, query = _first(doc, VIDEO), _first(doc, QUERY)
        if isinstance(video, str) and isinstance(query, str):
            return self._with_target(self._queries.get((_stem(video), plain(query)), ()), _first(doc, TARGET))
        position = re.fullmatch(r"[A-Za-z]+_(\d{1,9})", name)
        if position and int(position[1]) < len(self._order):
            return self._with_target((self._order[int(position[1])],), _first(row, TARGET), strict=True)
        return ()

    def _with_target(self, ids: Iterable[str], target: Any, strict: bool = False) -> tuple[str, ...]:
        """Of samples with the same query, those with the row's ground truth, if it gives one that fits any."""
        spans = _spans(target)
        same = tuple(i for i in ids if spans and Span(*spans[0][:2]) in self._targets[i])
        return same if same or (strict and spans) else tuple(ids)


def read(path: Path, samples: Sequence[Sample]) -> Iterator[Row]:
    """Rows of a prediction file, with the samples they answer.

    Raises:
        InputError: The file is missing, is none of the formats, or a row cannot be read.
    """
    index = Index(samples)
    for where, row in _rows(path):
        if row.get("error") is not None:
            continue  # a record of ours without a reply
        if not any(key in row for key in ("id", "qid", "doc", *VIDEO)):
            raise InputError("a row that names its sample: id, qid, or video and query", f"{path}, {where}: none of them", NEXT)
        ids = index.find(row)
        text = _text(row)
        spans = next((s for key in SPANS if (s := _spans(row.get(key)))), None) if text is None else None
        if text is None and spans is None and not any(key in row for key in (*SPANS, *TEXT, "pred_saliency_scores")):
            expected = f"a text ({', '.join(TEXT)}) or spans ({', '.join(SPANS)})"
            raise InputError(expected, f"{path}, {where}: keys {shown(list(row))}", NEXT)
        prediction = None if text is not None else _prediction(spans or [], row.get("pred_saliency_scores"))
        mode = row.get("mode")
        yield Row(where, ids, mode if isinstance(mode, str) else "", text, prediction)


def as_record(row: Row, read: Callable[[str], Prediction]) -> Record:
    """What is scored of a row: what a parser reads of its text, or else its spans, which are seconds."""
    return {"error": None, "prediction": row.prediction} if row.text is None else {"error": None, "read": read(row.text)}


def plain(query: str) -> str:
    """A query without what peers' cleaning rules change: blanks, case, final full stop."""
    return " ".join(query.split()).casefold().rstrip(". ")


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if not path.is_file():
        raise InputError("a file of predictions", f"no file {path}", NEXT)
    with path.open("rb") as file:
        head = file.read(1 << 16).lstrip()
        file.seek(0)
        whole = head[:1] == b"[" or (head[:1] == b"{" and not _is_row(head))
        try:
            yield from _json(file) if whole else _jsonl(path, file)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise InputError("JSON", f"{path}: {error}", NEXT) from error


def _is_row(head: bytes) -> bool:
    """Whether the first line is a JSON object by itself (a line longer than what was read counts as one)."""
    line, end, _ = head.partition(b"\n")
    if not end:
        return b">>>" not in line
    try:
        return isinstance(json.loads(line), dict) and b">>>" not in line.split(b":")[0]
    except (ValueError, RecursionError):
        return False


def _jsonl(path: Path, file: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError("one JSON object a line", f"{path} line {number}: {error}", NEXT) from error
        if not isinstance(row, dict):
            raise InputError("one JSON object a line", f"{path} line {number}: {shown(row)}", NEXT)
        yield f"line {number}", row


def _json(file: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in _entries(file):
        row = dict(value) if isinstance(value, dict) else {"text": value}
        parts = name.split(">>>")
        if len(parts) >= 3:
            row |= {"video": parts[0], "query": ">>>".join(parts[1:-1]), "timestamp": _bounds(parts[-1])}
        yield f"entry {name[:80]}", row


def _entries(file: Any) -> Iterator[tuple[str, Any]]:
    """Values of a JSON object with their key or of a list with their number, one in memory at a time.

    Not `ijson.items`, whose memory grows with the square of the nesting: deeper than `DEEPEST` is refused.
    """
    depth, number, name, builder = 0, 0, "", ObjectBuilder()
    for event, value in ijson.basic_parse(file, use_float=True):
        depth -= event in ("end_map", "end_array")
        if depth == 1 and event == "map_key":
            name = value
            continue
        if depth > 0:
            builder.event(event, value)
        if event in ("start_map", "start_array"):
            depth += 1
            if depth > DEEPEST:
                raise ijson.JSONError(f"nested deeper than {DEEPEST}")
        elif depth == 1:
            yield name or str(number), builder.value
            number, builder = number + 1, ObjectBuilder()


def _bounds(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d{1,9}(?:\.\d{1,20})?", text[:200])[:2]]


def _first(row: dict[str, Any], keys: Iterable[str]) -> Any:
    return next((row[key] for key in keys if row.get(key) is not None), None)


def _text(row: dict[str, Any]) -> str | None:
    value = _first(row, TEXT)
    while isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, str) else None


def _spans(value: Any) -> list[tuple[float, ...]]:
    """Spans out of `[s, e]`, `[[s, e], …]` or `[[s, e, score], …]`; empty if it is none of these."""
    if not isinstance(value, list) or not value:
        return []
    rows = value if isinstance(value[0], list) else [value]
    if any(not isinstance(r, list) or len(r) not in (2, 3) or not all(_is_number(x) for x in r) for r in rows):
        return []
    return [tuple(map(float, row)) for row in rows]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _prediction(spans: Sequence[tuple[float, ...]], saliency: Any) -> Prediction:
    clips = saliency if isinstance(saliency, list) and all(_is_number(x) for x in saliency) else None
    return Prediction(
        spans=tuple(Span(*span[:2]) for span in spans),
        failure=None if spans else "no-span",
        scores=tuple(span[2] if len(span) == 3 else 1.0 for span in spans),
        saliency=None if clips is None else tuple(map(float, clips)),
    )


def _stem(video: str) -> str:
    return _SUFFIX.sub("", video.replace("\\", "/").rstrip("/").rpartition("/")[2])
