"""TempR1 (arXiv 2512.03963), equations 3 to 11 and algorithm 1, against values worked by hand and brute force."""

import itertools
import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import protocol
from trainers.recipe import RewardPart, load
from trainers.rewards import RecipeReward, find
from trainers.rewards.rows import Row, columns
from trainers.rewards.tempr1 import FORMS, KINDS, in_order
from trainers.terms import terms

Spans = list[list[float]]
G2: Spans = [[2, 5], [10, 14.5]]
G3: Spans = [[0, 10], [20, 30], [40, 50]]
HALVES: Spans = [[2, 3.5], [3.5, 5], [10, 12.25], [12.25, 14.5]]
WINDOWS: Spans = [[12.1, 17.1], [20, 23.5], [29.7, 33.2]]


def located(said: Spans, targets: Spans, kind: str = "instances", **settings: Any) -> float:
    inside = ", ".join(f"{start} to {end}" for start, end in said)
    text = f"<answer>B</answer><glue>{inside}</glue>" if kind == "choice" else f"<answer>{inside}</answer>"
    (value,) = find("tempr1", **settings)([text], targets=[targets], duration_s=[60.0], kind=[kind])
    assert value is not None
    return value


EQUATION_9 = [
    # R_loc = R_num + F1, R_num = exp(-|m - n| / (min(n, 3) sigma)), F1 = 2PR / (P + R), P = sIoU / m, R = sIoU / n
    (G2, G2, 2.0, 1.0),
    (G2[::-1], G2, 2.0, 1.0),
    (G2[:1], G2, 1.2731973263793002, 0.6666666666666666),
    (G2[1:], G2, 1.2731973263793002, 0.0),
    ([[0, 1], *G2], G2, 1.4065306597126335, 0.0),
    ([[3, 6], [11, 15.5]], G2, 1.5681818181818181, 0.5681818181818181),
    ([[0, 30]], G2, 0.7065306597126334, 0.06666666666666667),
    ([*G2, *G2], G2, 1.0345461078381089, 0.3333333333333333),
    (HALVES, G2, 0.7012127745047756, 0.16666666666666666),
    (G3[1:], G3, 1.5165313105737894, 0.0),
    ([*G3, [10, 11], [30, 31], [50, 51]], G3, math.exp(-1) + 2 / 3, 0.2222222222222222),
    ([[0, 20], [1, 6]], [[0, 5], [2, 19]], 1.425, 0.4722222222222222 / 2),
]


@pytest.mark.parametrize(("said", "targets", "value", "sequential"), EQUATION_9)
def test_equation_9_has_the_worked_values(said: Spans, targets: Spans, value: float, sequential: float) -> None:
    assert located(said, targets) == pytest.approx(value, abs=1e-12)
    assert located(said, targets, number=False, matching="sequential") == pytest.approx(sequential, abs=1e-12)


def test_the_best_assignment_is_better_where_a_list_overlaps_itself() -> None:
    assert located([[0, 20], [1, 6]], [[0, 5], [2, 19]], matching="best") == pytest.approx(1.7583333333333333, abs=1e-12)


@pytest.mark.parametrize(
    ("n", "m", "sigma", "value"),
    [
        *((1, m, 1.0, v) for m, v in ((1, 1.0), (2, 0.36787944117144233), (3, 0.1353352832366127), (4, 0.049787068367863944))),
        *((2, m, 1.0, v) for m, v in ((1, 0.6065306597126334), (2, 1.0), (3, 0.6065306597126334), (4, 0.36787944117144233))),
        (4, 3, 1.0, 0.7165313105737893),
        (10, 8, 1.0, 0.513417119032592),
        (25, 12, 1.0, 0.013123728736940968),
        (1, 2, 0.5, 0.1353352832366127),
        (3, 2, 0.5, 0.513417119032592),
        (1, 2, 2.0, 0.6065306597126334),
        (3, 2, 2.0, 0.8464817248906141),
    ],
)
def test_equation_6_has_the_worked_values(n: int, m: int, sigma: float, value: float) -> None:
    """R_num = exp(-|m - n| / (min(n, 3) sigma)), read off from spans that hit nothing."""
    said, targets = ([[place + 3.0 * i, place + 3.0 * i + 1] for i in range(k)] for place, k in ((1000, m), (0, n)))
    assert located(said, targets, sigma=sigma) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("said", "strict", "gt", "most"),
    [
        ([[2, 5], [6, 9], [10, 14]], 1, 1, 1),
        ([[2, 5], [6, 9]], 0, 2 / 3, 2 / 3),
        ([[6, 9], [2, 5], [10, 14]], 1 / 3, 1 / 3, 1 / 3),
        ([[2, 5], [6, 9], [10, 14], [20, 22]], 0, 1, 0.75),
        ([[3, 6], [6, 9], [10, 12]], 2 / 3, 2 / 3, 2 / 3),
    ],
)
def test_equation_4_has_the_worked_values(said: Spans, strict: float, gt: float, most: float) -> None:
    """R_loc = (1 / N) sum IoU(p_i, g_i); for m != N by the three settings."""
    for surplus, value in (("strict", strict), ("gt", gt), ("max", most)):
        found = located(said, [[2, 5], [6, 9], [10, 14]], "pairs", surplus=surplus)
        assert found == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("kind", ["union", "choice"])
