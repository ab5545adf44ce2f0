"""What a protocol's file from outside must hold: known tables and rules, with values of their kind that a run can use."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple, get_type_hints

from tasks import kinds
from tasks.errors import InputError, unknown
from tasks.hints import fits, named, words
from tasks.rules import PARTS, About

TABLES = {**PARTS, "about": About}
PLACES = {
    "template": ("start", "end", "spans", "marks", "times", "scores", "option"),
    "span": ("start", "end"),
    "mark": ("time", "score"),
}
"""What may stand in braces in a rule of [answer]."""
ASKED = ("query", "queries", "count", "options", "option_list")
"""What may stand in braces in a prompt."""
POSITIVE = ("fps", "min_frames", "max_frames", "min_pixels", "max_pixels", "total_pixels", "max_new_tokens", "repetition_penalty")


class _Wrong(NamedTuple):
    """A value that cannot stand, by table (empty above them) and key."""

    table: str
    key: str
    expected: str
    found: str


def check(values: Mapping[str, Any], path: Path, text: str) -> None:
    """Refuse the first thing that cannot stand in the file, with its line. Raises InputError."""
    for table, key, expected, found in _wrong(values):
        where = f"{path} line {line}" if (line := _line(text, table, key)) else str(path)
        raise InputError(expected, f"{where}: {found}", f"edit {path}")


def _wrong(values: Mapping[str, Any]) -> Iterator[_Wrong]:
    known = ("summary", "kind", *TABLES)
    for key, value in values.items():
        if key not in known:
            yield _Wrong("", key, f"a table or key of a protocol: {', '.join(known)}", unknown(key, known))
        elif isinstance(value, dict) != (key in TABLES):
            yield _Wrong("", key, f"{'a table' if key in TABLES else 'text'} as {key}", repr(value)[:80])
    if (kind := values.get("kind")) not in (names := kinds.names()):
        yield _Wrong("", "kind", f"kind, one of {', '.join(names)}", unknown(kind, names) if isinstance(kind, str) else "none")
    for table, part in TABLES.items():
        if table not in values and part is not About:
            yield _Wrong("", table, f"the tables {', '.join(PARTS)}", f"no [{table}]")
        yield from _wrong_in(table, part, values.get(table, {}))
    yield from _unfit(values)


def _wrong_in(table: str, part: Any, values: Mapping[str, Any]) -> Iterator[_Wrong]:
    rules: dict[str, Field[Any]] = {rule.name: rule for rule in fields(part)}
    hints = get_type_hints(part)
    for key, value in values.items():
        if key not in rules:
            yield _Wrong(table, key, f"a rule of [{table}]: {', '.join(rules)}", unknown(key, rules))
        elif not fits(value, hints[key]):
            found = unknown(value, map(str, words(hints[key]))) if isinstance(value, str) else repr(value)[:80]
            yield _Wrong(table, key, f"{named(hints[key])} as {key}", found)
    for key, rule in rules.items():
        if key not in values and rule.default is MISSING and rule.default_factory is MISSING:
            yield _Wrong("", table, f"a rule {key} in [{table}]", f"no {key}")


def _unfit(values: Mapping[str, Any]) -> Iterator[_Wrong]:
    """Values of the right kind that no run could use."""
    numbers = {(table, key): value for table in ("video", "decoding") for key, value in values[table].items()}
    for (table, key), value in numbers.items():
        if key in POSITIVE and not 0 < value < float("inf"):
            yield _Wrong(table, key, f"a number above 0 as {key}", repr(value))
    for unit in ("frames", "pixels"):
        low, high = numbers["video", f"min_{unit}"], numbers["video", f"max_{unit}"]
        if low > high:
            yield _Wrong("video", f"max_{unit}", f"max_{unit} of at least min_{unit}, {low}", str(high))
    for key, low, high in (("temperature", 0, 100), ("top_p", 1e-9, 1)):
        if not low <= (value := numbers.get(("decoding", key), high)) <= high:
            yield _Wrong("decoding", key, f"{key} from {low} to {high}", repr(value))
    thresholds = values["score"]["thresholds"]
    if not thresholds or not all(0 < one <= 1 for one in thresholds):
        yield _Wrong("score", "thresholds", "thresholds above 0, at most 1", repr(thresholds)[:80])
    if not (modes := values["prompt"]["modes"]):
        yield _Wrong("prompt", "modes", "a prompt in [prompt.modes]", "none")
    for mode, prompt in modes.items():
        if not any(f"{{{place}}}" in prompt for place in ASKED):
            expected = f"a prompt with what a sample asks: {', '.join(f'{{{place}}}' for place in ASKED)}"
            yield _Wrong("prompt.modes", mode, expected, repr(prompt)[:80])
    for key, known in PLACES.items():
        yield from _unfilled(key, values["answer"].get(key), known)


def _unfilled(key: str, text: str | None, known: tuple[str, ...]) -> Iterator[_Wrong]:
    if text is None:
        return
    expected = f"{key} with one or more of {', '.join(f'{{{place}}}' for place in known)}"
    try:
        places = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError as error:
        yield _Wrong("answer", key, expected, f"{text[:80]!r}: {error}; a brace as such is written twice")
        return
    strange = next((name for name in places if name not in known), None)
    if strange is not None or not places:
        yield _Wrong("answer", key, expected, repr(text)[:80] if strange is None else f"{{{strange}}} in {text[:80]!r}")


def _line(text: str, table: str, key: str) -> int:
    """The line of a key in its table, or of the table; 0 where it does not stand."""
    inside = ""
    heads: dict[str, int] = {}
    for number, row in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[([\w.]+)\]", row):
            inside = head[1]
            heads.setdefault(inside, number)
        if inside == table and re.match(rf"\s*{re.escape(key)}\s*=", row):
            return number
    return heads.get(f"{table}.{key}" if table else key, 0)
