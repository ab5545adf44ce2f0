"""The parser of Temporal-R1: JSON with quoted times behind a thought, then TimeChat's."""

import re

from tasks.answer import Answer
from tasks.parsers import timechat
from tasks.parsers.common import scope

_THINK = "<think>"
ANSWER = re.compile(
    r"</think>\s*+<answer>\s*+\{\s*+\"start_time\"\s*+:\s*+\"([\d.]++)\"\s*+,"
    r"\s*+\"end_time\"\s*+:\s*+\"([\d.]++)\"\s*+\}\s*+</answer>"
)


def parse(text: str, where: tuple[str, ...] = ("whole",)) -> Answer:
    """Read `<think>…</think><answer>{"start_time": "a", "end_time": "b"}</answer>`; unquoted numbers or swapped keys fail.

    The original writes the two floats as `a-b` and reads them again with TimeChat's parser, which swaps a reversed pair.
    On failure it answers `0.0-0.0`.

    Source: Temporal-R1 third_party/lmms-eval, models/qwen2_5_vl_r1.py, extract_timestamps (f364f6c).
    """
    found = scope(text, where) or ""
    begin = found.find(_THINK)
    match = ANSWER.search(found, begin + len(_THINK)) if begin >= 0 else None
    if match is None:
        return Answer(failure="no-answer")
    try:
        start, end = float(match[1]), float(match[2])
    except ValueError:
        return Answer(failure="bad-number")
    return timechat.parse(f"{start}-{end}", ("whole",))