@pytest.mark.parametrize(
    ("said", "targets", "value"),
    [
        (G2, G2, 1.0),
        ([[0, 30]], G2, 0.25),
        ([[2, 5]], G2, 0.4),
        ([[1, 4], [3, 6]], G2, 0.3157894736842105),
        ([[2, 3], [3, 5], [10, 14.5]], G2, 1.0),
        ([[12, 34]], WINDOWS, 0.5454545454545457),
    ],
)
def test_equation_5_has_the_worked_values(kind: str, said: Spans, targets: Spans, value: float) -> None:
    """R_loc = IoU of the union of P with the union of G."""
    assert located(said, targets, kind) == pytest.approx(value, abs=1e-12)


def total(text: str, row: Row, **settings: Any) -> tuple[float, list[float | None]]:
    """R = R_format + R_loc + 1[GVQA] R_cls (eq. 11), as the recipe adds it, and its terms."""
    parts = [
        RewardPart(part.name, part.weight, part.modes, part.kinds, part.shaped, settings if part.name == "tempr1" else {})
        for part in load("tempr1").rewards
    ]
    rules = protocol.load(FORMS[row.kind])
    asked = columns([row._replace(protocol_name=rules.name, mode="direct")])
    values = [reward(completions=[text], **asked)[0] for reward in terms(parts, {rules.name: rules}, ["direct"])]
    return sum(part.weight * value for part, value in zip(parts, values, strict=True) if value is not None), values


TG = Row("tg", ["q"], [[12.5, 17.5]], 60.0, "moment")
DTG = Row("dtg", ["a", "b", "c"], [[2, 5], [6, 9], [10, 14]], 60.0, "pairs")
VHD = Row("vhd", ["q"], G2, 60.0, "union")
GVQA = Row("gvqa", ["q"], WINDOWS, 60.0, "choice", options=("x", "y", "z"), option="B")
TAL = Row("tal", ["q"], G2, 60.0, "instances")


@pytest.mark.parametrize(
    ("row", "text", "value", "settings"),
    [
        (TG, "<answer>12.5 to 17.5</answer>", 2.0, {}),
        (TG, "<answer>10 to 20</answer>", 1.5, {}),
        (TG, "<answer>12.5 to 17.5, 20 to 22</answer>", 0.5, {}),
        (DTG, "<answer>2 to 5, 6 to 9</answer>", 1 + 2 / 3, {}),
        (VHD, "<answer>0 to 30</answer>", 1.25, {}),
        (GVQA, "<answer>B</answer><glue>12 to 34</glue>", 2.5454545454545457, {}),
        (GVQA, "<answer>A</answer><glue>12 to 34</glue>", 1.5454545454545457, {}),
        (GVQA, "<answer>B</answer>", 1.0, {}),
        (TAL, "<answer>2 to 5, 10 to 14.5</answer>", 3.0, {}),
        (TAL, "<answer>10 to 14.5</answer>", 2.2731973263793002, {}),
        (TAL, "<answer>0 to 30</answer>", 1.7065306597126334, {}),
        (TAL, "<answer>0 to 1, 2 to 5, 10 to 14.5</answer>", 2.4065306597126335, {}),
        (TAL, "<answer>0 to 1, 2 to 5, 10 to 14.5</answer>", 1.6065306597126334, {"matching": "sequential"}),
        (TAL, "<answer>0 to 1, 2 to 5, 10 to 14.5</answer>", 1.8, {"number": False}),
        *((row, text, 0.0, {}) for row in (TG, DTG, VHD, GVQA, TAL) for text in ("", "I cannot tell.")),
    ],
)
def test_whole_rewards_are_those_of_equation_11(row: Row, text: str, value: float, settings: dict[str, Any]) -> None:
    found, values = total(text, row, **settings)
    assert found == pytest.approx(value, abs=1e-12)
    assert (values[2] is None) == (row.kind != "choice")


