"""A letter and the spans that show it: `<answer>A</answer><glue>1 to 5, 8 to 9.5</glue>`."""

import re
from dataclasses import replace

from tasks.answer import Answer
from tasks.parsers.careful import checked, found, last_tag, spans_in

_GLUE_TAG = re.compile(r"<(/?)glue>", re.IGNORECASE)
# A letter alone, in brackets, before a point, colon or bracket, or after the word: an article or the word I is none of these.
_LETTER = re.compile(r"(?:\(|\boption\s)\s?([a-z])\b|(?<!\w)([a-z])(?:[.):](?!\w)|\s*+$)", re.IGNORECASE)


def parse(text: str, where: tuple[str, ...]) -> Answer:
    """Read the letter in the last answer tag and the spans in the last glue tag.

    The letter stands alone, in brackets, before `.`, `:` or `)`, or after the word option; what follows it is not read. Spans
    are read as `tasks.parsers.careful` reads them. A letter without spans is an answer, spans without a letter are one to no
    question with options.

    Args:
        where: Places searched for the letter, see `tasks.parsers.careful`.

    Returns:
        The option in capitals and the spans, or a failure: `no-answer`, `unclosed-answer` (either tag), `no-option`,
        `ambiguous-option` (two letters), or that of the spans, beside which the option stays.

    Source: output format of VideoChat-R1 and of TempR1 (arXiv 2512.03963), section 3.2.
    """
    scope = found(text, where)
    if isinstance(scope, Answer):
        return scope
    letters = {(match[1] or match[2]).upper() for match in _LETTER.finditer(scope)}
    if len(letters) != 1:
        return Answer(failure="ambiguous-option" if letters else "no-option")
    glue = last_tag(text, _GLUE_TAG)
    if isinstance(glue, Answer):
        return glue
    spans = checked(spans_in(glue)) if glue and glue.strip() else Answer()
    return replace(spans, option=letters.pop())
