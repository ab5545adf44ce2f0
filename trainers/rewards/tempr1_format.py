"""The format reward of TempR1."""

from collections.abc import Sequence
from typing import Any

from tasks.parsers import parser
from tasks.parsers.reading.form import answered
from tasks.protocol import LETTERS, Protocol
from trainers.rewards.common import Completion, named, texts
from trainers.rewards.tempr1 import FORMS, KINDS

__all__ = ["KINDS", "tempr1_format"]


def tempr1_format(
    completions: Sequence[Completion],
    *,
    mode: Sequence[str],
    kind: Sequence[str],
    options: Sequence[Sequence[str]],
    protocol: Protocol | None = None,
    **_: Any,
) -> list[float | None]:
    """1 if the reply is what the protocol's template says, filled in, behind a thought in `cot`; else 0.

    By the templates of `tempr1`: `moment` has one span in the answer tag; `pairs`, `union` and `instances` have one or more;
    `choice` has a letter of the question's options there, and one or more spans in a glue tag.

    Source: TempR1 (arXiv 2512.03963), eq. 3, whose expressions are not printed, and the formats of section 3.2, which have no
    thought. Ours is strict, since the peers' can be gamed: `tasks.parsers.reading.form.answered` says what may vary.

    - Text around tags, further tags, an empty thought, a letter that is no option, truncated: 0.
    - What the protocol's parser cannot read: 0, and so a reversed span. One without length: 0, except beside others.
    - How many spans there are and where: no part. `nan` is no number. Huge times: 0, as they are to the parser.
    - A row of another kind: None.

    Args:
        protocol: Whose template and parser to use; that of `tempr1` for the kind if None.
    """
    rows = zip(texts(completions), mode, kind, options, strict=True)
    return [
        _row(protocol or named(FORMS[name]), text, how, choices) if name in KINDS else None for text, how, name, choices in rows
    ]


def _row(rule: Protocol, text: str, mode: str, options: Sequence[str]) -> float:
    found = answered(text, mode, rule.answer)
    if found is None:
        return 0.0
    spans = parser(rule.answer)(found[0]).spans
    if not any(start < end for start, end in spans) or any(start > end for start, end in spans):
        return 0.0
    letter = found.groupdict().get("option")
    return float(letter is None or letter.upper() in LETTERS[: len(options)])
