"""What a reward function must survive before it steers a training run: hostile replies, batches in any order, TRL's call.

The tests run it over every reward of the project, `harness rewards check` over a user's own.
"""

import inspect
import itertools
import math
import pickle
import random
import time
from collections.abc import Callable, Iterator, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from tasks.kinds import NAMES
from trainers.rewards.fit import kinds_of
from trainers.rewards.hostile import long_replies, replies
from trainers.rewards.rows import Row, answerable, columns, of_kinds, spoken


class Finding(NamedTuple):
    """Something that breaks."""

    check: str  # A key of `CHECKS`
    message: str  # The first case and how many there are


CHECKS = {
    "call": "takes what the trainer passes: completions, the columns of the dataset, and more by keyword",
    "raises": "raises on no text",
    "values": "gives one finite number or None a completion",
    "repeats": "gives the same value again, and leaves its arguments as they were",
    "batch": "gives a completion the same value alone, in a batch, and in a batch in another order",
    "gold": "gives a perfect answer more than an empty reply, and no reply more than a perfect answer",
    "monotone": "gives a span no more than one that fits better",
    "slow": "takes no more than 2 s of a processor for a reply of 50,000 characters",
}

LONG, SLOW_S, NEAR = 50_000, 2.0, 1e-9
LARGEST = 3.4e38  # TRL keeps rewards in 32 bits


def examine(
    reward: Callable[..., Any], answer: Callable[[Row], str] = spoken, seed: int = 0, kinds: Sequence[str] = ()
) -> tuple[list[Finding], tuple[str, ...]]:
    """Run every check of `CHECKS`.

    Args:
        reward: A function with TRL's signature.
        answer: From a row to a reply that the reward should think perfect; given rows with worse targets, it speaks those.
        seed: Of the mixtures and the order of the batch.
        kinds: Of rows that it is tried on; `tried` if empty.

    Returns:
        What breaks, and the checks of which nothing could be seen.
    """
    if refused := _signature(reward):
        return [Finding("call", refused)], tuple(check for check in CHECKS if check != "call")
    asked = of_kinds(kinds or tried(reward))
    golden = [row for row in asked if answerable(row)]
    cases = list(itertools.product(replies(seed), asked)) + [(answer(row), row) for row in golden]
    found: dict[str, list[str]] = {check: [] for check in CHECKS}
    values = {}
    for text, row in cases:
        outcome, again = _alone(reward, text, row), _alone(reward, text, row)
        if isinstance(outcome, Finding):
            found[outcome.check].append(outcome.message)
        elif outcome != again:
            found["repeats"].append(f"{outcome} and then {_short(again)} on {_short(text)} of {_named(row)}")
        else:
            values[text, row.id] = outcome[0]
    kept = [(text, row) for text, row in cases if (text, row.id) in values]
    if kept:
        found["batch"] = list(_batch(reward, kept, [values[text, row.id] for text, row in kept], seed))
        found["gold"] = list(_gold(answer, golden, values))
        found["monotone"] = list(_monotone(reward, answer, golden))
        for finding in _long(reward, asked):
            found[finding.check].append(finding.message)
    unseen = set() if any(values.get((answer(row), row.id)) is not None for row in golden) else {"monotone"}
    unseen |= set() if kept else {*CHECKS} - {"call", "raises"}
    skipped = tuple(check for check in CHECKS if check in unseen and not found[check])
    more = {check: f" (and {len(messages) - 1:,} more)" if len(messages) > 1 else "" for check, messages in found.items()}
    return [Finding(check, messages[0] + more[check]) for check, messages in found.items() if messages], skipped


def tried(reward: Callable[..., Any]) -> tuple[str, ...]:
    """The kinds of rows that a reward is tried on: those that its file names in `KINDS`, moments where it names none."""
    named = kinds_of(reward)
    return ("moment",) if {*NAMES} <= {*named} else named


def _signature(reward: Callable[..., Any]) -> str | None:
    """Why the trainer could not call the function; None if it could."""
    parameters = inspect.signature(reward).parameters.values()
    given = {"prompts", "completions", "completion_ids", *Row._fields}
    by_name = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if any(p.kind is p.POSITIONAL_ONLY for p in parameters):
        return "has positional-only parameters; the trainer passes everything by keyword"
    if missing := [p.name for p in by_name if p.default is p.empty and p.name not in given]:
        return f"asks for {', '.join(missing)}; there are {', '.join(sorted(given))}"
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        return "has no **kwargs; the trainer passes more columns than it takes"
    return None


def _call(reward: Callable[..., Any], cases: Sequence[tuple[str, Row]]) -> Any:
    """The reward of replies to rows, called as TRL calls it."""
    table = columns([row for _, row in cases])
    table["prompts"] = [[{"role": "user", "content": row.query}] for _, row in cases]
    table["completions"] = [[{"role": "assistant", "content": text}] for text, _ in cases]
    table["completion_ids"] = [[0] for _ in cases]
    given = pickle.loads(pickle.dumps(table))  # A copy as deep as `deepcopy` makes of plain data, in a tenth of the time
    values = reward(**given, trainer_state=None, log_extra=lambda *_: None, log_metric=lambda *_: None)
    if given != table:
        raise _ChangedError
    return list(values) if isinstance(values, tuple | np.ndarray) else values


