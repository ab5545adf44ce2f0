"""What a model is trained on: one split, or several with weights, as the command line and files of experiments write it."""

import math

from tasks.errors import InputError


def parse(mix: str) -> list[tuple[str, float]]:
    """Names and weights of `task@split[:weight],…`; a colon belongs to the name unless a number stands behind it.

    Raises:
        InputError: A part is empty or stands twice, or a weight is not above 0.

    >>> parse("charades@train,nextgqa@train:0.2")
    [('charades@train', 1.0), ('nextgqa@train', 0.2)]
    """
    found = [_part(one, mix) for one in mix.split(",")]
    names = [name for name, _ in found]
    if not all(names) or len(set(names)) < len(names):
        raise InputError("a mix of splits, each once: task@split[:weight],…", repr(mix), "--tasks charades@train,anet@train:0.5")
    return found


def _part(text: str, mix: str) -> tuple[str, float]:
    name, colon, behind = text.rpartition(":")
    try:
        weight = float(behind) if colon else 1.0
    except ValueError:
        return text, 1.0
    if not 0 < weight < math.inf:
        raise InputError("a weight above 0 behind each colon", f"{text!r} in {mix!r}", f"{name}:0.5, or leave it out")
    return name if colon else text, weight
