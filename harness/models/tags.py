"""Special tokens and the text of a reply: what a prompt is built of, and not the tags that parsers read.

Some trainings make `<think>` or `<answer>` special tokens of their checkpoint; tokenizers leave such tokens out of the text.
"""

from collections.abc import Sequence
from typing import Any

from tasks.errors import InputError

NAMES = ("think", "answer", "timestep", "glue")
TAGS = tuple(f"<{slash}{name}>" for name in NAMES for slash in ("", "/"))
"""What the parsers of `tasks.parsers` look for."""


def special(tokenizer: Any) -> dict[int, str]:
    """The special tokens of a tokenizer by id, without tags."""
    return {token: text for token, text in _special(tokenizer).items() if text not in TAGS}


def refuse(tokenizer: Any) -> None:
    """Refuse a tokenizer to which tags are special tokens, which TRL leaves out of replies, for a training. Raises InputError."""
    if hidden := [text for text in _special(tokenizer).values() if text in TAGS]:
        expected = "a tokenizer to which the tags that parsers and rewards read are text"
        step = 'write "special": false for them in tokenizer.json, and take them out of every list in tokenizer_config.json'
        raise InputError(expected, f"{', '.join(hidden)} among its special tokens", step)


def said(tokenizer: Any, ids: Sequence[int]) -> str:
    """The text of a reply, without special tokens and with tags."""
    apart = special(tokenizer)
    text: str = tokenizer.decode([token for token in ids if token not in apart], clean_up_tokenization_spaces=False)
    return text


def _special(tokenizer: Any) -> dict[int, str]:
    return {token: added.content for token, added in tokenizer.added_tokens_decoder.items() if added.special}
