"""JSON in the shapes people write it: a row a line, a list of rows, rows by key, any of them inside an object with other things.

Rows may also stand as Python prints them. Values are read by the standard library, which takes NaN and Infinity as Python writes
them; only the brackets around the rows are walked here, so that one row at a time is in memory.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from harness.predictions import literals
from harness.predictions.literals import DEEPEST
from harness.predictions.names import ENVELOPES, KEY, OF_A_FILE, OF_A_REPLY, OF_A_SAMPLE, names_sample, plain_key
from harness.predictions.text import LONGEST, BrokenError, Text, TooLongError
from tasks.formats.published import shown

WINDOW = 1 << 21
"""Characters in which an object has to show what it is."""

_NEAR = 32
"""No token but a text or a number needs as many characters to tell whether it is whole."""

Where = tuple[str, dict[str, Any]]


def form(text: Text) -> str:
    """What the rows stand in: `[` for a list, `{` for an object of rows, "" for nothing but rows, else the key of an envelope.

    A single object is a row if it names its sample; else what stands under one key of `ENVELOPES` counts; else it is a row if it
    has a key of a reply and no list of rows, and an object of rows if not. Of several objects each is a row.

    Raises:
        BrokenError: It is none of them, or there are two envelopes.
    """
    if text.peek() == "[":
        return "["
    first: dict[str, str] = {}
    start, holds_rows = text.line, False
    try:
        for key in _items(text):
            first[key] = text.peek()
            holds_rows = _are_rows(_value(text, WINDOW)) or holds_rows
            if text.dropped + text.at > WINDOW:
                break
        else:
            if text.peek():
                return ""
    except TooLongError:
        holds_rows = True
    names = {plain_key(key): opening for key, opening in first.items()}
    if named := [names[key] for key in names.keys() & OF_A_SAMPLE - OF_A_FILE]:
        if all(opening in ("[", "{") for opening in named):
            expected = "an object for each row: in pandas, to_json(orient='records')"
            raise BrokenError(f"line {start}", "one object with a list or an object for each column", expected)
        return ""
    around = [key for key, opening in first.items() if plain_key(key) in ENVELOPES and opening in ("[", "{")]
    if len(around) > 1:
        found = f"rows may stand under {' or '.join(map(repr, around))}"
        raise BrokenError(f"line {start}", found, "rows under one key of the object")
    if around:
        return around[0]
    return "" if names.keys() & (OF_A_REPLY | {"doc"}) and not holds_rows else "{"


def rows(text: Text, kind: str) -> Iterator[Where]:
    """Rows of a text of this `form`, each with where it stands. Raises BrokenError."""
    if kind == "":
        while found := text.peek():
            if found not in ("{", "["):
                near = text.buffer[text.at : text.at + 80].partition("\n")[0]
                raise text.broken(f"found {shown(near)}", "one JSON object a line")
            where = f"line {text.line}"
            yield where, _row(where, _value(text), "one JSON object a line")
        return
    if kind in ("[", "{"):
        yield from _inside(text)
    else:
        for key in _items(text):
            if key == kind:
                yield from _inside(text)
            else:
                _value(text)
    if text.peek():
        raise text.broken(f"more text behind the end: {text.near}")


def _inside(text: Text) -> Iterator[Where]:
    is_list = text.peek() == "["
    for number, key in enumerate(_items(text), 1):
        line, value = text.line, _value(text)
        where = f"entry {number if is_list else repr(key[:80])}"
        if is_list:
            yield where, _row(f"{where} (line {line})", value, "a list of JSON objects")
        elif _are_rows(value):
            yield from ((f"{where}, {n}", {**row, KEY: key}) for n, row in enumerate(value, 1))
        elif _by_query(value):
            for query, said in value.items():
                reply = said if isinstance(said, dict) else {"pred_spans" if isinstance(said, list) else "text": said}
                yield f"{where}, {query[:80]!r}", {**reply, "query": query, KEY: key}
        else:
            yield where, {**(value if isinstance(value, dict) else {"text": value}), KEY: key}


def _by_query(value: Any) -> bool:
    """Whether this is what was said to each query of a video: an object without a key that a row has."""
    return (
        isinstance(value, dict)
        and bool(value)
        and not {plain_key(key) for key in value} & (OF_A_REPLY | OF_A_SAMPLE | OF_A_FILE | {"doc"})
        and all(isinstance(said, str | list) or (isinstance(said, dict) and not names_sample(said)) for said in value.values())
    )


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) and names_sample(row) for row in value)


def _row(where: str, value: Any, expected: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BrokenError(where, f"found {shown(value)}", expected)
    return value


def _items(text: Text) -> Iterator[str]:
    """Walk a list or an object at the place of the text: yields each key ("" in a list), with its value next to be read."""
    opening = text.peek()
    if opening not in ("[", "{"):
        raise text.broken(f"found {text.near}", "JSON objects")
    closing, start = {"[": "]", "{": "}"}[opening], text.line
    text.advance(text.at + 1)
    found = _expect(text, closing, start) if text.peek() == closing else ""
    while found != closing:
        text.peek()
        key = ""
        if opening == "{":
            key = str(_value(text))
            _expect(text, ":", start)
        text.peek()
        yield key
        found = _expect(text, f",{closing}", start)


def _expect(text: Text, characters: str, start: int) -> str:
    found = text.peek()
    if not found:
        raise text.broken(f"the file is cut off: nothing ends what begins on line {start}", "a whole file")
    if found not in characters:
        raise text.broken(f"found {text.near}", f"JSON, with {' or '.join(map(repr, characters))} here")
    text.advance(text.at + 1)
    return found


def _value(text: Text, longest: int = LONGEST) -> Any:
    """The value at the place of the text, which moves behind it. Raises BrokenError or TooLongError."""
    while True:
        try:
            found, end = _decode(text)
        except json.JSONDecodeError as error:
            if text.ended or not _is_cut(error, text):
                at = text.line + text.buffer.count("\n", text.at, error.pos)
                on = f" on line {at}" if at > text.line else ""
                raise text.broken(f"{error.msg}{on}{' (the file is cut off)' * _is_cut(error, text)}", "JSON") from error
        except (ValueError, RecursionError) as error:
            why = f"nested deeper than {DEEPEST}" if isinstance(error, RecursionError) else str(error).partition(";")[0]
            raise text.broken(why, "JSON") from error
        else:
            if text.ended or end + _NEAR < len(text.buffer):
                break
        text.more(longest)
    if text.buffer.count("[", text.at, end) + text.buffer.count("{", text.at, end) > DEEPEST and _depth(found) > DEEPEST:
        raise text.broken(f"nested deeper than {DEEPEST}", "JSON")
    text.advance(end)
    return found


def _decode(text: Text) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text.buffer, text.at)
    except json.JSONDecodeError as error:
        if _is_cut(error, text) and not text.ended:
            raise
        try:
            return literals.decode(text.buffer, text.at, _DECODER)
        except json.JSONDecodeError as other:
            raise (other if other.pos == len(text.buffer) else error) from error


def _is_cut(error: json.JSONDecodeError, text: Text) -> bool:
    """Whether more characters could mend it."""
    return error.msg.startswith("Unterminated") or error.pos + _NEAR > len(text.buffer)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice[:80]!r} stands twice in one object")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [inner for outer in level if isinstance(outer, dict | list) for inner in _inner(outer)]:
        depth += 1
    return depth


def _inner(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value
