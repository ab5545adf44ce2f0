"""Rows of a training set, of every kind, and perfect answers to them: what rewards are tried on."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from tasks.answer import Answer
from tasks.protocol import Protocol, load, names
from tasks.sample import Sample
from tasks.say import rounded, say, sayable
from tasks.span import Span
from trainers.rewards.common import Targets

Clips = Sequence[Sequence[float]]


class Row(NamedTuple):
    """One row of the training set; its fields are the columns a reward is given, besides the prompt."""

    id: str
    queries: Sequence[str]
    targets: Targets
    duration_s: float
    kind: str = "moment"
    mode: str = "cot"
    saliency: Clips | None = None
    options: Sequence[str] = ()
    option: str | None = None
    grid: Targets = ()
    protocol_name: str = "default"
    query: str = ""


LIKED = [[0, 0, 0]] * 2 + [[4, 4, 4]] * 3 + [[0, 0, 0]] * 5
OPTIONS = ("to the left", "to the right", "nowhere")

MOMENTS = (
    Row("a", ["a person opens a door"], [[12.5, 17.5]], 40.0),
    Row("b", ["the dog jumps"], [[4.0, 8.0]], 20.0, mode="direct"),
    Row("c", ["clips that people liked"], [[4.0, 10.0]], 20.0, saliency=LIKED),
    Row("d", ["a person walks, twice"], [[2.0, 5.0], [10.0, 14.5]], 30.0, mode="direct"),
    Row("e", ["nothing lasts"], [[7.0, 7.0]], 30.0),
    Row("f", ["annotated the wrong way round"], [[9.0, 3.0]], 30.0),
)
_ONE, _TWO = [[12.5, 17.5]], [[2.0, 5.0], [10.0, 14.5]]
_REGIONS = ("windows", "union", "instances", "retrieval", "seconds", "point")

OTHERS = (
    *(Row(f"{kind} 1", ["a dog"], _ONE, 40.0, kind) for kind in _REGIONS),
    *(Row(f"{kind} 2", ["a dog"], _TWO, 30.0, kind, "direct") for kind in _REGIONS),
    Row("pairs 1", ["it sits"], _ONE, 40.0, "pairs"),
    Row("pairs 2", ["it barks", "it sits"], [[10.0, 14.5], [2.0, 5.0]], 30.0, "pairs", "direct"),
    Row("choice 1", ["where does it go?"], _ONE, 40.0, "choice", options=OPTIONS, option="B"),
    Row("choice 2", ["where does it go?"], _TWO, 30.0, "choice", "direct", options=OPTIONS, option="C"),
    Row("highlights 1", ["a dog"], [[4.0, 10.0]], 20.0, "highlights", saliency=LIKED),
    Row("highlights 2", ["a dog"], [[4.0, 10.0]], 20.0, "highlights", "direct", saliency=LIKED),
    Row("clips 1", ["a film"], [], 20.0, "clips", saliency=LIKED),
    Row(
        "clips 2",
        ["a film"],
        [],
        15.0,
        "clips",
        "direct",
        [*LIKED[1:4], *LIKED[:2]],
        grid=[[3.0 * i, 3.0 * i + 3.0] for i in range(5)],
    ),
)
ROWS = tuple(row._replace(query="\n".join(row.queries)) for row in (*MOMENTS, *OTHERS))


def of_kinds(wanted: Sequence[str]) -> tuple[Row, ...]:
    """The rows of these kinds; a kind that has none, such as a new one, is asked on the rows of moments."""
    kept = tuple(row for row in ROWS if row.kind in wanted)
    unknown = sorted({*wanted} - {row.kind for row in kept})
    return kept + tuple(row._replace(kind=kind) for kind in unknown for row in ROWS if row.kind == "moment")


def answerable(row: Row) -> bool:
    """Whether a perfect answer to the row exists: it has no target without a length, and of a moment only one."""
    return all(start < end for start, end in row.targets) and (len(row.targets) == 1 or row.kind != "moment")


def columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """The rows as columns."""
    return {name: [getattr(row, name) for row in rows] for name in Row._fields}


def spoken(row: Row, words: str | Protocol | None = None) -> str:
    """A perfect answer to a row.

    Args:
        row: Its mode chooses whether there is a thought, unless words of its own are given.
        words: A protocol, in whose words it is said; or a reply with {start} and {end} of the first target, {spans},
            {option}, or {times} and {scores} of highlights. None for the words of the default protocol of its kind.
    """
    if isinstance(words, str):
        return _filled(row, words)
    protocol = words or default_words(row.kind)
    sample = Sample(
        video="",
        duration_s=row.duration_s,
        queries=tuple(row.queries),
        truth=Answer(
            _spans(row.targets), clips=None if row.saliency is None else tuple(map(tuple, row.saliency)), option=row.option
        ),
        options=tuple(row.options),
        grid=_spans(row.grid),
    )
    answer = rounded(sayable(sample, protocol), sample, protocol)
    times = ", ".join(f"{span.start_s} to {span.end_s}" for span in answer.spans)
    return ("" if row.mode == "direct" else f"<think>It is seen {times}.</think>") + say(answer, sample, protocol)


@cache
def default_words(kind: str) -> Protocol:
    """The protocol that replies of a kind follow where none is named."""
    preferred = ("default", f"default-{kind}", f"tempr1-{kind}")
    found = map(load, sorted(names(), key=lambda name: name not in preferred))
    return next(protocol for protocol in found if protocol.kind == kind)


def _spans(pairs: Targets) -> tuple[Span, ...]:
    return tuple(Span(*pair) for pair in pairs)


def _filled(row: Row, template: str) -> str:
    # Not `format`: a template of JSON has braces of its own.
    start, end = row.targets[0] if row.targets else ("", "")
    clips = [(2.0 * clip, sum(scores) / len(scores)) for clip, scores in enumerate(row.saliency or ()) if any(scores)]
    said = {"start": start, "end": end, "option": row.option or "", "spans": ", ".join(f"{s} to {e}" for s, e in row.targets)}
    said |= {"times": ", ".join(str(at) for at, _ in clips), "scores": ", ".join(str(score) for _, score in clips)}
    for name, value in said.items():
        template = template.replace(f"{{{name}}}", str(value))
    return template
