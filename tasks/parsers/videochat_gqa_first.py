"""The parser of VideoChat-R1.5 on grounded questions: as that of VideoChat-R1, but only the first pair counts."""

from dataclasses import replace

from tasks.answer import Answer
from tasks.parsers import videochat_gqa


def parse(text: str, where: tuple[str, ...]) -> Answer:
    """Read the letter and the first pair of the list.

    Source: VideoChat-R1.5 src_eval/evaluate_gqa.py (67d2d75).
    """
    read = videochat_gqa.parse(text, where)
    return replace(read, spans=read.spans[:1])
