"""The sentence on top of comparisons: what it claims, and of what it speaks."""

from typing import Any

import pytest

from leaderboards.compare.verdict import called, verdict


def figures(**changed: Any) -> dict[str, Any]:
    return {"n": 90, "difference": 5.7, "interval_95": [2.0, 9.4], "p": 0.003, "p_holm": 0.012, "detectable": 5.2} | changed


SCOPE = "This verdict speaks of these two checkpoints, not of their recipes: seeds of one recipe can differ as much."


def test_two_checkpoints_are_not_their_recipes() -> None:
    said = verdict("B", "A", "mIoU", figures())
    assert said == f"B is better than A by 5.7 mIoU, more than noise (95 % +2.00 to +9.40, p 0.003). {SCOPE}"
    turned = verdict("B", "A", "mIoU", figures(difference=-5.7, interval_95=[-9.4, -2.0]))
    assert turned.startswith("B is worse than A by 5.7 mIoU, more than noise (95 % -9.40 to -2.00")


def test_recipes_over_seeds_need_no_second_sentence() -> None:
    assert verdict("B", "A", "mIoU", figures(), (3, 3)) == (
        "B is better than A by 5.7 mIoU over 3 seeds, more than noise (95 % +2.00 to +9.40, p 0.003)."
    )
    assert "over 3 and 5 seeds" in verdict("B", "A", "mIoU", figures(), (3, 5))


@pytest.mark.parametrize("runs", [(1, 3), (2, 2), (3, 1)])
def test_with_few_seeds_their_spread_is_told_where_it_is_known(runs: tuple[int, int]) -> None:
    said = verdict("B", "A", "mIoU", figures(), runs, sd=3.21)
    place = f"({runs[0]} against {runs[1]})"
    assert said.endswith(f"This verdict speaks of these runs {place}, not of other seeds, whose standard deviation is 3.2 mIoU.")


def test_noise_says_what_would_be_found() -> None:
    said = verdict("B", "A", "mIoU", figures(difference=1.2, interval_95=[-1.0, 3.4], p=0.3), (3, 3))
    assert said.endswith("+1.20 mIoU is within noise (95 % -1.00 to +3.40, p 0.300). A difference of 5.2 would be found.")


def test_a_correction_is_named_and_what_it_takes_away() -> None:
    assert "p 0.012 after Holm" in verdict("B", "A", "mIoU", figures(), corrected=True)
    said = verdict("B", "A", "mIoU", figures(p=0.03, p_holm=0.09), (3, 3), corrected=True)
    assert "cannot be told apart" in said
    assert said.endswith("Alone the difference would count, among these comparisons it does not.")


def test_nothing_is_claimed_of_too_few_videos() -> None:
    alone = figures(difference=8.0, interval_95=[None, None], p=None, p_holm=None, detectable=None)
    assert verdict("B", "A", "mIoU", alone) == "B against A: too few videos to tell."


@pytest.mark.parametrize("sentence", verdict("a recipe", "another recipe", "mIoU", figures()).split(". "))
def test_sentences_are_short(sentence: str) -> None:
    assert len(sentence.split()) <= 25


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["runs/a/test"], ["runs/a/test"]),
        (["cells/grpo/lr=1/runs/x@test", "cells/sft/lr=2/runs/x@test"], ["A grpo/lr=1", "B sft/lr=2"]),
        (["a", "runs/a"], ["A a", "B runs/a"]),
        (["/a/b", "/a/b/c"], ["A b", "B b/c"]),
        (["x/sft/0,x/sft/1", "x/grpo/0,x/grpo/1"], ["A sft", "B grpo"]),
    ],
)
def test_systems_are_called_by_what_differs(names: list[str], expected: list[str]) -> None:
    assert called(names) == expected
