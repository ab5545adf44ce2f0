"""The reward for form: the tags that the mode asks for, filled, and nothing else."""

from collections.abc import Sequence
from typing import Any

from tasks.errors import InputError, unknown
from tasks.protocol import Protocol
from trainers.rewards.common import Completion, texts

FORMS = {"direct": (), "cot": ("think",)}  # Tags by mode, before those of the answer
_ANSWERS = ("answer", "glue")
_TAGS = tuple(f"<{slash}{name}>" for name in ("think", *_ANSWERS) for slash in ("", "/"))


def format(
    completions: Sequence[Completion], *, mode: Sequence[str], protocol: Protocol | None = None, **_: Any
) -> list[float | None]:
    """1 if the reply has the form its mode asks for, else 0.

    `direct`: `<answer>…</answer>`, `cot`: `<think>…</think><answer>…</answer>`; blanks and line breaks may stand around the tags.
    A protocol whose answers stand in no tag has any text in that place, one with a glue tag has that behind.

    Source: TempSamp-R1, section 3.3 (format reward), TempR1, eq. 3; neither prints its regular expression. Ours refuses what
    lets the peers' (`think_answer`) be gamed: an empty thought or answer, and further tags inside. Capital letters pass, as
    they do in the `careful` parser (the paper writes `<Think>` in the text and `<think>` in its prompts). What the answer says
    is not looked at: that is for `iou` and `timestamp`.

    - Empty, truncated, or text before, between or behind: 0. Reversed, NaN, huge or several spans play no part.

    Args:
        protocol: In whose template the tags of the answer stand; the answer tag alone if None.

    Raises:
        InputError: A mode is neither.
    """
    for name in mode:
        if name not in FORMS:
            raise InputError(f"a mode: {', '.join(FORMS)}", unknown(name, FORMS), "harness ls rewards")
    last = _ANSWERS[:1] if protocol is None else tuple(tag for tag in _ANSWERS if f"<{tag}>" in protocol.answer.template)
    rows = zip(texts(completions), mode, strict=True)
    return [float(_has_form(text, (*FORMS[name], *last), bare=not last)) for text, name in rows]


def _has_form(text: str, tags: Sequence[str], bare: bool) -> bool:
    rest: str | None = text.lower()
    for tag in tags:
        rest = None if rest is None else _behind(rest, tag)
    if rest is None:
        return False
    return _filled(rest) if bare else not rest.strip()


def _behind(text: str, tag: str) -> str | None:
    """What follows a leading pair of tags; None if there is none, or it holds nothing or another tag."""
    before, opened, rest = text.partition(f"<{tag}>")
    content, closed, rest = rest.partition(f"</{tag}>")
    return rest if not before.strip() and opened and closed and _filled(content) else None


def _filled(content: str) -> bool:
    return bool(content.strip()) and not any(tag in content for tag in _TAGS)
