"""What a model is trained on: one split, or several with weights, as the command line and files of experiments write it."""

import math
from collections.abc import Collection
from typing import NamedTuple

from tasks.errors import InputError


class Part(NamedTuple):
    """One split of a mix: `task@split`, and how much of it an epoch takes."""

    name: str
    weight: float = 1.0

    def __str__(self) -> str:
        return self.name if self.weight == 1 else f"{self.name}:{self.weight:g}"


def parts(mix: str) -> tuple[Part, ...]:
    """The parts of `task@split[:weight],…`; a colon belongs to the name unless a number stands behind it.

    Raises:
        InputError: A part is empty or stands twice, or a weight is not above 0.

    >>> parts("charades@train,nextgqa@train:0.2")
    (Part(name='charades@train', weight=1.0), Part(name='nextgqa@train', weight=0.2))
    """
    found = tuple(_part(one.strip(), mix) for one in mix.split(","))
    names = [part.name for part in found]
    if not all(names) or len(set(names)) < len(names):
        raise InputError("a mix of splits, each once: task@split[:weight],…", repr(mix), "--tasks charades@train,anet@train:0.5")
    return found


def written(mix: Collection[Part]) -> str:
    """A mix as `parts` reads it."""
    return ",".join(map(str, mix))


def _part(text: str, mix: str) -> Part:
    name, colon, behind = text.rpartition(":")
    try:
        weight = float(behind) if colon else 1.0
    except ValueError:
        return Part(text)
    if not 0 < weight < math.inf:
        raise InputError("a weight above 0 behind each colon", f"{text!r} in {mix!r}", f"{name}:0.5, or leave it out")
    return Part(name if colon else text, weight)
