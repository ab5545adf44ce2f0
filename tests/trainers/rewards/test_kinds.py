"""Which rewards score which protocols, terms of a recipe by kind, and that nothing earns more than the given answer."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks import kinds, protocol
from tasks.answer import Answer
from tasks.errors import InputError
from tasks.parsers.rewards import tempsamp
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.sample import Sample, make_samples
from tasks.say import blind, say
from tasks.span import Span
from trainers import recipe
from trainers.examples import columns
from trainers.given_answers import ground_truth
from trainers.recipe import RewardPart
from trainers.rewards import RecipeReward, find, fitting, maximum, names
from trainers.rewards.fit import kinds_of
from trainers.rewards.hostile import replies
from trainers.terms import terms

PROTOCOLS = {name: protocol.load(name) for name in protocol.names()}
SPANS = (Span(4.0, 10.0), Span(20.0, 32.0), Span(50.0, 54.0))
"""On a grid of hundredths of the video, whole seconds and clips of 2 s, so that no protocol rounds them."""
DURATION_S = 100.0


def sample_of(kind: str) -> Sample:
    """A question of that kind in which every annotator agrees."""
    liked = {clip for span in SPANS for clip in range(int(span.start_s) // 2, int(span.end_s) // 2)}
    clips = tuple((4, 4, 4) if clip in liked else (0, 0, 0) for clip in range(int(DURATION_S) // 2))
    spans = SPANS[:1] if kind == "moment" else SPANS
    made = Sample(video="v", duration_s=DURATION_S, queries=("a dog",), truth=Answer(spans))
    if kind == "pairs":
        made = replace(made, queries=("it sits", "it runs", "it barks"), truth=Answer((SPANS[1], SPANS[0], SPANS[2])))
    if kind == "choice":
        made = replace(made, options=("red", "blue", "green"), truth=Answer(spans, option="B"))
    if kind in ("highlights", "clips"):
        made = replace(made, truth=Answer(spans if kind == "highlights" else (), clips=clips))
    return make_samples("t", [made])[0]


def others(sample: Sample, rules: Protocol) -> Iterator[str]:
    """Hostile replies, and answers that are wrong, blind or drawn at random, in the words of the protocol."""
    yield from replies(1)
    rng = np.random.default_rng(0)
    for span in (Span(0.0, DURATION_S), Span(30.0, 90.0), *SPANS):
        yield say(blind(span, sample, rules), sample, rules)
    marks = tuple((2.0 * clip, float(rng.integers(1, 5))) for clip in range(50))
    for _ in range(20):
        bounds = np.sort(rng.choice(100, 2 * int(rng.integers(1, 5)), replace=False)).tolist()
        spans = tuple(Span(float(a), float(b)) for a, b in zip(bounds[::2], bounds[1::2], strict=True))
        kept = tuple(mark for mark in marks if rng.random() < 0.3)
        yield say(Answer(spans, marks=kept or marks, option=str(rng.choice(list("ABC")))), sample, rules)


CASES = [(name, mode) for name, rules in PROTOCOLS.items() for mode in rules.prompt.modes]
FORMS = {
    **dict.fromkeys(("think_answer", "museg_format", "videochat_gqa_format"), "direct"),
    "answer_only": "cot",
}
"""Rewards for the form of one mode, with the mode in which the given answer does not have it; there a recipe leaves them out."""
LESS = {
    **{(each, "videochat-r1.5-gqa"): "says one span of three" for each in ("set_iou", "tempr1", "videochat_gqa", "wasserstein")},
    ("score", "vue-tr"): "an IoU of 1 is not above the last of its 101 levels",
    ("score", "qvh-hl-timesuite-span"): "says one span of three",
}
"""Where the given answer earns less than the largest value, and why."""


def earned(reward: Any, question: Question, texts: list[str]) -> list[float | None]:
    row = columns(question)
    asked = {key: [value] * len(texts) for key, value in row.items() if key != "prompt"}
    found: list[float | None] = reward(completions=texts, **asked)
    return found


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_no_reply_earns_more_than_the_given_answer(name: str, mode: str) -> None:
    """For every reward that can score the protocol; and the given answer earns the largest value that the reward names."""
    rules = PROTOCOLS[name]
    sample = sample_of(rules.kind)
    question, texts = Question(sample, mode, rules), [ground_truth(sample, rules, mode), *others(sample, rules)]
    assert "score" in fitting(rules)
    for each in fitting(rules):
        given, *found = earned(RecipeReward(each, {name: rules}), question, texts)
        if FORMS.get(each) == mode:
            assert given == 0.0
            continue
        # That of the open implementation of TempSamp-R1 pays for an answer tag, under any protocol.
        missed = 0.1 if each == "tempsamp_release" and not tempsamp.well_formed(texts[0]) else 0.0
        assert given is not None
        assert all(value is None or value <= given + missed + 1e-9 for value in found), each
        if (each, name) not in LESS:
            assert given + missed == pytest.approx(maximum(each, rules.kind), abs=1e-3), each


def test_where_less_is_earned_is_all_that_is_known() -> None:
    for each, name in LESS:
        rules = PROTOCOLS[name]
        question = Question(sample_of(rules.kind), "direct", rules)
        (given,) = earned(RecipeReward(each, {name: rules}), question, [ground_truth(question.sample, rules, "direct")])
        assert given is not None and given < maximum(each, rules.kind) - 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_decimals_of_a_protocol_are_what_the_given_answer_loses(seed: int) -> None:
    """Times of any length are said to the protocol's decimals: an IoU of no less than two roundings of both bounds leave."""
    start, end = sorted(np.random.default_rng(seed).uniform(1, DURATION_S - 1, 2).tolist())
    sample = make_samples("t", [Sample(video="v", duration_s=DURATION_S, queries=("q",), truth=Answer((Span(start, end),)))])[0]
    for name in ("default", "synthetic", "timelens", "tempr1"):
        rules = PROTOCOLS[name]
        digits = 0 if rules.score.round_prediction == "integer" else rules.answer.decimals
        said = [round(start, digits), round(end, digits)]
        question = Question(sample, "direct", rules)
        found = {
            each: earned(RecipeReward(each, {name: rules}), question, [ground_truth(sample, rules, "direct")])
            for each in ("iou", "tempr1")
        }
        share = (min(said[1], end) - max(said[0], start)) / (max(said[1], end) - min(said[0], start))
        assert found["iou"] == [pytest.approx(share, abs=1e-9)] and found["tempr1"] == pytest.approx(found["iou"])


