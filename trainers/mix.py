"""Splits that are trained on together, each with a weight: `charades@train,nextgqa@train:0.2`."""

import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from harness.plan import Plan
from tasks.errors import InputError
from tasks.question import Question


class Part(NamedTuple):
    """One split of a mix."""

    plan: Plan  # The split and the rules of its prompts
    weight: float = 1.0  # Share of its samples in an epoch; above 1 they repeat

    @property
    def name(self) -> str:
        """As it is typed: `task@split`, with its weight where that is not 1."""
        return self.plan.name if self.weight == 1 else f"{self.plan.name}:{self.weight:g}"


def parse(text: str) -> list[tuple[str, float]]:
    """Names and weights of `task@split[:weight],…`. Raises InputError on a weight that is none, or a name that comes twice."""
    found: list[tuple[str, float]] = []
    for entry in filter(None, text.split(",")):
        name, colon, weight = entry.rpartition(":")
        number = _number(weight) if colon else None
        # A path may hold a colon.
        found.append((entry, 1.0) if number is None else (name, number))
    for name, share in found:
        if not 0 < share < math.inf:
            raise InputError("a weight above 0", f"{name}:{share:g}", f"{name}:0.5, or leave {name} out")
    names = [name for name, _ in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError("every split once", f"{twice[0]} twice", f"{twice[0]}:2 takes its samples twice an epoch")
    if not found:
        raise InputError("a split to train on", repr(text), "--tasks charades@train")
    return found


class Share(NamedTuple):
    """The questions of one part that can be trained on."""

    questions: Sequence[Question]
    name: str = ""  # Of the part, by which its draws differ from those of others
    weight: float = 1.0  # Of the part

    def drawn(self, epoch: str) -> list[Question]:
        """`round(weight * n)` of n questions, at least one: each as often as the weight is whole, the rest by a seeded draw."""
        count = len(self.questions)
        whole, rest = divmod(max(1, round(self.weight * count)), count)
        chosen = Random(f"{epoch}/{self.name}").sample(range(count), rest)
        return [*self.questions] * whole + [self.questions[index] for index in sorted(chosen)]


def questions_of(shares: Sequence[Share]) -> list[Question]:
    """All questions, share by share."""
    return [question for share in shares for question in share.questions]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
