"""A prediction file as rows that name samples and hold replies: whatever its size, one row is in memory at a time."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from harness.predictions import files, originals
from harness.predictions.keys import DOCUMENT, ReplyKey, in_words, is_empty, is_of_moments, shape_of, value
from harness.predictions.match import Index, Match, Numbered, names_a_sample
from harness.predictions.names import KEY, MOMENTS, OFTEN_TRUE_TEXTS, OPTION, SALIENCY, TEXTS, plain_key
from harness.predictions.originals import letter
from harness.predictions.reply import prediction, reply_of
from harness.predictions.spans import literal, moments, seconds
from harness.records import Record, is_cut_off
from tasks.answer import Answer
from tasks.errors import Failure, InputError
from tasks.formats.published import shown
from tasks.sample import Sample

HEAD = 500
"""Rows by which a file's key of replies is chosen; every later row is held against it."""

OUR_DOCUMENTS = "vtg-harness/"
NO_REPLY, NOT_RUN = "no-reply", "not-run"
SHOWN = 5
NEXT = f"harness score --help, and {DOCUMENT} for every form with an example"
REPLY_NEXT = f"correct the row, or type the command again with --reply-key KEY (see {DOCUMENT})"
DOUBTS = {
    "stranger": "rows with the number of a sample but another video and query, which answer nothing",
    "other-number": "rows with the number of another sample than their video and query name, which count",
}
_NO_ERROR = frozenset({"", "none", "null", "nan", "false", "0", "no", "ok"})


class Row(NamedTuple):
    """One row of a prediction file.

    Attributes:
        ids: Samples it answers, as `Match` has them.
        mode: Prompt mode, "" if the file has none.
        text: The raw reply, if the file has it.
        prediction: Spans, scores and saliency as given, where there is no text.
        error: Why there is no reply, where there is none.
        cut_off: Whether the file says that the length limit ended the reply.
    """

    where: str
    ids: tuple[str, ...]
    mode: str = ""
    text: str | None = None
    prediction: Answer | None = None
    error: Failure | None = None
    cut_off: bool = False


