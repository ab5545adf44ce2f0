"""The value under the reply's key: a text for the protocol's parser, or moments in seconds."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.predictions.spans import Moment, literal, moments, numbers
from tasks.answer import Answer
from tasks.formats.published import shown
from tasks.span import Span

Reply = str | list[Moment]

DEEPEST = 12
_PERCENT = re.compile(r"[\d\s.,:;~()\[\]–—-]{0,80}%[\d\s.,:;~()\[\]%–—-]{0,80}")
_WRAPS = (
    *("body", "choices", "candidates", "message", "content", "parts", "output_text", "text", "generated_text", "response"),
    *("output", "outputs", "prediction", "predictions", "pred", "answer", "spans", "timestamps", "segments", "moments"),
    *("windows", "result", "results", "value"),
)
"""Keys under which an object in the place of a reply holds it, as servers answer: `body.choices[0].message.content`."""


def reply_of(value: Any, of_moments: bool, depth: int = 0) -> Reply:
    """What a model said: a text, or moments; no moment for null, an empty list and an empty object.

    Under a key of moments, a text which spells moments is one. `depth` objects and lists are around the value.

    Raises:
        ValueError: It cannot be understood, or holds several replies that differ.
    """
    if depth > DEEPEST:
        raise ValueError("a reply deep inside other values")
    if isinstance(value, str):
        return _of_text(value) if of_moments else value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return []
    if isinstance(value, Mapping):
        return _of_object(value, of_moments, depth)
    if not isinstance(value, list):
        raise ValueError(f"{shown(value)}, neither a text nor moments")
    return _of_list(value, of_moments, depth)


def _of_text(text: str) -> Reply:
    """A text under a key of moments: moments if it spells them and nothing else, or else what the model said."""
    if not text.strip() or text.strip().casefold() in ("none", "null", "nan"):
        return []
    try:
        return moments(text)
    except ValueError:
        if isinstance(literal(text), list) or _PERCENT.fullmatch(text):
            raise
        return text


def _of_list(value: list[Any], of_moments: bool, depth: int) -> Reply:
    if len(value) == 1 and isinstance(value[0], str):
        return reply_of(value[0], of_moments, depth + 1)
    try:
        return moments(value)
    except ValueError:
        if of_moments and all(isinstance(part, str) for part in value) and any(part != value[0] for part in value):
            raise
        parts = [part for part in value if isinstance(part, Mapping)]
        if parts and len(parts) == len(value) and all("text" in part for part in parts):
            return "".join(str(part["text"] or "") for part in parts if not part.get("thought"))
        if not all(isinstance(part, str | list | Mapping) for part in value):
            raise
        if not all(isinstance(part, str) for part in value) and len(value) > 1 and not parts:
            raise
    return _one([reply_of(part, of_moments, depth + 1) for part in value], f"{len(value)} replies that differ")


def _of_object(value: Mapping[str, Any], of_moments: bool, depth: int) -> Reply:
    if not value:
        return []
    try:
        return moments(value)
    except ValueError as error:
        inside = [key for key in _WRAPS if key in value]
        if not inside:
            raise ValueError(f"an object with the keys {shown(list(value))}") from error
    said = [key for key in inside if value[key] not in (None, "", [], {})]
    if not said:
        return ""
    return _one([reply_of(value[key], of_moments, depth + 1) for key in said], f"an object whose {' and '.join(said)} differ")


def _one(replies: Sequence[Reply], what: str) -> Reply:
    if any(reply != replies[0] for reply in replies):
        raise ValueError(what)
    return replies[0]


def agree(one: Any, other: Any) -> bool:
    """Whether two values say the same: equal texts or moments, or moments whose times all stand in the text.

    Moments without length, by which peers mark what they could not read, agree with any text.
    """
    try:
        left, right = reply_of(one, True), reply_of(other, True)
    except ValueError:
        return bool(one == other)
    if isinstance(left, str) and isinstance(right, str):
        return left.strip() == right.strip()
    if isinstance(left, list) and isinstance(right, list):
        return [m[:2] for m in left] == [m[:2] for m in right]
    found, text = (left, right) if isinstance(right, str) else (right, left)
    written = numbers(str(text))
    return all(m[0] >= m[1] or all(round(time, 2) in written for time in m[:2]) for m in found if isinstance(m, tuple))


def prediction(found: Sequence[Moment], saliency: Sequence[float] | None = None, failure: str | None = "no-span") -> Answer:
    """What is scored of moments in seconds, and of one score a clip of 2 s; without moments, why there is none.

    One time that is no finite number fails the whole reply, whose moments hold a rank.
    """
    clips = None if saliency is None else tuple((score,) for score in saliency)
    if not found or any(math.isnan(number) for moment in found for number in moment):
        return Answer(failure="bad-number" if found else failure, clips=clips)
    return Answer(
        spans=tuple(Span(*moment[:2]) for moment in found),
        scores=tuple(moment[2] if len(moment) == 3 else 1.0 for moment in found),
        clips=clips,
    )
