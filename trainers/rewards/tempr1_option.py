"""The reward of TempR1 for the right option."""

from collections.abc import Sequence
from typing import Any

from tasks.parsers import parser
from tasks.protocol import Protocol
from trainers.rewards.common import Completion, named, texts

KINDS = ("choice",)


def tempr1_option(
    completions: Sequence[Completion],
    *,
    kind: Sequence[str],
    option: Sequence[str | None],
    protocol: Protocol | None = None,
    **_: Any,
) -> list[float | None]:
    """1 if the option of the reply is the right one, else 0; None outside grounded question answering.

    Source: TempR1 (arXiv 2512.03963), eq. 10 and the last term of eq. 11.

    - Nothing to read, two options, truncated: 0. What the spans say is not looked at.
    - A row of another kind, or without a right option: None, so that the trainer has nothing to add.

    Args:
        protocol: Whose parser to use; `tempr1-choice` if None.
    """
    read = parser((protocol or named("tempr1-choice")).answer)
    rows = zip(texts(completions), kind, option, strict=True)
    return [None if name not in KINDS or right is None else float(read(text).option == right) for text, name, right in rows]
