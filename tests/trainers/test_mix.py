"""Several tasks in one training: what is drawn, in which order, and what each row is worth."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.frames import Frames
from tasks import protocol
from tasks.answer import Answer
from tasks.errors import Failure, InputError
from tasks.parsers import reader
from tasks.question import Question
from tasks.sample import Sample, one_query
from tasks.span import Span
from trainers.curriculum import curriculum
from trainers.examples import Examples, columns
from trainers.given_answers import ground_truth
from trainers.methods.advantages import flat, group_relative, mixed
from trainers.methods.rollout_metrics import ParseRateWatch, RolloutMetrics, expected_best
from trainers.mix import Share, parse
from trainers.rewards.shape import shape_nonlinear

RULES = protocol.load("default")


def questions(task: str, count: int) -> list[Question]:
    made = [one_query(f"v{i}", 10.0, f"q{i}", [Span(1.0, 4.0)]) for i in range(count)]
    named = [replace(sample, id=f"{task}/{sample.video}", task=task) for sample in made]
    return [Question(sample, "direct", RULES, Path(f"{sample.video}.mp4")) for sample in named]


def test_a_mix_as_it_is_typed() -> None:
    assert parse("charades@train,nextgqa@train:0.2,anet-tal@train:2") == [
        ("charades@train", 1.0), ("nextgqa@train", 0.2), ("anet-tal@train", 2.0),
    ]  # fmt: skip
    assert parse("C:own/data.jsonl") == [("C:own/data.jsonl", 1.0)]
    assert parse("own.jsonl:0.5") == [("own.jsonl", 0.5)]


@pytest.mark.parametrize(
    ("text", "message"),
    [("a:0", "a weight above 0"), ("a:-1", "a weight above 0"), ("a:inf", "above 0"), ("a:nan", "above 0"), ("a,b,a", "a twice"),
     ("", "a split to train on"), (",", "a split to train on")],
)  # fmt: skip
def test_a_mix_that_is_none(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(text)


def test_one_task_is_trained_on_in_the_order_it_always_had() -> None:
    """The order of version 0.2: a shuffle of the samples, seeded by training and epoch."""
    asked, expected = questions("a", 7), []
    for epoch in range(2):
        order = list(asked)
        Random(f"3/{epoch}").shuffle(order)
        expected += [question.sample.id for question in order]
    assert [row["id"] for row in curriculum([Share(asked, "a@train")], ["direct", "direct"], 3)] == expected


@given(count=st.integers(1, 20), weight=st.floats(0.01, 4.0), seed=st.integers(0, 5))
def test_a_weight_decides_how_many_rows_are_drawn(count: int, weight: float, seed: int) -> None:
    rows = curriculum([Share(questions("a", count), "a", weight), Share(questions("b", 3), "b")], ["direct"], seed)
    drawn = Counter(row["id"] for row in rows if row["id"].startswith("a/"))
    assert sum(drawn.values()) == max(1, round(weight * count))
    assert max(drawn.values()) - min([*drawn.values()] if len(drawn) == count else [0]) <= 1
    assert sum(row["id"].startswith("b/") for row in rows) == 3


def test_epochs_draw_anew_and_tasks_lie_among_one_another() -> None:
    shares = [Share(questions("a", 40), "a", 0.25), Share(questions("b", 10), "b")]
    rows = curriculum(shares, ["direct", "direct"], 0)
    first, second = rows[:20], rows[20:]
    assert {row["id"] for row in first} != {row["id"] for row in second}
    assert rows == curriculum(shares, ["direct", "direct"], 0) != curriculum(shares, ["direct", "direct"], 1)
    tasks = "".join(row["id"][0] for row in first)
    assert "ab" in tasks and "ba" in tasks and tasks not in ("a" * 10 + "b" * 10, "b" * 10 + "a" * 10)


def test_a_broken_video_is_replaced_within_its_task(load: Callable[..., tuple[Any, Any, Examples]]) -> None:
    inputs = load("qwen3_vl")[2]
    asked = [*questions("a", 6), *questions("b", 6)]
    broken = {asked[1].video, asked[7].video}

    def read(path: Path, *rest: Any) -> Frames | Failure:
        return Failure("broken-video", "no frames") if path in broken else inputs._read(path, *rest)

    examples = Examples(asked, inputs.inputs, read)
    for question in asked:
        taken, _ = examples.take(columns(question))
        assert taken["id"].split("/")[0] == question.sample.task
    assert set(examples.replaced) == {"a/v1", "b/v1"}


def sample(kind: str) -> tuple[Sample, protocol.Protocol]:
    spans = (Span(2.0, 5.0), Span(10.0, 14.5))
    spans = spans if kind in ("pairs", "union", "instances") else spans[:1]
    queries = ("a", "b") if kind == "pairs" else ("a",)
    truth = Answer(spans, option="B" if kind == "choice" else None)
    options = ("x", "y", "z") if kind == "choice" else ()
    rules = protocol.form("tempr1", [kind])
    return Sample(
        video="v", duration_s=30.0, queries=queries, truth=truth, options=options, id=f"t/v/{kind}", task=f"t-{kind}"
    ), rules


@pytest.mark.parametrize("kind", ["moment", "pairs", "union", "choice", "instances"])
@pytest.mark.parametrize("mode", ["direct", "cot"])
def test_the_given_answer_of_every_kind_is_read_as_the_truth(kind: str, mode: str) -> None:
    asked, rules = sample(kind)
    read = reader(rules)(ground_truth(asked, rules, mode), asked.duration_s)
    assert read.failure is None and read.option == asked.truth.option
    assert [tuple(map(float, span)) for span in read.spans] == [tuple(span) for span in asked.truth.spans]


def test_a_window_that_loses_its_length_to_the_decimals_does_not_spoil_the_given_answer() -> None:
    asked, rules = sample("choice")
    asked = replace(asked, truth=replace(asked.truth, spans=(Span(1.0, 3.0), Span(5.001, 5.004), Span(6.0, 6.0))))
    read = reader(rules)(ground_truth(asked, rules, "direct"), 30.0)
    assert read.failure is None and [tuple(map(float, span)) for span in read.spans] == [(1.0, 3.0)]


def test_advantages_of_a_mixed_batch_are_taken_within_the_group() -> None:
    """TempR1, eq. 1, for groups of two kinds whose rewards have the ranges 2 and 3: by hand, with TRL's 1e-4 beside std.

    Scaled over the batch the first entries would be 0.70726 and 1.86196: the kind of the larger range would drown the other.
    """
    rewards = torch.tensor([[2.0, 1.5, 1.0, 1.0], [3.0, 1.4, 1.2, 0.0]], dtype=torch.float64)
    found = group_relative(rewards)
    assert found[:, 0].tolist() == pytest.approx([1.30531, 1.29767], abs=5e-6)
    batch = (rewards - rewards.mean()) / (rewards.flatten().std() + 1e-4)
    assert batch[:, 0].tolist() == pytest.approx([0.70726, 1.86196], abs=5e-6)


def test_shaping_takes_the_share_of_the_largest_reward() -> None:
    """TempSamp-R1, eq. 4, is stated of rewards up to 1; twice the rewards with twice the top are shaped alike."""
    small = torch.tensor([[0.2, 0.5, 0.9, 1.0]])
    none = torch.zeros_like(small)
    once, twice = mixed(small, none, "nonlinear", scale=False), mixed(2 * small, none, "nonlinear", False, torch.tensor([[2.0]]))
    assert twice.flatten().tolist() == pytest.approx([2 * value for value in once.flatten().tolist()], abs=1e-6)
    shaped = [shape_nonlinear(value) for value in (0.2, 0.5, 0.9, 1.0)]
    assert once.flatten().tolist() == pytest.approx([value - sum(shaped) / 4 for value in shaped], abs=1e-6)


def test_a_reply_that_no_reward_scores_leaves_its_group() -> None:
    accuracy = torch.tensor([[0.2, torch.nan, 0.6, 1.0]])
    for shaping in ("none", "downscale", "nonlinear", "anchor"):
        found = mixed(accuracy, torch.full_like(accuracy, torch.nan), shaping)
        without = mixed(accuracy[:, [0, 2, 3]], torch.full((1, 3), torch.nan), shaping)
        assert found[0, 1] == 0
        assert found[0, [0, 2, 3]].tolist() == pytest.approx(without[0].tolist(), abs=1e-6)


def test_groups_without_variance() -> None:
    groups = torch.tensor([[1.0, 1.0, torch.nan], [0.0, 1.0, 1.0], [torch.nan] * 3])
    assert flat(groups) == {0, 2}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.integers(1, 6))
def test_expected_best_is_the_mean_over_all_choices(values: list[float], k: int) -> None:
    from itertools import combinations

    best = [max(chosen) for chosen in combinations(values, min(k, len(values)))]
    assert expected_best(values, k) == pytest.approx(sum(best) / len(best), abs=1e-12)


def test_figures_of_own_replies_do_not_know_the_given_answer_nor_its_place() -> None:
    """Three own replies of four and of three say the same: the best of three, without the truth that stands beside them."""
    asked = questions("a", 1)[0]
    rows = [columns(asked)] * 4
    texts = ["<answer> 1.0 to 4.0 </answer>", "nothing", "<answer> 2.0 to 4.0 </answer>", "<answer> 1.0 to 4.0 </answer>"]
    figures = RolloutMetrics({"default": RULES}, 3)
    given_last = figures(0, rows, texts, [True, True, True, False], [1.0, 0.0, 2 / 3, 1.0])
    alone = figures(0, rows[:3], texts[:3], [True] * 3, [1.0, 0.0, 2 / 3])
    assert given_last == alone and alone["top1_iou/q50"] == 1.0 and alone["own/reward"] == pytest.approx(5 / 9)
    assert alone["parse_rate"] == pytest.approx(2 / 3) and alone["own/frac_reward_zero_std"] == 0
    four = figures(0, rows, texts, [True] * 4, [1.0, 0.0, 2 / 3, 1.0])
    assert four["top1_iou/q50"] == pytest.approx((3 * 1.0 + 1.0) / 4)


def test_a_parse_rate_that_halves_is_told_once() -> None:
    told: list[str] = []
    watch = ParseRateWatch(told.append)
    for rate in [0.9] * 12 + [0.5] * 12 + [0.3] * 20:
        watch.on_log(None, None, None, {"parse_rate": rate})
    watch.on_log(None, None, None, {"loss": 1.0})
    assert len(told) == 1 and "90% could" in told[0]
    steady: list[str] = []
    watch = ParseRateWatch(steady.append)
    for rate in [0.2] * 10 + [0.6] * 20:
        watch.on_log(None, None, None, {"parse_rate": rate})
    assert steady == []