REFUSED = [
    ("iou", "qvh-hl-aligned", "iou scores moment, windows, and qvh-hl-aligned asks for highlights"),
    ("timestamp", "default", "timestamp scores highlights"),
    ("timestamp", "qvh-hl-flat", "saliency"),
    ("timestamp", "qvh-hl-timesuite-span", "times and scores"),
    ("tempr1", "qvh-official", "scores moment, pairs, union, choice, instances"),
    ("tempr1_option", "tempr1", "scores choice"),
    ("timezero", "synthetic", "pays 0 of 1 for a true answer in the words of synthetic"),
    ("museg", "default", "pays 0 of 2"),
    ("museg_format", "default", "pays 0.2 of 1"),
    ("think_answer", "tempr1-choice", "think_answer scores"),
    ("think_answer", "timelens", "pays 0 of 1"),
    ("videochat_gqa", "tempr1-choice", "pays 0 of 1"),
    ("videochat_r1_5", "tempr1-union", "pays 0 of 1"),
]


@pytest.mark.parametrize(("name", "rules", "words"), REFUSED)
def test_a_reward_that_cannot_score_a_protocol_is_refused(name: str, rules: str, words: str) -> None:
    for refused in (lambda: find(name, PROTOCOLS[rules]), lambda: RecipeReward(name, {rules: PROTOCOLS[rules]})):
        with pytest.raises(InputError, match=words) as error:
            refused()
        assert "score" in str(error.value)
    assert name not in fitting(PROTOCOLS[rules])


def test_a_wrong_setting_is_named_before_anything_else() -> None:
    with pytest.raises(InputError, match="matching: dp, sequential, best"):
        find("tempr1", PROTOCOLS["tempr1-instances"], matching="greedy")
    with pytest.raises(InputError, match=r"release: r1, r1\.5"):
        RecipeReward("videochat_gqa", {"x": PROTOCOLS["videochat-r1-gqa"]}, settings={"release": "r2"})


