"""Every reward on any text, and against the printed equations in exact or independent arithmetic."""

import ast
import inspect
import itertools
import math
import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trainers.rewards
from harness.scores import score
from tasks import protocol
from tasks.errors import InputError
from tasks.sample import make_samples, one_query
from tasks.span import Span
from trainers.rewards import find, gauntlet, names, settings_of
from trainers.rewards.fit import kinds_of
from trainers.rewards.hostile import LINES, TOKENS
from trainers.rewards.rows import Row, default_words, spoken
from trainers.rewards.shape import shape_nonlinear

THINK = "<think>from {start} to {end}</think>"
TEMPLATES = {
    "museg": THINK + "<answer>{start}-{end}</answer>",
    "museg_format": THINK + "<answer>{start}-{end}</answer>",
    "videochat_r1_5": "<answer>[({start}, {end})]</answer>",
    "answer_only": "<answer>{start} to {end}</answer>",
    "temporal_r1": THINK + '<answer>{"start_time": "{start}", "end_time": "{end}"}</answer>',
    "think_answer": THINK + "<answer>{start} to {end}</answer>",
}
"""A reply of one moment as each reward wants it; as `think_answer` where nothing is said."""
WORDS = {
    **dict.fromkeys(("museg", "museg_format"), "museg-tal"),
    **dict.fromkeys(("timezero", "time_r1", "videochat_r1", "timelens", "tempsamp_release"), "default"),
    **dict.fromkeys(("videochat_gqa", "videochat_gqa_format", "videochat_answer"), "videochat-r1-gqa"),
    "videochat_r1_5": "videochat-r1.5-set",
    "temporal_r1": "temporal-r1",
}
"""In the words of which protocol each reward wants to be answered, where it is not the one of the kind."""
MODES = {
    **dict.fromkeys(
        ("think_answer", "think_answer, TimeLens", "museg_format", "museg_format, stage 2", "videochat_gqa_format"), "cot"
    ),
    **dict.fromkeys(("answer_only", "temporal_r1", "videochat_gqa_format, R1.5"), "direct"),
}
"""Whether with a thought, where the mode of the row does not matter."""
SPOKEN = sorted({name for name in names() if "moment" in kinds_of(find(name))} - {"tempr1_format"})
"""Rewards that a reply of one moment in one form can earn."""
RANGES = dict.fromkeys(names(), (0.0, 1.0))
RANGES |= {"museg": (0.0, 2.0), "tempr1": (0.0, 2.0), "time_r1": (-1.0, 1.0), "tempsamp_release": (0.0867, 0.9019)}
VARIANTS: dict[str, tuple[str, dict[str, Any], tuple[float, float]]] = {
    **{name: (name, {}, RANGES[name]) for name in names()},
    "iou, signed": ("iou", {"signed": True}, (-1.0, 1.0)),
    "iou, signed, timelens": ("iou", {"signed": True, "protocol": protocol.load("timelens")}, (-1.0, 1.0)),
    "iou, timezero": ("iou", {"protocol": protocol.load("timezero")}, (0.0, 1.0)),
    "tempsamp_release, plain": ("tempsamp_release", {"shaped": False}, (0.0, 1.1)),
    "museg_format, stage 2": ("museg_format", {"timestamps": False}, (0.0, 1.0)),
    "think_answer, TimeLens": ("think_answer", {"strip": False}, (0.0, 1.0)),
    "format, synthetic": ("format", {"protocol": protocol.load("synthetic")}, (0.0, 1.0)),
    "tempr1, in turn": ("tempr1", {"matching": "sequential", "sigma": 0.5, "surplus": "gt"}, (0.0, 2.0)),
    "tempr1, best": ("tempr1", {"matching": "best", "number": False, "surplus": "strict"}, (0.0, 1.0)),
    "wasserstein, 3": ("wasserstein", {"beta": 3.0}, (0.0, 1.0)),
    "videochat_gqa, R1.5": ("videochat_gqa", {"release": "r1.5"}, (0.0, 1.0)),
    "videochat_gqa_format, R1.5": ("videochat_gqa_format", {"release": "r1.5"}, (0.0, 1.0)),
    "timestamp, TimeChat": ("timestamp", {"protocol": protocol.load("qvh-hl-timechat")}, (0.0, 1.0)),
}
BLIND = ("format", "think_answer", "answer_only", "museg_format")
"""Rewards that look at neither kind nor truth: they are tried on moments, choices and instances alone."""


