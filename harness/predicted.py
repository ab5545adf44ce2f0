"""A file of predictions held against a plan: its replies, and notes on how it was read."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from harness.plan import Plan
from harness.predictions import originals
from harness.predictions.collect import FIRST, LAST, MEAN, REFUSE, Collected, Records
from harness.predictions.keys import DOCUMENT
from harness.predictions.read import Predictions, Row, as_record
from harness.records import Record
from tasks import protocol as protocols
from tasks.errors import InputError, unknown
from tasks.formats.published import shown
from tasks.parsers import parser
from tasks.protocol import Protocol
from tasks.rules import AnswerRules

SHOWN = 5
TRIED, BETTER = 5_000, 3
"""Replies by which protocols are compared, from the first on, and protocols that are named."""


class Matching:
    """The rows of a file that answer a sample in a mode of a plan.

    Of rows that match nothing only their number and the first few are kept, however many there are.

    Attributes:
        notes: After the last row, how the rows were read, which of them match nothing, and which samples have no row.
    """

    def __init__(self, plan: Plan, path: Path, reply_key: str | None = None) -> None:
        """Nothing is read yet; without a key of the reply, it is what the file itself shows."""
        self._plan, self._path, self._file = plan, path, Predictions(path, plan.samples, reply_key)
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[Row]:
        """Rows, one after the other. Raises InputError where the file is none of the forms, or none of its rows matches."""
        rows, counts, first = 0, Counter[str](), defaultdict[str, list[str]](list)
        answered: set[str] = set()
        for row in self._file:
            rows += 1
            if row.ids and row.mode in ("", *self._plan.modes):
                answered.update(row.ids)
                yield row
                continue
            kind = f"answer in another mode than {', '.join(self._plan.modes)}" if row.ids else "match no sample"
            counts[kind] += 1
            if counts[kind] <= SHOWN:
                first[kind].append(row.where)
        if not answered:
            places = "; ".join(f"{count} {kind}: {_few(count, first[kind])}" for kind, count in counts.items())
            found = f"{rows} rows in {self._path}, none of which names a sample{f' ({places})' if places else ''}"
            named = f"video {shown(self._plan.samples[0].video)} and query {shown(self._plan.samples[0].query)}"
            step = f"name samples as the split does, such as {named}, or id {self._plan.samples[0].id} (see {DOCUMENT})"
            raise InputError(f"predictions for samples of {self._plan.name}", found, step)
        strangers = [f"{count} of {rows} rows {kind}: {_few(count, first[kind])}" for kind, count in counts.items()]
        missing = [sample.id for sample in self._plan.samples if sample.id not in answered]
        gaps = [f"{len(missing)} samples have no row: {_few(len(missing), missing[:SHOWN])}"] if missing else []
        self.notes = [*self._file.notes, *strangers, *gaps]


def predictions(
    plan: Plan,
    path: Path,
    reply_key: str | None = None,
    duplicates: str = LAST,
    keep_texts: bool = False,
    choices: Path | None = None,
) -> tuple[Records, list[str]]:
    """Read a file row by row under the protocol's parser; a row without a mode answers every mode.

    Args:
        keep_texts: Whether records hold texts beside what was read of them.
        choices: A second file, with the option that is chosen of each sample.

    Returns:
        Records by sample id and mode, and notes on how the file was read.

    Raises:
        InputError: The file is not one of the forms, or none of its rows matches a sample.
    """
    check_duplicates(plan, duplicates)
    if plan.protocol.kind == "instances" and reply_key is None and (found := originals.detections(path)) is not None:
        return originals.of_detections(found, plan.samples, path, plan.modes)
    read, rows, collected = parser(plan.protocol.answer), Matching(plan, path, reply_key), Collected(plan.modes, duplicates)
    for row in rows:
        record = as_record(row, read)
        if keep_texts and row.text is not None:
            record["text"] = row.text
        collected.add(row, record)
    records = collected.records
    said = [record["read"] for record in records.values() if "read" in record]
    notes = [*rows.notes, *collected.notes]
    if said and reads_little(sum(1 for answer in said if answer.failure is None) / len(said)):
        texts = (row.text for row in Predictions(path, plan.samples, reply_key) if row.text is not None)
        notes.append(better_protocols(plan, texts))
    if choices is not None:
        notes += originals.with_options(records, plan.samples, choices, plan.modes, plan.protocol.score.error != "drop")
    return records, notes


def check_duplicates(plan: Plan, duplicates: str) -> None:
    """Refuse an unknown rule, and the mean where the official metrics need the rows of a sample as one. Raises InputError."""
    if duplicates not in (known := (LAST, FIRST, MEAN, REFUSE)):
        raise InputError(f"--duplicates: {', '.join(known)}", unknown(duplicates, known), "--duplicates last")
    if duplicates == MEAN and plan.samples[0].truth.clips is not None:
        expected = "--duplicates first, last or refuse for a task with the official metrics of QVHighlights"
        raise InputError(expected, "mean, which is not defined for such replies", "--duplicates last")


def reads_little(share: float | None) -> bool:
    """Whether a parser reads so few of the replies that another protocol may be meant."""
    return share is not None and share < 0.5


def hint(plan: Plan, scores: Mapping[str, Any], records: Iterable[Record]) -> str | None:
    """`better_protocols` of the replies of a run, by its `scores.json`; None where enough of them are read."""
    if not any(reads_little(mode.get("parse_rate")) for mode in scores["modes"].values()):
        return None
    return better_protocols(plan, (record["text"] for record in records if record["error"] is None))


def better_protocols(plan: Plan, texts: Iterable[str]) -> str:
    """Which protocols of the same unit read more of the first replies than that of the plan, and at least half of them."""
    own, tried = plan.protocol, list(islice(texts, TRIED))

    @cache
    def count(answer: AnswerRules) -> int:
        return _count(answer, tried)

    others = [
        rules
        for rules in map(protocols.load, protocols.names())
        if (rules.kind, rules.answer.unit) == (own.kind, own.answer.unit)
    ]
    better = [(count(rules.answer), rules.name) for rules in others if count(rules.answer) > count(own.answer)]
    best = sorted((one for one in better if 2 * one[0] >= len(tried)), key=lambda one: -one[0])[:BETTER]
    known = ", ".join(f"`{name}` reads {read:,}" for read, name in best)
    known = f"{known} (--protocol NAME; --all-protocols shows what each would score)" if known else "no protocol reads half"
    of = f"{'the first ' if len(tried) == TRIED else ''}{len(tried):,} replies"
    found = f"protocol {own.name} (parser `{own.answer.parser}`) reads a span in {count(own.answer):,} of {of}"
    return f"{found}; {known} (see {DOCUMENT})"


def misread(asked: Protocol, used: Protocol, records: Iterable[Record]) -> str | None:
    """What must be told of replies that were asked under one protocol and are read under another; None where nothing must."""
    if asked.answer == used.answer:
        return None
    if (theirs := asked.answer.unit) != (unit := used.answer.unit):
        return f"protocol {used.name} reads {unit}, and the replies were asked under {asked.name}, which reads {theirs}"
    read_here = (one["text"] for one in records if one["text"] is not None and not one.keys() & {"prediction", "read"})
    tried = list(islice(read_here, TRIED))
    own, best = _count(used.answer, tried), _count(asked.answer, tried)
    if not tried or not reads_little(own / len(tried)) or best <= own:
        return None
    of = f"{own:,} of {'the first ' if len(tried) == TRIED else ''}{len(tried):,} replies"
    better = f"{asked.name} (parser `{asked.answer.parser}`), under which they were asked, reads {best:,}"
    return f"protocol {used.name} (parser `{used.answer.parser}`) reads {of}; {better}"


def _count(answer: AnswerRules, texts: Iterable[str]) -> int:
    """How many texts the parser of a protocol reads something of; none where this parser is not at hand."""
    try:
        read = parser(answer)
    except InputError:
        return 0
    return sum(1 for text in texts if read(text).failure is None)


def _few(count: int, examples: list[str]) -> str:
    return f"{', '.join(examples)}{' …' if count > len(examples) else ''}"
