"""The parser of MUSEG: all numbers of the only answer tag, two by two, all or nothing."""

import re

from tasks.answer import Answer
from tasks.parsers.common import in_pairs, read, scope

# Any number of points, as in the original: `5..7` is then no number and voids the answer.
_NUMBER = re.compile(r"\d++\.*+\d*+")


def parse(text: str, where: tuple[str, ...] = ("only-answer",)) -> Answer:
    """Read segments; one bad number, an odd count or a segment that is not start < end voids the whole answer.

    Source: MUSEG src/eval_grounding.py:120-130 and eval (889565e). `00:12-00:17` becomes two segments, 0-12 and 0-17.
    """
    found = scope(text, where)
    if found is None:
        return Answer(failure="no-answer")
    numbers = _NUMBER.findall(found)
    if len(numbers) % 2:
        return Answer(failure="odd-numbers")
    prediction = read(in_pairs(numbers))
    if any(span.start_s >= span.end_s for span in prediction.spans):
        return Answer(failure="reversed-span")
    return prediction