def words(name: str, kind: str) -> protocol.Protocol:
    """The protocol in whose words a variant is answered about a kind."""
    module, bound, _ = VARIANTS[name]
    known = bound.get("protocol") or (protocol.load(WORDS[module]) if module in WORDS else default_words(kind))
    return replace(protocol.load("youtube-highlights") if kind == "clips" else known, kind=kind)


GAUNTLET = [
    (name, kind)
    for name, (module, bound, _) in sorted(VARIANTS.items())
    if name not in ("timestamp, TimeChat", "iou, signed, timelens")
    for kind in kinds_of(find(module))
    if ("protocol" not in bound or bound["protocol"].kind == kind)
    and (module not in BLIND or kind in ("moment", "choice", "instances"))
]
"""Without two that round, or read clips one late: there a perfect answer is not the best one."""

TEXTS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from([*LINES, *TOKENS]), max_size=12).map("".join))
TENTHS = st.integers(0, 300).map(lambda n: n / 10)
SPANS = st.tuples(TENTHS, TENTHS).filter(lambda span: span[0] != span[1]).map(lambda span: sorted(span))
SALIENCY = st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=15, max_size=15)
ROWS = st.fixed_dictionaries(
    {
        "completion": TEXTS,
        "targets": SPANS.map(lambda span: [span]),
        "duration_s": st.just(30.0),
        "mode": st.sampled_from(["direct", "cot"]),
        "saliency": st.none() | SALIENCY,
        "kind": st.sampled_from(["moment", "pairs", "union", "choice", "instances", "windows"]),
        "queries": st.just(["a dog"]),
        "options": st.just(["x", "y", "z"]),
        "option": st.none() | st.sampled_from("ABC"),
        "grid": st.just([]),
    }
)
DEFAULTS = {
    "duration_s": 30.0,
    "mode": "cot",
    "saliency": None,
    "kind": "moment",
    "queries": ["a dog"],
    "options": [],
    "option": None,
    "grid": [],
}


def values(reward: Callable[..., list[float | None]], rows: Sequence[dict[str, Any]]) -> list[float | None]:
    columns = {name: [row[name] for row in rows] for name in rows[0] if name != "completion"} if rows else {}
    columns = columns or {name: [] for name in ("targets", *DEFAULTS)}
    return reward([row["completion"] for row in rows], **columns)


def worth(name: str, text: str, targets: list[list[float]], **row: Any) -> float:
    bound = {key: row.pop(key) for key in list(row) if key in settings_of(find(name))}
    found = values(find(name, **bound), [{"completion": text, "targets": targets, **DEFAULTS, **row}])[0]
    assert found is not None
    return found


def says(name: str, span: Sequence[float]) -> str:
    return TEMPLATES.get(name, TEMPLATES["think_answer"]).replace("{start}", str(span[0])).replace("{end}", str(span[1]))


@pytest.mark.parametrize("name", VARIANTS)
@settings(max_examples=40)
@given(rows=st.lists(ROWS, max_size=6), seed=st.integers(0, 9))
def test_bounded_and_row_by_row_in_any_order(name: str, rows: list[dict[str, Any]], seed: int) -> None:
    reward = find(VARIANTS[name][0], **VARIANTS[name][1])
    low, high = VARIANTS[name][2]
    batch = values(reward, rows)
    assert all(value is None or low - 1e-12 <= value <= high + 1e-12 for value in batch)
    assert batch == [values(reward, [row])[0] for row in rows]
    order = random.Random(seed).sample(range(len(rows)), len(rows))
    assert values(reward, [rows[i] for i in order]) == [batch[i] for i in order]


