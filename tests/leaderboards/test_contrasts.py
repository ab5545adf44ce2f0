"""Contrasts of an experiment: corrected, in a sentence each, and in words where too few videos differ."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.plan import Plan, make_plan
from harness.scoring import judge
from harness.synthetic.make import make
from leaderboards import experiment
from leaderboards.compare.paired import holm
from leaderboards.compare.result import System, compare
from leaderboards.compare.text import render
from leaderboards.compare.words import TOO_FEW


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 1, "dev": 1, "test": 30})
    return make_plan("synthetic@test", None, None, ("direct",), root)


def replies(plan: Plan, spoilt: int, seed: int = 0) -> dict[tuple[str, str], Any]:
    """The truth to every sample but the first `spoilt` in a seeded order, which get a span of 0.1 s."""
    order = np.random.default_rng(seed).permutation(len(plan.samples)).tolist()
    wrong = {plan.samples[i].id for i in order[:spoilt]}
    found = {}
    for sample in plan.samples:
        start, end = sample.truth.spans[0]
        text = f"{float(start)} to {float(start) + 0.1 if sample.id in wrong else float(end)}"
        found[sample.id, "direct"] = {
            "id": sample.id,
            "mode": "direct",
            "text": text,
            "error": None,
            "tokens": {"prompt": 1, "completion": 1},
        }
    return found


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[Path, Any]:
    """Records by folder, in the place of files."""
    kept: dict[Path, Any] = {}
    monkeypatch.setattr(experiment.store, "read_records", kept.__getitem__)
    return kept


def of(plan: Plan, written: dict[Path, Any], **spoilt: int) -> dict[str, list[Path]]:
    """Three runs of each system."""
    systems = {label: [Path(label) / str(seed) for seed in range(3)] for label in spoilt}
    for label, folders in systems.items():
        for seed, folder in enumerate(folders):
            written[folder] = replies(plan, spoilt[label], seed)
    return systems


def test_contrasts_are_those_of_compare_with_holm_over_them_alone(whole: Plan, written: dict[Path, Any]) -> None:
    systems = of(whole, written, good=5, same=6, bad=40)
    pairs = [("good", "bad"), ("good", "same")]
    found = experiment.contrasted(whole, systems, pairs, "few", first=True)
    assert [(one.a, one.b, one.primary, one.trained_on, one.seeds) for one in found] == [
        ("good", "bad", True, "few", 3),
        ("good", "same", False, "few", 3),
    ]
    for one, (a, b) in zip(found, pairs, strict=True):
        runs = [System(x, tuple(judge(whole.samples, written[f], whole.protocol, "direct") for f in systems[x])) for x in (b, a)]
        figures = compare(whole.samples, runs)["comparisons"][0]["metrics"]["mIoU"]
        assert [one.difference, *one.interval_95, one.p] == pytest.approx(
            [figures["difference"], *figures["interval_95"], figures["p"]], rel=0.01, abs=0.01
        )  # The draws of Student's law differ with the number of metrics
    assert [one.p_holm for one in found] == holm(np.array([one.p for one in found])).tolist()
    assert found[0].differs and not found[1].differs
    assert found[0].verdict.startswith(
        f"good is better than bad by {found[0].difference:.1f} mIoU over 3 seeds, more than noise (95 % +"
    )
    assert "good cannot be told apart from same over 3 seeds" in found[1].verdict and "would be found" in found[1].verdict
    text = experiment.rendered(found)
    assert "good - bad (primary)" in text and all(one.verdict in text for one in found)
    turned = experiment.contrasted(whole, systems, [("bad", "good")])
    assert turned[0].verdict.startswith("bad is worse than good by")
    assert turned[0].difference == pytest.approx(-(found[0].difference or 0))


@pytest.mark.parametrize("videos", [1, 2, 4])
def test_too_few_videos_are_said_in_words(videos: int, whole: Plan, written: dict[Path, Any]) -> None:
    """Neither `inf` nor a number that cannot be known, also over one run, whose law has no bound."""
    names = list(dict.fromkeys(sample.video for sample in whole.samples))[:videos]
    plan = replace(whole, samples=[sample for sample in whole.samples if sample.video in names])
    written |= {Path("a"): replies(plan, 1), Path("b"): replies(plan, len(plan.samples))}
    (found,) = experiment.contrasted(plan, {"a": [Path("a")], "b": [Path("b")]}, [("a", "b")])
    text = experiment.rendered([found])
    assert found.interval_95 == (None, None) and found.detectable is None
    assert TOO_FEW in text and TOO_FEW in found.verdict
    systems = [System(x, (judge(plan.samples, written[Path(x)], plan.protocol, "direct"),)) for x in ("a", "b")]
    for said in (text, render("direct", compare(plan.samples, systems))):
        assert TOO_FEW in said and " inf" not in said and "nan" not in said.lower() and "inf " not in said


def test_what_does_not_vary_is_no_matter_of_videos(whole: Plan, written: dict[Path, Any]) -> None:
    systems = of(whole, written, one=0, two=0)
    (found,) = experiment.contrasted(whole, systems, [("one", "two")])
    assert (found.difference, found.interval_95, found.p_holm) == (0.0, (0.0, 0.0), 1.0)
    assert TOO_FEW not in experiment.rendered([found])
    assert (
        found.verdict
        == "one cannot be told apart from two over 3 seeds: +0.00 mIoU is within noise (95 % +0.00 to +0.00, p 1.000 after Holm)."
    )


def test_a_finding_that_the_correction_takes_away_is_told_as_such(whole: Plan, written: dict[Path, Any]) -> None:
    systems = of(whole, written, a=5, b=6)
    (found,) = experiment.contrasted(whole, systems, [("a", "b")])
    lost = found._replace(p=0.03, p_holm=0.06, interval_95=(0.1, 2.0))
    assert not lost.differs and lost.verdict.endswith("Alone the difference would count, among these comparisons it does not.")