def test_a_mixed_batch_is_scored_row_by_row() -> None:
    """Each row by the equation of its kind, in one call as the trainer makes it."""
    batch = [(TG, "<answer>10 to 20</answer>"), (TAL, "<answer>10 to 14.5</answer>"), (GVQA, "<answer>B</answer>")]
    batch += [(DTG, "<answer>2 to 5, 6 to 9</answer>"), (VHD, "<answer>0 to 30</answer>")]
    rows = [row._replace(protocol_name=FORMS[row.kind], mode="direct") for row, _ in batch]
    protocols = {name: protocol.load(name) for name in FORMS.values()}
    found = [
        reward(completions=[text for _, text in batch], prompts=[[]] * 5, **columns(rows))
        for reward in terms(load("tempr1").rewards, protocols, ["direct"])
    ]
    assert found[0] == pytest.approx([0.5, math.exp(-0.5) + 2 / 3, 0.0, 2 / 3, 0.25], abs=1e-12)
    assert found[1] == [1.0, 1.0, 0.0, 1.0, 1.0]
    assert found[2] == [None, None, 1.0, None, None]
    assert {rules.kind for rules in protocols.values()} == set(KINDS)


def monotone(table: np.ndarray) -> float:
    """Every choice of pairs that go down and right."""
    m, n = table.shape
    best = 0.0
    for k in range(min(m, n) + 1):
        for left in itertools.combinations(range(m), k):
            for right in itertools.combinations(range(n), k):
                best = max(best, float(table[list(left), list(right)].sum()))
    return best


def printed(table: np.ndarray) -> float:
    """Algorithm 1 as printed, cell by cell."""
    best = np.zeros((table.shape[0] + 1, table.shape[1] + 1))
    for i, j in itertools.product(range(table.shape[0]), range(table.shape[1])):
        best[i + 1, j + 1] = max(best[i, j + 1], best[i + 1, j], best[i, j] + table[i, j])
    return float(best[-1, -1])


def test_algorithm_1_is_the_best_of_all_monotone_matchings() -> None:
    rng = np.random.default_rng(0)
    for _ in range(2_000):
        table = rng.random(rng.integers(1, 6, 2)) * (rng.random() < 0.7)
        assert in_order(table) == printed(table) == pytest.approx(monotone(table), abs=1e-12)


def apart(draw: st.DrawFn) -> Spans:
    bounds = sorted(draw(st.sets(st.integers(0, 300), min_size=2, max_size=12)))
    return [[a / 10, b / 10] for a, b in zip(bounds[::2], bounds[1::2], strict=False)]


@given(st.data())
def test_it_is_the_best_assignment_where_no_list_overlaps_itself(data: st.DataObject) -> None:
    said, targets = (data.draw(st.composite(apart)()) for _ in range(2))
    assert located(said, targets) == pytest.approx(located(said, targets, matching="best"), abs=1e-12)


@given(st.data(), st.sampled_from(["instances", "union"]))
def test_the_order_of_a_reply_plays_no_part_but_in_pairs(data: st.DataObject, kind: str) -> None:
    said, targets = (data.draw(st.composite(apart)()) for _ in range(2))
    shuffled = data.draw(st.permutations(said))
    assert located(shuffled, targets, kind) == pytest.approx(located(said, targets, kind), abs=1e-12)


def test_five_thousand_spans_take_tens_of_milliseconds() -> None:
    rng = np.random.default_rng(1)
    table = rng.random((5_000, 128))
    begin = time.process_time()
    found = in_order(table)
    assert time.process_time() - begin < 0.5
    # With so many rows each column finds values near 1, in order.
    assert 0.98 * 128 < found <= 128


def test_silence_earns_nothing_although_equation_6_would_pay() -> None:
    reward = RecipeReward("tempr1", {"tempr1-instances": protocol.load("tempr1-instances")})
    asked = columns([TAL._replace(protocol_name="tempr1-instances", mode=mode) for mode in ("direct", "cot")])
    assert reward(completions=["", "nothing"], **asked) == [0.0, 0.0]