def test_a_users_own_file_may_name_its_kinds(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("def own(completions, **_):\n    return [1.0 for _ in completions]\n")
    assert kinds_of(RecipeReward(str(file), {"d": PROTOCOLS["qvh-hl-flat"]})._rewards["d"]) == kinds.NAMES
    file.write_text('KINDS = ("moment", "choice")\n' + file.read_text())
    assert kinds_of(RecipeReward(f"{file}:own", {"d": PROTOCOLS["default"]})._rewards["d"]) == ("moment", "choice")
    with pytest.raises(InputError, match="scores moment, choice"):
        RecipeReward(str(file), {"d": PROTOCOLS["default"], "h": PROTOCOLS["qvh-hl-flat"]})
    limited = RecipeReward(str(file), {"d": PROTOCOLS["default"], "h": PROTOCOLS["qvh-hl-flat"]}, kinds=("moment",))
    assert limited(completions=["", ""], mode=["direct"] * 2, protocol_name=["h", "d"]) == [None, 1.0]


def test_terms_count_by_kind_and_mode() -> None:
    protocols = {name: PROTOCOLS[name] for name in ("default", "tempr1-choice", "qvh-hl-aligned")}
    parts = (
        RewardPart("iou", kinds=("moment",)),
        RewardPart("tempr1_option", kinds=["choice"]),
        RewardPart("timestamp", kinds=("highlights",)),
        RewardPart("format", modes=("cot",)),
    )
    rows = [Question(sample_of(rules.kind), mode, rules) for rules in protocols.values() for mode in ("direct", "cot")]
    asked: dict[str, list[Any]] = {}
    for question in rows:
        for key, value in columns(question).items():
            asked.setdefault(key, []).append(value)
    said = [ground_truth(question.sample, question.protocol, question.mode) for question in rows]
    found = [reward(completions=said, **asked) for reward in terms(parts, protocols, ("direct", "cot"))]
    assert found[0] == [1.0, 1.0, None, None, None, None]
    assert found[1] == [None, None, 1.0, 1.0, None, None]
    assert found[2][:4] == [None] * 4 and found[2][4:] == [pytest.approx(1.0)] * 2
    assert found[3] == [None, 1.0] * 3


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([RewardPart("iou", kinds=("moment",))], r"a reward for rows of tempr1-choice \(choice, direct\)"),
        ([RewardPart("score", modes=("cot",))], r"rows of default \(moment, direct\)"),
        ([], "none"),
        ([RewardPart("iou")], "iou scores moment"),
    ],
)
def test_rows_that_nothing_scores_are_refused(parts: list[RewardPart], words: str) -> None:
    with pytest.raises(InputError, match=words):
        terms(parts, {name: PROTOCOLS[name] for name in ("default", "tempr1-choice")}, ("direct", "cot"))


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("kinds: [choise]", "nearest: choice"),
        ("kinds: [tal]", "kinds: choice, clips"),
        ("kinds: moment", "a list"),
        ("modes: [ct]", "nearest: cot"),
    ],
)
def test_wrong_kinds_and_modes_of_a_recipe_are_refused(part: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"method: grpo\nrewards: [{{name: iou, {part}}}]\n", encoding="utf-8")
    with pytest.raises(InputError, match=words):
        recipe.load(str(path))


FOR = {
    "tempr1": ("tempr1", "tempr1-pairs", "tempr1-union", "tempr1-choice", "tempr1-instances"),
    "tempr1-gspo": ("synthetic", "synthetic-pairs", "synthetic-union", "synthetic-choice", "synthetic-instances"),
    "tempsamp-highlights": ("qvh-hl-aligned",),
    "videochat-r1-gqa": ("videochat-r1-gqa",),
    "videochat-r1-5-gqa": ("videochat-r1.5-gqa",),
    "museg": ("museg", "museg-tal"),
    "museg-stage-2": ("museg-tal",),
}


@pytest.mark.parametrize("name", FOR)
def test_recipes_score_the_protocols_that_they_are_for(name: str) -> None:
    loaded = recipe.load(name)
    protocols = {each: PROTOCOLS[each] for each in FOR[name]}
    assert loaded.protocol in (None, FOR[name][0])
    for rules in protocols.values():
        question = Question(sample_of(rules.kind), loaded.epochs[-1], rules)
        texts = [ground_truth(question.sample, rules, question.mode), ""]
        values = [earned(reward, question, texts) for reward in terms(loaded.rewards, protocols, loaded.epochs)]
        true, silent = ([value[i] or 0.0 for value in values] for i in (0, 1))
        most = sum(
            maximum(part.name, rules.kind, **part.settings) for part in loaded.rewards if part.counts(rules.kind, question.mode)
        )
        # The answer under `videochat-r1.5-gqa` says one span of three.
        assert sum(true) == pytest.approx(most - (5 / 11 if name == "videochat-r1-5-gqa" else 0), abs=1e-3)
        assert sum(silent) == 0


def test_every_reward_names_kinds_that_exist_and_scores_some_protocol() -> None:
    scored = {each for rules in PROTOCOLS.values() for each in fitting(rules)}
    assert scored == set(names())
    for name in names():
        assert set(kinds_of(find(name))) <= set(kinds.NAMES)
