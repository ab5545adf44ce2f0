"""The reward for form: the tags that the mode asks for, filled, and nothing else."""

from collections.abc import Sequence
from typing import Any

from tasks.errors import InputError, unknown
from trainers.rewards.common import Completion, texts

FORMS = {"direct": ("answer",), "cot": ("think", "answer")}  # Tags by mode, in order
_TAGS = tuple(f"<{slash}{name}>" for name in ("think", "answer") for slash in ("", "/"))


def format(completions: Sequence[Completion], *, mode: Sequence[str], **_: Any) -> list[float | None]:
    """1 if the reply has the form its mode asks for, else 0.

    `direct`: `<answer>…</answer>`, `cot`: `<think>…</think><answer>…</answer>`; blanks and line breaks may stand around the tags.

    Source: TempSamp-R1, section 3.3 (format reward), TempR1, eq. 3; neither prints its regular expression. Ours refuses what
    lets the peers' (`think_answer`) be gamed: an empty thought or answer, and further tags inside. Capital letters pass, as
    they do in the `careful` parser (the paper writes `<Think>` in the text and `<think>` in its prompts). What the answer says
    is not looked at: that is for `iou` and `timestamp`.

    - Empty, truncated, or text before, between or behind: 0. Reversed, NaN, huge or several spans play no part.

    Raises:
        InputError: A mode is neither.
    """
    for name in mode:
        if name not in FORMS:
            raise InputError(f"a mode: {', '.join(FORMS)}", unknown(name, FORMS), "harness ls rewards")
    return [float(_has_form(text, FORMS[name])) for text, name in zip(texts(completions), mode, strict=True)]


def _has_form(text: str, tags: Sequence[str]) -> bool:
    rest: str | None = text.lower()
    for tag in tags:
        rest = None if rest is None else _behind(rest, tag)
    return rest is not None and not rest.strip()


def _behind(text: str, tag: str) -> str | None:
    """What follows a leading pair of tags; None if there is none, or it holds nothing or another tag."""
    before, opened, rest = text.partition(f"<{tag}>")
    content, closed, rest = rest.partition(f"</{tag}>")
    empty = before.strip() or not opened or not closed or not content.strip()
    return None if empty or any(other in content for other in _TAGS) else rest
