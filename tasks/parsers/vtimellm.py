"""The parser of VTimeLLM: the first two-digit frame numbers of a hundred."""

import re

from tasks.answer import Answer
from tasks.parsers.common import read, scope

_PAIR = re.compile(r"(\d{2}) (?:to|and) (\d{2})")


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read the first `NN to NN` or `NN and NN`, also out of longer numbers: `12.54 to 17.83` is 54 to 17.

    Source: VTimeLLM vtimellm/eval/eval.py, iou (c34ae56). The unit is a hundredth of the video; 100 cannot be said.
    """
    return read(_PAIR.findall(scope(text, where) or "")[:1])
