"""Named evaluation plans: what to train on and what to test on when the question is generalisation."""

from typing import NamedTuple

from tasks.errors import InputError, unknown


class EvaluationPlan(NamedTuple):
    """A training split and the splits its models are tested on.

    Attributes:
        name: Name on the command line.
        train: `task@split` that models are trained on.
        evaluate: `task@split` of each test, the main one first.
        question: What the numbers answer.
    """

    name: str
    train: str
    evaluate: tuple[str, ...]
    question: str


_PLANS = (
    EvaluationPlan(
        "charades-to-anet",
        "charades@train",
        ("anet@val_2",),
        "other videos, other words: the cross-dataset setting of TempSamp-R1",
    ),
    EvaluationPlan(
        "charades-cd", "charades-cd@train", ("charades-cd@test_ood", "charades-cd@test_iid"), "moments that lie elsewhere"
    ),
    EvaluationPlan(
        "charades-cg",
        "charades-cg@train",
        ("charades-cg@novel_composition", "charades-cg@novel_word", "charades-cg@test_trivial"),
        "known words in new compositions, and new words",
    ),
)


def evaluation_plans() -> dict[str, EvaluationPlan]:
    """Every evaluation plan by name."""
    return {plan.name: plan for plan in _PLANS}


def evaluation_plan(name: str) -> EvaluationPlan:
    """An evaluation plan by name. Raises InputError, with the nearest name, if there is none."""
    plans = evaluation_plans()
    if name not in plans:
        raise InputError("the name of an evaluation plan", unknown(name, plans), "harness ls plans")
    return plans[name]
