"""Rows in the order in which they are trained on."""

from collections.abc import Sequence
from random import Random
from typing import Any

from trainers.examples import columns
from trainers.mix import Share


def curriculum(shares: Sequence[Share], modes: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """Every row that will be trained on, in order: one epoch after the other, each in its mode.

    The order of an epoch is its own: what is drawn of each share, in one seeded shuffle.
    """
    rows = []
    for epoch, mode in enumerate(modes):
        questions = [question for share in shares for question in share.drawn(f"{seed}/{epoch}")]
        Random(f"{seed}/{epoch}").shuffle(questions)
        rows += [columns(question._replace(mode=mode)) for question in questions]
    return rows