@pytest.mark.parametrize(("name", "kind"), GAUNTLET)
def test_gauntlet(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What grows with the square of a reply's length takes here what it may take of 50,000 characters, divided by 25 / 4.
    monkeypatch.setattr(gauntlet, "LONG", 20_000)
    monkeypatch.setattr(gauntlet, "SLOW_S", 0.32)
    module, bound, _ = VARIANTS[name]
    known = words(name, kind)
    reward = find(module, protocol=known, **{key: value for key, value in bound.items() if key != "protocol"})

    def answer(row: Row) -> str:
        return spoken(row._replace(mode=MODES.get(name, row.mode)), known)

    assert dict(gauntlet.examine(reward, answer, kinds=(kind,))[0]) == {}


def exact_iou(a: Sequence[float], b: Sequence[float]) -> Fraction:
    """By counting tenths of a second."""
    left, right = (set(range(round(10 * span[0]), round(10 * span[1]))) for span in (a, b))
    return Fraction(len(left & right), len(left | right))


def printed_eq4(reward: float) -> float:
    """TempSamp-R1, eq. 4, in another arithmetic: decimals of 28 digits."""
    r, tau, alpha1, alpha2 = (Decimal(str(value)) for value in (reward, "0.8", "0.01", "1"))
    if r >= tau:
        return float(tau + alpha1 * ((r - tau) + 1).ln())
    return float(tau - ((alpha2 * (tau - r)).exp() - 1) / (alpha2.exp() - 1))


@given(SPANS, SPANS)
def test_rewards_of_one_span_equal_their_equations(span: list[float], target: list[float]) -> None:
    iou = exact_iou(span, target)
    start, end = (1 - abs(Fraction(str(a)) - Fraction(str(b))) / 30 for a, b in zip(span, target, strict=True))
    equations = {name: float(iou) for name in ("iou", "timezero", "videochat_r1", "videochat_r1_5", "timelens")}
    equations |= {
        "time_r1": float(iou * start * end),
        "temporal_r1": float(iou / 2) + 0.5,
        "tempsamp_release": printed_eq4(float(iou)) + 0.1,
    }
    for name, expected in equations.items():
        assert worth(name, says(name, span), [target]) == pytest.approx(expected, abs=1e-9), name
    (s, e), (t, f) = span, target
    signed = (min(e, f) - max(s, t)) / (max(e, f) - min(s, t))
    assert worth("iou", says("iou", span), [target], signed=True) == pytest.approx(signed, abs=1e-12)
    assert max(signed, 0) == pytest.approx(float(iou), abs=1e-9)


def printed_museg(segments: list[list[float]], targets: list[list[float]]) -> float:
    """Global: F1 of covered time, counted in tenths. Local: GIoU by its definition."""
    cells = {cell for s, e in segments for cell in range(round(10 * s), round(10 * e))}
    shared = sum(len(cells & set(range(round(10 * s), round(10 * e)))) for s, e in targets) / 10
    precision, recall = shared / (len(cells) / 10 + 1e-6), shared / (sum(e - s for s, e in targets) + 1e-6)
    size = max(len(segments), len(targets))
    left, right = (spans + [[1e9, 1e9 + 1]] * (size - len(spans)) for spans in (segments, targets))
    local = []
    for (s, e), (t, f) in zip(left, right, strict=True):
        intersection = max(0.0, min(e, f) - max(s, t))
        union, hull = e - s + f - t - intersection, max(e, f) - min(s, t)
        local.append((1 + intersection / union - (hull - union) / hull) / 2)
    return 2 * precision * recall / (precision + recall + 1e-6) + sum(local) / size


@given(st.lists(SPANS, min_size=1, max_size=4), st.lists(SPANS, min_size=1, max_size=4))
def test_segment_matching_equals_its_definition(segments: list[list[float]], targets: list[list[float]]) -> None:
    text = f"<answer>{' '.join(f'{s}-{e}' for s, e in segments)}</answer>"
    assert worth("museg", text, targets) == pytest.approx(printed_museg(segments, targets), abs=1e-6)


@given(st.dictionaries(st.integers(0, 14), st.integers(0, 40).map(lambda n: n / 10), min_size=1), SALIENCY)
def test_timestamp_equals_precision_recall_and_weighted_error(marks: dict[int, float], saliency: list[list[int]]) -> None:
    truth = {clip: sum(scores) / 3 for clip, scores in enumerate(saliency) if sum(scores)}
    text = f"the {', '.join(str(2 * clip) for clip in marks)} seconds, scores {', '.join(str(value) for value in marks.values())}"
    row = {**DEFAULTS, "completion": text, "targets": [[0.0, 2.0]], "saliency": saliency}
    found = values(find("timestamp"), [row])[0]
    if not truth:
        assert found is None
        return
    right = len(truth.keys() & marks.keys())
    precision, recall = right / len(marks), right / len(truth)
    f2 = 5 * precision * recall / (4 * precision + recall) if right else 0.0
    total = math.fsum(g**2 for g in truth.values())
    error = math.fsum(g**2 / total * (marks.get(clip, 0.0) - g) ** 2 for clip, g in truth.items())
    assert found == pytest.approx(0.6 * f2 + 0.4 / (1 + error), abs=1e-9)


@given(SPANS, st.lists(SPANS, min_size=2, max_size=6))
def test_a_better_iou_never_earns_less(target: list[float], spans: list[list[float]]) -> None:
    """Where the reward is a function of IoU alone; those of Time-R1 and MUSEG are not."""
    ranked = sorted(spans, key=lambda span: exact_iou(span, target))
    for name in ("iou", "timezero", "videochat_r1", "videochat_r1_5", "timelens", "temporal_r1", "tempsamp_release"):
        earned = [worth(name, says(name, span), [target]) for span in ranked]
        assert all(a <= b + 1e-12 for a, b in itertools.pairwise(earned)), name


@given(SPANS, TEXTS)
def test_the_gold_answer_earns_the_most(target: list[float], text: str) -> None:
    for name in SPOKEN:
        gold = worth(name, says(name, target), [target])
        assert gold >= worth(name, text, [target]) - 1e-9, name
        assert gold == pytest.approx(
            1.0 if name == "tempr1" else RANGES[name][1], abs=1e-3 if name == "museg" and target[1] - target[0] > 0.01 else 1e-4
        )


WORKED = {0.0: 0.0868, 0.3: 0.4225, 0.5: 0.5964, 0.7: 0.7388, 0.8: 0.8, 1.0: 0.8018}


@pytest.mark.parametrize("reward", WORKED)
def test_shaping_has_the_worked_values(reward: float) -> None:
    assert round(shape_nonlinear(reward), 4) == WORKED[reward]
    assert shape_nonlinear(reward) == pytest.approx(printed_eq4(reward), abs=1e-12)


@given(st.floats(-1, 2), st.floats(-1, 2), st.floats(0.1, 0.9), st.floats(0.001, 1), st.floats(0.1, 4))
def test_shaping_increases_and_is_continuous(a: float, b: float, tau: float, alpha1: float, alpha2: float) -> None:
    shaped = [shape_nonlinear(reward, tau, alpha1, alpha2) for reward in sorted((a, b))]
    assert shaped[0] <= shaped[1]
    below = shape_nonlinear(math.nextafter(tau, -1), tau, alpha1, alpha2)
    assert below == pytest.approx(shape_nonlinear(tau, tau, alpha1, alpha2), abs=1e-12)
    assert shape_nonlinear(tau, tau, alpha1, alpha2) == tau


def test_shaping_keeps_nan() -> None:
    assert math.isnan(shape_nonlinear(math.nan))


@pytest.mark.parametrize("name", ["default", "timezero", "timelens", "museg", "vtimellm-percent"])
@settings(max_examples=40)
@given(text=TEXTS, target=SPANS)
def test_iou_is_what_the_harness_scores(name: str, text: str, target: list[float]) -> None:
    rules = protocol.load(name)
    mode = next(iter(rules.prompt.modes))
    sample = make_samples("t", [one_query("v", 30.0, "q", (Span(*target), Span(0.0, 3.0)))])[0]
    record = {(sample.id, mode): {"text": text, "error": None}}
    scored = score([sample], record, rules, (mode,))["modes"][mode]["samples"][0]["value"]
    assert worth("iou", text, [target, [0.0, 3.0]], protocol=rules) == scored


def test_names_and_settings() -> None:
    assert {"iou", "format", "timestamp", "time_r1", "museg", "tempsamp_release"} <= set(names())
    assert not {"common", "fit", "gauntlet", "hostile", "rows", "shape", "user"} & set(names())
    for name in names():
        assert find(name).__name__ == name
        columns = {*inspect.getfullargspec(find(name)).kwonlyargs} - {*settings_of(find(name))}
        assert columns <= {"targets", *DEFAULTS}
    bound = find("iou", signed=True)
    assert isinstance(bound, partial) and bound.func.__name__ == "iou"
    assert pickle.loads(pickle.dumps(bound))(["<answer>1 to 2</answer>"], targets=[[[1, 2]]], duration_s=[9]) == [1.0]


@pytest.mark.parametrize(
    ("name", "bound", "words"),
    [
        ("iuo", {}, "nearest: iou"),
        ("common", {}, "a reward: "),
        ("iou", {"sigend": True}, "nearest: signed"),
        ("timezero", {"signed": True}, "none"),
    ],
)
def test_wrong_names_are_refused_with_the_nearest(name: str, bound: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        find(name, **bound)


def test_a_mode_and_a_protocol_that_do_not_fit_are_refused() -> None:
    row = {**DEFAULTS, "completion": "", "targets": [[1.0, 2.0]], "mode": "cott", "saliency": [[1, 1, 1]] * 4}
    with pytest.raises(InputError, match="nearest: cot"):
        values(find("format"), [row])
    with pytest.raises(InputError, match="saliency"):
        values(partial(find("timestamp"), protocol=protocol.load("qvh-hl-flat")), [row])


def test_replies_are_read_by_parsers_only_and_without_torch() -> None:
    for path in Path(trainers.rewards.__file__).parent.glob("*.py"):
        imported = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Import)]
        assert not {"re", "torch"} & {alias.name for node in imported for alias in node.names}, path
    code = "import sys; from trainers.rewards import find, names; [find(n) for n in names()]; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