class Predictions:
    """The rows of a prediction file; after the last of them, `notes` says how they were read."""

    def __init__(self, path: Path, samples: Sequence[Sample], reply_key: str | None = None) -> None:
        """Nothing is read yet; without a key of the reply, it is what the file itself shows."""
        self._path, self._index, self._asked = path, Index(samples), reply_key
        self._numbered = Numbered(samples)
        self._asks_options = any(sample.options for sample in samples)
        self._source = ""
        self._key: str | None = None
        self._told: dict[str, list[str]] = {}
        self._counts = Counter[str]()

    def __iter__(self) -> Iterator[Row]:
        """Rows. InputError: the file is missing or none of the forms, a row cannot be read, or two keys could hold its reply."""
        self._told, self._counts = {}, Counter()
        first = next((row for _, row in files.rows(self._path)), {})
        self._refuse_our_document(first)
        if self._asked is None and (said := originals.reader(first)) is not None:
            yield from self._questions(said)
            return
        key = ReplyKey(self._path, islice(files.rows(self._path), HEAD), self._asked)
        self._key = key.name
        self._source = f"the reply is read from {in_words(key.name)}" if key.name else ""
        for where, row in files.rows(self._path):
            shape = shape_of(row)
            if shape.exported and self._asked is None:
                yield from self._exported(where, row)
                continue
            if not names_a_sample(row, shape):
                raise self._refused("a row that names its sample: id, qid, or video and query", where, f"keys {shown(list(row))}")
            name = key.of(where, row, shape)
            found = self._index.find(row, shape, name)
            self._judge(where, found)
            mode = row.get("mode")
            named = Row(where, found.ids, mode if isinstance(mode, str) else "", cut_off=is_cut_off(row))
            yield self._row(where, row, name, named)
        if wrong := self._numbered.accident():
            raise InputError("ids of the samples, or video and query", f"{self._path}: {wrong}", NEXT)

    @property
    def notes(self) -> list[str]:
        """What a reader of the numbers must know of how the rows were read, a sentence each."""
        said = [f"{self._path.name}: {self._source}"] if self._source else []
        return said + [f"{kind}: {n:,} ({', '.join(self._told[kind])}{' …' * (n > SHOWN)})" for kind, n in self._counts.items()]

    def _tell(self, kind: str, where: str) -> None:
        """Count a row of a kind that the notes name; the first few are kept."""
        self._counts[kind] += 1
        if self._counts[kind] <= SHOWN:
            self._told.setdefault(kind, []).append(where)

    def _refuse_our_document(self, first: Mapping[str, Any]) -> None:
        schema = first.get("schema", first.get("text") if first.get(KEY) == "schema" else None)
        if isinstance(schema, str) and schema.startswith(OUR_DOCUMENTS):
            found = f"{self._path}, a scores.json or run.json of this project, which holds no replies"
            raise InputError("predictions", found, "harness score RUN, or its samples.jsonl")

    def _questions(self, read: originals.Reader) -> Iterator[Row]:
        """Rows that hold a whole question, in which the sentence of a sample stands."""
        self._source = originals.ROWS[read]
        for where, row in files.rows(self._path):
            try:
                said = read(row)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                expected = "groundtruth and result.conversation, as MUSEG writes them, or q and a, as E.T. Bench does"
                raise self._refused(expected, where, repr(error)) from error
            if said is None:
                continue
            ids = self._index.within(row, said.question, said.true)
            if said.reply is None:
                self._tell(f"rows without `a`, which count as `{NO_REPLY}`", where)
                yield Row(where, ids, error=Failure(NO_REPLY, "no `a` in the row"))
            else:
                yield Row(where, ids, text=said.reply)

    def _judge(self, where: str, found: Match) -> None:
        """Hold what a row is called against its video and query."""
        if found.named_by is not None:
            self._numbered.add(found.named_by, bool(found.ids))
        if found.doubt == "other-sample":
            expected = "an id that names the same sample as video and query"
            raise self._refused(expected, where, f"{shown(found.name)} is another sample than {found.ids[0]}")
        if found.doubt:
            self._tell(DOUBTS[found.doubt], where)

    def _row(self, where: str, row: Mapping[str, Any], key: str | None, named: Row) -> Row:
        """The reply of a row, or why it has none; the replies of rows that name no sample are not looked into."""
        option = self._option(where, row)
        if self._key is None and option is None and is_empty(row.get(SALIENCY)) and _failure(row.get("error")) is None:
            names = ", ".join((*TEXTS[:8], *OFTEN_TRUE_TEXTS[:2], *MOMENTS[:3]))
            raise self._refused(f"a reply, under a key such as {names}", where, f"keys {shown(list(row))}", REPLY_NEXT)
        if not named.ids:
            return named
        said = value(row, key) if key is not None else None
        if is_empty(said) and (failure := _failure(row.get("error"))) is not None:
            return named._replace(error=failure)
        if isinstance(said, dict) and _status(said) >= 400:
            return named._replace(error=Failure(NO_REPLY, f"status {_status(said)}"))
        saliency = self._saliency(where, row)
        if key is None:
            if saliency is not None or option is not None:
                return named._replace(prediction=_chosen(prediction([], saliency, None), option))
            self._tell(f"rows without `{self._key}`, which count as `{NO_REPLY}`", where)
            return named._replace(error=Failure(NO_REPLY, f"no {self._key} in the row"))
        try:
            reply = reply_of(said, is_of_moments(key))
        except ValueError as error:
            raise self._refused("a text, or moments in seconds", where, f"`{key}`: {error}", REPLY_NEXT) from error
        if isinstance(reply, str):
            return named._replace(text=reply)
        return named._replace(prediction=_chosen(prediction(reply, saliency), option))

    def _option(self, where: str, row: Mapping[str, Any]) -> str | None:
        """The letter that a row chooses, where questions have options; several keys for it are refused."""
        if not self._asks_options:
            return None
        found = {key: row[key] for key in row if plain_key(key) in OPTION}
        try:
            letters = {letter(value) for value in found.values()}
        except ValueError as error:
            raise self._refused("a letter or an index", where, str(error)) from error
        if len(letters) > 1:
            raise self._refused("one chosen option", where, f"several under {', '.join(map(repr, found))}")
        return next(iter(letters), None)

    def _saliency(self, where: str, row: Mapping[str, Any]) -> list[float] | None:
        try:
            scores = _numbers(row.get(SALIENCY))
        except ValueError as error:
            raise self._refused("one number a clip", where, f"`{SALIENCY}`: {error}") from error
        if scores is None or not any(map(math.isnan, scores)):
            return scores
        self._tell(f"rows whose `{SALIENCY}` holds no finite number and counts as none", where)
        return None

    def _exported(self, where: str, row: Mapping[str, Any]) -> Iterator[Row]:
        """A row of `harness export`: the text if there is one, or else what was read and why it is not more."""
        named = Row(where, self._index.own(row["id"]), str(row["mode"]), cut_off=is_cut_off(row))
        failure, message, text = row.get("failure"), row.get("message"), row.get("text")
        error = row.get("error") or (failure if message is not None else None)
        if error:
            yield named._replace(error=Failure(str(error), str(message or "")))
        elif isinstance(text, str):
            yield named._replace(text=text)
        elif failure != NOT_RUN:
            try:
                found, scores, saliency = moments(row["spans"]), _numbers(row.get("scores")), _numbers(row.get("saliency"))
            except ValueError as wrong:
                raise self._refused("a row as `harness export` writes it", where, str(wrong)) from wrong
            read = prediction(found, saliency, failure if isinstance(failure, str) else None)
            read = replace(read, scores=tuple(scores or ()) if read.spans else ())
            yield named._replace(prediction=_chosen(read, self._option(where, row)))

    def _refused(self, expected: str, where: str, found: str, step: str = NEXT) -> InputError:
        return InputError(expected, f"{self._path}, {where}: {found}", step)


