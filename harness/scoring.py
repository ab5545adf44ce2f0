"""Replies read and judged: what `scores.json` holds, and what export, comparison, board and view take, is made of `Scored`."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.query_gap import query_gap
from harness.records import was_truncated
from tasks import kinds
from tasks.answer import Answer
from tasks.kinds import Columns, Kind
from tasks.metrics import Bools, Floats
from tasks.parsers import in_seconds, parser
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.span import Span

Record = Mapping[str, Any]
Records = Mapping[tuple[str, str], Record]


class Outcome(NamedTuple):
    """What was read of one reply."""

    answer: Answer  # In seconds; empty where there is no reply
    error: str | None = None  # Why there is no reply
    cut_off: bool = False  # Whether the length limit ended the reply

    @property
    def failure(self) -> str | None:
        """Why nothing was read."""
        return self.error or self.answer.failure


@dataclass(frozen=True, eq=False)
class Scored:
    """Replies of one mode to n samples, read and judged once."""

    samples: Sequence[Sample]  # What was asked
    protocol: Protocol  # How replies were read and compared
    outcomes: Sequence[Outcome]  # What was read of each sample; of several replies to it, of the last
    columns: Columns  # `(n,)` values in [0, 1] by metric; NaN where a sample does not count. The metric is the mean
    kept: Bools  # `(n,)` samples in the denominator
    averaged: bool = False  # Whether several replies to a sample were averaged
    # Metrics in [0, 1] that are no mean over samples, of all that count
    corpus: Mapping[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """The kind of the protocol."""
        return kinds.find(self.protocol.kind)

    @property
    def main(self) -> str:
        """The main metric of the kind; where its column is missing, the first that tables show."""
        return self.kind.main if self.kind.main in self.columns else next(iter(self.kind.shown(self.columns)))

    @cached_property
    def query_gap(self) -> float:
        """See `query_gap`; NaN where several replies to a sample were averaged."""
        if self.averaged:
            return float("nan")
        pairs = zip(self.outcomes, self.samples, strict=True)
        answers = [_judged(outcome, sample, self.protocol) for outcome, sample in pairs]
        return query_gap(self.samples, answers, self.kept, self.protocol)

    @cached_property
    def weights(self) -> Columns:
        """`(n,)` weights of the samples in the mean of each column."""
        ones = np.ones(len(self.samples))
        weigh = self.kind.weights(self.samples) if self.kind.weights else ones
        return {name: ones if name in self.kind.unweighted else weigh for name in self.columns}

    @property
    def headings(self) -> dict[str, str]:
        """What tables call the metrics that they show."""
        return self.kind.shown((*self.columns, *self.corpus))

    def means(self, members: Bools | None = None) -> dict[str, Any]:
        """`n` and the metrics in percent, of all samples that count or of these; what is no mean, only of all."""
        counted = self.kept if members is None else self.kept & members
        means = {name: percent(column[counted], self.weights[name][counted]) for name, column in self.columns.items()}
        corpus = {} if members is not None else {name: 100 * value for name, value in self.corpus.items()}
        return {"n": int(counted.sum()), **means, **corpus}


def judge(samples: Sequence[Sample], records: Records, protocol: Protocol, mode: str) -> Scored:
    """Read and judge the replies of one mode; samples without a record count as `not-run`.

    Args:
        records: Lines of `samples.jsonl` by sample id and mode. A record with a `prediction` needs no text: its spans are
            seconds. One with `read` has been through the protocol's parser. With `earlier` records for the sample, the mean of
            the values of all counts; the rest is said of the record itself.
    """
    read, misfit = parser(protocol.answer), kinds.find(protocol.kind).misfit
    given: list[list[Outcome]] = []
    for sample in samples:
        record = records.get((sample.id, mode))
        every = (*(record or {}).get("earlier", ()), record)
        given.append([_fitting(_outcome(one, read, sample, protocol), sample, misfit) for one in every])
    places = np.repeat(np.arange(len(samples)), np.array(list(map(len, given)), dtype=np.intp))
    return _scored(samples, protocol, list(chain.from_iterable(given)), places, [every[-1] for every in given])


def judge_answers(samples: Sequence[Sample], answers: Sequence[Answer], protocol: Protocol) -> Scored:
    """Judge one answer in seconds a sample, which no reply had to say."""
    outcomes = list(map(Outcome, answers))
    if (misfit := kinds.find(protocol.kind).misfit) is not None:
        outcomes = [_fitting(outcome, sample, misfit) for outcome, sample in zip(outcomes, samples, strict=True)]
    return _scored(samples, protocol, outcomes, np.arange(len(samples)), outcomes)


def _scored(
    samples: Sequence[Sample], protocol: Protocol, given: Sequence[Outcome], places: NDArray[np.intp], last: Sequence[Outcome]
) -> Scored:
    """From the outcomes of all replies, each with the place of its sample, and of the last reply to each sample."""
    averaged = len(given) > len(samples)
    asked = [samples[i] for i in places.tolist()] if averaged else samples
    answers, counted = [outcome.answer for outcome in given], unique(samples, protocol)[places]
    if (protocol.score.failure, protocol.score.error) != ("zero", "zero"):
        answers = [_judged(outcome, sample, protocol) for outcome, sample in zip(given, asked, strict=True)]
        counted &= np.array([_counts(outcome, protocol) for outcome in given], dtype=np.bool_)
    kind = kinds.find(protocol.kind)
    columns = {name: np.where(counted, column, np.nan) for name, column in kind.values(asked, answers, protocol).items()}
    if averaged:
        columns = {name: _averaged(column, places, len(samples)) for name, column in columns.items()}
    kept = np.bincount(places, counted, minlength=len(samples)) > 0
    corpus: Mapping[str, float] = {}
    if kind.corpus is not None and not averaged:
        left = np.flatnonzero(counted).tolist()
        corpus = kind.corpus([asked[i] for i in left], [answers[i] for i in left], protocol)
    return Scored(samples, protocol, last, columns, kept, averaged, corpus)


def _averaged(column: Floats, places: NDArray[np.intp], size: int) -> Floats:
    """The mean of a column over the replies to a sample that count."""
    counted = ~np.isnan(column)
    n = np.bincount(places, counted, minlength=size)
    sums = np.bincount(places, np.where(counted, column, 0.0), minlength=size)
    return np.asarray(np.divide(sums, n, out=np.full(size, np.nan), where=n > 0))


def _outcome(record: Record | None, read: Any, sample: Sample, protocol: Protocol) -> Outcome:
    if record is None:
        return Outcome(Answer(), "not-run")
    if record["error"] is not None:
        return Outcome(Answer(), str(record["error"]["type"]))
    if (given := record.get("prediction")) is None:
        said = record["read"] if "read" in record else read(record["text"])
        given = in_seconds(said, sample.duration_s, protocol.answer)
    return Outcome(given, cut_off=was_truncated(record))


def _fitting(outcome: Outcome, sample: Sample, misfit: Callable[[Answer, Sample], str | None] | None) -> Outcome:
    """The outcome, or the failure that its answer cannot be one to the sample."""
    if misfit is None or outcome.failure is not None or (why := misfit(outcome.answer, sample)) is None:
        return outcome
    return outcome._replace(answer=Answer(failure=why))


def _is_empty(answer: Answer) -> bool:
    return not (answer.spans or answer.marks or answer.clips or answer.option)


def _judged(outcome: Outcome, sample: Sample, protocol: Protocol) -> Answer:
    rule = protocol.score.failure if outcome.error is None else protocol.score.error
    if rule == "out-of-video" and _is_empty(outcome.answer):
        return Answer((Span(sample.duration_s + 10, sample.duration_s + 20),))
    return outcome.answer


def _counts(outcome: Outcome, protocol: Protocol) -> bool:
    """Whether a reply stays in the denominator."""
    rule = protocol.score.failure if outcome.error is None else protocol.score.error
    return rule != "drop" or not _is_empty(outcome.answer)


def unique(samples: Sequence[Sample], protocol: Protocol) -> Bools:
    """`(n,)` samples that count: all, or of those with the same video, sentence and spans the last."""
    if protocol.score.duplicates == "keep":
        return np.ones(len(samples), dtype=np.bool_)
    last = {(s.video, s.clip, s.query, s.truth.spans): i for i, s in enumerate(samples)}
    return np.isin(np.arange(len(samples)), list(last.values()))


def percent(column: Floats, weights: Floats) -> float | None:
    """The mean of a column in percent over the samples that count in it, None over nothing; exactly rounded, in any order."""
    counted = ~np.isnan(column)
    total = float(weights[counted].sum())  # of whole numbers
    return 100 * (math.fsum((column * weights)[counted].tolist()) / total) if total else None


def number(value: float) -> float | None:
    """JSON has no NaN: a mean over nothing is null."""
    return None if np.isnan(value) else float(value)
