"""Kinds of question, a module each: how answers of one kind are judged. A protocol names its kind."""

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import outside
from tasks.answer import Answer
from tasks.errors import InputError, unknown
from tasks.metrics import Floats
from tasks.sample import Sample

if TYPE_CHECKING:
    from tasks.protocol import Protocol

Columns = dict[str, Floats]
Values = Callable[[Sequence[Sample], Sequence[Answer], "Protocol"], Columns]
Corpus = Callable[[Sequence[Sample], Sequence[Answer], "Protocol"], dict[str, float]]

NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__"))


@dataclass(frozen=True)
class Kind:
    """How answers of one kind are judged: `KIND` of a module of this folder.

    Attributes:
        needs: Fields of a sample's truth without which it cannot be asked.
        main: The column that ranks, that is chosen by on `dev`, and that is the reward `score`.
        values: From n samples, n answers in seconds and a protocol to named columns, `(n,)` values in [0, 1] each. The metric is
            the mean of a column; a sample with NaN does not count in it.
        headings: What tables call a column, where that is not its name; empty for a column that tables leave out.
        single: Whether one span is held against the best target, so that types of errors and IoU curve apply.
        fit: From n samples and n answers to `(n,)` IoU, by which an answer is held against other queries of its video.
        weights: From n samples to `(n,)` weights, where metrics are weighted means.
        unweighted: Columns that are a plain mean all the same.
        corpus: Metrics in [0, 1] that are no mean over samples: they have no interval, and nothing is paired by them.
        misfit: Why an answer cannot be one to its sample, in a word that failures are counted by; None where it can. Such an
            answer is worth 0.
    """

    needs: tuple[str, ...]
    main: str
    values: Values
    headings: Mapping[str, str] = field(default_factory=dict)
    single: bool = False
    fit: Callable[[Sequence[Sample], Sequence[Answer], "Protocol"], Floats] | None = None
    weights: Callable[[Sequence[Sample]], Floats] | None = None
    unweighted: tuple[str, ...] = ()
    corpus: Corpus | None = None
    misfit: Callable[[Answer, Sample], str | None] | None = None

    def shown(self, columns: Iterable[str]) -> dict[str, str]:
        """Headings of those of these columns that tables show, by column."""
        named = {name: self.headings.get(name, name) for name in columns}
        return {name: heading for name, heading in named.items() if heading}


def names() -> tuple[str, ...]:
    """Names of the kinds that exist, those from outside included."""
    return (*NAMES, *outside.added("kinds", NAMES))


def find(name: str) -> Kind:
    """A kind by name. Raises InputError, with the nearest name, if there is none."""
    if name in NAMES:
        kind: Kind = importlib.import_module(f"tasks.kinds.{name}").KIND
        return kind
    if (thing := outside.added("kinds", NAMES).get(name)) is None:
        raise InputError(f"a kind: {', '.join(names())}", unknown(name, names()), "harness ls protocols")
    return thing.made("KIND", Kind)


def lacking(kind: Kind, samples: Iterable[Sample]) -> str | None:
    """A field of truth that the kind needs and a sample does not have; None if nothing is missing."""
    for sample in samples:
        for name in kind.needs:
            if getattr(sample.truth, name) in (None, ()):
                return name
    return None