class _ChangedError(Exception):
    """A reward changed its arguments."""


def _alone(reward: Callable[..., Any], text: str, row: Row) -> Finding | list[Any]:
    """The value of one reply in a list, as the reward gives it, or what is wrong with it."""
    shown = f"{_short(text)} of {_named(row)}"
    try:
        values = _call(reward, [(text, row)])
    except _ChangedError:
        return Finding("repeats", f"changes its arguments on {shown}")
    except Exception as error:  # noqa: BLE001 - whatever a reward raises is what this looks for
        return Finding("raises", f"{type(error).__name__}: {_short(str(error))} on {shown}")
    advice = ""
    if not isinstance(values, list):
        wrong = f"a list of one number or None, found a {type(values).__name__}: {_short(values)}"
        advice = _advice(values, "values.tolist()")
    elif len(values) != 1:
        wrong = f"one value for one completion, found {len(values)}: {_short(values)}"
    elif values[0] is not None and not _finite(values[0]):
        wrong, advice = f"a finite number or None, found {_short(values[0])}", _advice(values[0], "value.item()")
    else:
        return values
    return Finding("values", f"expected {wrong} on {shown}{advice}")


def _batch(reward: Callable[..., Any], cases: list[tuple[str, Row]], alone: list[Any], seed: int) -> Iterator[str]:
    order = list(range(len(cases)))
    for name in ("in a batch", "in a shuffled batch"):
        try:
            values = _call(reward, [cases[i] for i in order])
        except Exception as error:  # noqa: BLE001 - whatever a reward raises is what this looks for
            yield f"{name} {type(error).__name__}: {_short(str(error))}"
            return
        if not isinstance(values, list) or len(values) != len(cases):
            found = len(values) if isinstance(values, list) else f"a {type(values).__name__}"
            yield f"{name} of {len(cases):,} completions expected a list of as many values, found {found}: {_short(values)}"
            return
        for i, value in zip(order, values, strict=True):
            if not _same(value, alone[i]):
                yield f"{alone[i]} alone and {_short(value)} {name} on {_short(cases[i][0])} of {_named(cases[i][1])}"
        random.Random(seed).shuffle(order)


def _gold(answer: Callable[[Row], str], golden: Sequence[Row], values: dict[tuple[str, str], Any]) -> Iterator[str]:
    scored = 0
    for row in golden:
        best, empty = values.get((answer(row), row.id)), values.get(("", row.id))
        if best is None:
            continue
        scored += 1
        if empty is not None and best <= empty:
            yield f"{best} for {_short(answer(row))} and {empty} for an empty reply, {_named(row)}"
        for (text, identifier), value in values.items():
            if identifier == row.id and value is not None and value > best + NEAR:
                yield f"{best} for {_short(answer(row))} and {value} for {_short(text)}, {_named(row)}"
    if not scored:
        yield "no value for any perfect answer"


def worse(row: Row) -> Iterator[list[Row]]:
    """Rows whose one target moves away from that of `row`, shrinks or grows, each list from best to worst."""
    (start, end), *_ = row.targets
    step = (end - start) / 4
    later = [(start + n * step, end + n * step) for n in range(8)]
    shorter = [(start, end - n * step) for n in range(4)]
    longer = [(max(0.0, start - n * step), min(row.duration_s, end + n * step)) for n in range(8)]
    for spans in (later, shorter, longer):
        yield [row._replace(targets=[span]) for span in spans if span[1] <= row.duration_s]


def _monotone(reward: Callable[..., Any], answer: Callable[[Row], str], golden: Sequence[Row]) -> Iterator[str]:
    # Of several spans, one that fits better can take another's place.
    for row in [row for row in golden if len(row.targets) == 1]:
        for rows in worse(row):
            texts = [answer(spoken_row) for spoken_row in rows]
            outcomes = [_alone(reward, text, row) for text in texts]
            values = [outcome[0] for outcome in outcomes if not isinstance(outcome, Finding)]
            if len(values) < len(texts) or None in values:
                continue
            for i, (better, value) in enumerate(itertools.pairwise(values)):
                if value > better + NEAR:
                    yield f"{better} for {_short(texts[i])} and {value} for {_short(texts[i + 1])}, {_named(row)}"


def _long(reward: Callable[..., Any], rows: Sequence[Row]) -> Iterator[Finding]:
    first = list({row.kind: row for row in reversed(rows)}.values())
    for text, row in itertools.product(long_replies(LONG), first):
        begin = time.process_time()
        outcome = _alone(reward, text, row)
        seconds = time.process_time() - begin
        if isinstance(outcome, Finding):
            yield outcome
        elif seconds > SLOW_S:
            yield Finding("slow", f"{seconds:.1f} s on {_short(text)} of {_named(row)}")
            return


def _advice(value: Any, way: str) -> str:
    """What turns tensors and arrays into numbers."""
    return f"; return {way}" if hasattr(value, "tolist") else ""


def _finite(value: Any) -> bool:
    return isinstance(value, Real) and math.isfinite(float(value)) and abs(float(value)) <= LARGEST


def _same(a: Any, b: Any) -> bool:
    return a is b or (_finite(a) and _finite(b) and abs(a - b) <= NEAR)


def _named(row: Row) -> str:
    return f"row {row.id} {row.targets}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:80]} … {text[-30:]}"
