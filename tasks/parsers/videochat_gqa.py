"""The parser of VideoChat-R1 on grounded questions: a letter in the first answer tag, a list of pairs in the first glue tag."""

import re
from dataclasses import replace

from tasks.answer import Answer
from tasks.parsers import videochat_set

_LETTER = re.compile("[A-G]")


def parse(text: str, where: tuple[str, ...]) -> Answer:
    """Read the first letter A to G of the first answer tag, and the list of the first glue tag, of which all pairs count.

    A glue tag that holds anything but a list of pairs has no spans.

    Args:
        where: `first-answer` alone; the original looks nowhere else.

    Source: VideoChat-R1 src_eval/evaluate_gqa.py (73b2ea9).
    """
    del where
    letter = _LETTER.search(first(text, "answer") or "")
    if letter is None:
        return Answer(failure="no-option")
    glue = first(text, "glue")
    read = Answer() if glue is None else videochat_set.parse(glue, ("whole",))
    return replace(read, option=letter[0])


def first(text: str, tag: str) -> str | None:
    """What stands between the first tag of that name and the next that closes it."""
    begin = text.find(f"<{tag}>")
    end = text.find(f"</{tag}>", begin) if begin >= 0 else -1
    return text[begin + len(tag) + 2 : end] if end >= 0 else None