def as_record(row: Row, read: Callable[[str], Answer] | None) -> Record:
    """What is scored of a row: what a parser reads of its text (the text without one), or else its spans, which are seconds."""
    if row.error is not None:
        return {"error": row.error._asdict()}
    record: Record = {"error": None, **({"truncated": True} if row.cut_off else {})}
    if row.text is None:
        return {**record, "prediction": row.prediction}
    return {**record, "text": row.text} if read is None else {**record, "read": read(row.text)}


def _chosen(answer: Answer, option: str | None) -> Answer:
    """The answer with an option, with which it is no failure to say no time."""
    if option is None:
        return answer
    return replace(answer, option=option, failure=None if answer.failure == "no-span" else answer.failure)


def _failure(error: Any) -> Failure | None:
    """The error that a row tells of; a text or an object, but no number, which could be a distance."""
    if isinstance(error, dict) and error:
        kind = error.get("type")
        return Failure(kind if isinstance(kind, str) and kind else NO_REPLY, str(error.get("message") or shown(error)))
    if (isinstance(error, str) and error.strip().casefold() not in _NO_ERROR) or error is True:
        return Failure(NO_REPLY, str(error))
    return None


def _status(response: Mapping[str, Any]) -> int:
    status = response.get("status_code")
    return status if isinstance(status, int) else 0


def _numbers(given: Any) -> list[float] | None:
    """A list of numbers, also one that a text spells; None for nothing. Raises ValueError for anything else."""
    if is_empty(given):
        return None
    found = literal(given) if isinstance(given, str) else given
    if not isinstance(found, list):
        raise ValueError(f"{shown(given)} is no list of numbers")
    return [seconds(item) for item in found] or None
