"""`harness compare` on runs: real predictions against a perturbation of them by brute force, and everything it refuses."""

import json
import math
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cli import main as harness
from harness.plan import make_plan
from harness.predicted import predictions
from harness.scoring import judge
from harness.summary import score_plan
from leaderboards.compare.errors import CURVE, curve
from tasks import moments
from tasks.formats.qvhighlights import read_submission
from tasks.sample import Sample
from tasks.span import Span, exact, exact_iou

Compare = Callable[..., dict[str, Any]]


@pytest.fixture
def comparing(capsys: pytest.CaptureFixture[str]) -> Compare:
    """Run the command, and give what it prints as JSON."""

    def comparing(*runs: Path | str, **options: Any) -> dict[str, Any]:
        assert harness(arguments(*runs, json=True, **options)) == 0
        return dict(json.loads(capsys.readouterr().out))

    return comparing


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command, and give the message of its refusal."""

    def refusal(*runs: Path | str, **options: Any) -> str:
        assert harness(arguments(*runs, **options)) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        return shown.err

    return refusal


def arguments(*runs: Path | str, **options: Any) -> list[str]:
    named = [[f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)]) for name, value in options.items()]
    return ["compare", *map(str, runs), *chain.from_iterable(named)]


@pytest.fixture
def runs(benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Path]:
    """Make a run folder on the small benchmark."""

    def make(model: str, *arguments: str, name: str = "", split: str = "test") -> Path:
        folder = tmp_path / (name or model.partition(":")[0])
        options = ["--tasks", f"synthetic@{split}", "--data-root", str(benchmark_root), "--output", str(folder)]
        harness(["run", "--model", model, *options, *arguments])
        capsys.readouterr()
        return folder

    return make


def perturbed(lines: list[str]) -> Iterator[str]:
    """Half of the rows with every window moved a little, and a few without any."""
    draw = random.Random(0)
    for line in lines:
        row = json.loads(line)
        if draw.random() < 0.5:
            windows = row["pred_relevant_windows"]
            moved = [[round(max(0.0, s + draw.gauss(0, 4)), 1), round(e + draw.gauss(2, 4), 1), c] for s, e, c in windows]
            row["pred_relevant_windows"] = [w for w in moved if w[0] < w[1]]
        if draw.random() < 0.02:
            row["pred_relevant_windows"] = []
        yield json.dumps(row)


def brute(sample: Sample, path: Path, cache: dict[Path, dict[str, Any]]) -> tuple[Span | None, float, Any]:
    """First window of a sample, its best IoU in exact decimals, and the whole prediction."""
    if path not in cache:
        with path.open(encoding="utf-8") as file:
            cache[path] = dict(read_submission(file))
    prediction = cache[path][str(sample.native_id)]
    if not prediction.spans:
        return None, 0.0, prediction
    span = prediction.spans[0]
    return span, max(exact_iou(span, target) for target in sample.truth.spans), prediction


def half_width(gains: list[float], videos: list[str], resamples: int = 500) -> float:
    """Of the 95 % interval of the mean, from a plain loop that draws videos and divides by each resample's own error."""
    groups: dict[str, list[float]] = {}
    for video, gain in zip(videos, gains, strict=True):
        groups.setdefault(video, []).append(gain)

    def judge(clusters: list[list[float]]) -> tuple[float, float]:
        n = sum(map(len, clusters))
        mean = sum(map(sum, clusters)) / n
        return mean, math.sqrt(sum((sum(c) - mean * len(c)) ** 2 for c in clusters)) / n

    draw, known = random.Random(1), list(groups.values())
    mean, error = judge(known)
    drawn = (judge(draw.choices(known, k=len(known))) for _ in range(resamples))
    distances = sorted(abs(m - mean) / e for m, e in drawn)
    return distances[int(0.95 * resamples)] * error


@pytest.mark.shared_data
def test_realpredictions_against_a_perturbation_by_brute_force(
    shared_data: Path, tmp_path: Path, comparing: Compare, capsys: pytest.CaptureFixture[str]
) -> None:
    original, moved = shared_data / "qvhighlights" / "sample_val_preds.jsonl", tmp_path / "moved.jsonl"
    moved.write_text("\n".join(perturbed(original.read_text(encoding="utf-8").splitlines())) + "\n", encoding="utf-8")
    asked = {"data_root": shared_data, "task": "qvhighlights"}
    found = comparing(original, moved, **asked, protocol="default")
    (pair,) = found["modes"]["direct"]["comparisons"]
    samples = make_plan("qvhighlights", None, None, (), shared_data).samples
    cache: dict[Path, dict[str, Any]] = {}
    a, b = ([brute(sample, path, cache) for sample in samples] for path in (original, moved))

    def check(figures: dict[str, Any], left: list[float], right: list[float], videos: list[str]) -> None:
        gains = [y - x for x, y in zip(left, right, strict=True)]
        n = len(gains)
        mean = math.fsum(gains) / n
        of_video: dict[str, list[float]] = {}
        for video, gain in zip(videos, gains, strict=True):
            of_video.setdefault(video, []).append(gain - mean)
        k = len(of_video)
        error = math.sqrt(k / (k - 1) * sum(math.fsum(g) ** 2 for g in of_video.values())) / n
        assert (figures["n"], figures["videos"]) == (n, k)
        assert figures["a"] == pytest.approx(100 * math.fsum(left) / n)
        assert figures["b"] == pytest.approx(100 * math.fsum(right) / n)
        assert figures["difference"] == pytest.approx(100 * mean)
        assert figures["error"] == pytest.approx(100 * error)
        counts = Counter((gain > 1e-11) - (gain < -1e-11) for gain in gains)
        assert (figures["better"], figures["same"], figures["worse"]) == (counts[1], counts[0], counts[-1])
        assert sum(figures["interval_95"]) / 2 == pytest.approx(figures["difference"])

    every = [sample.video for sample in samples]
    gains = [100 * float(y[1] - x[1]) for x, y in zip(a, b, strict=True)]
    half = np.diff(pair["metrics"]["mIoU"]["interval_95"])[0] / 2
    assert half == pytest.approx(half_width(gains, every), rel=0.1)
    check(pair["metrics"]["mIoU"], [float(x[1]) for x in a], [float(x[1]) for x in b], every)
    for threshold in (0.3, 0.5, 0.7):
        hits = [[float(x[1] >= exact(threshold)) for x in side] for side in (a, b)]
        check(pair["metrics"][f"R1@{threshold}"], *hits, every)
    targets = [sample.truth.spans for sample in samples]
    (ranked,) = comparing(original, moved, **asked, protocol="qvh-official")["modes"]["direct"]["comparisons"]
    official = [moments.moment_retrieval([moments.windows(x[2]) for x in side], targets, "float") for side in (a, b)]
    for name in ("short", "middle", "long", "full"):
        over, up_to = moments.LENGTHS[name]
        chosen = [i for i, s in enumerate(samples) if any(over < t.end_s - t.start_s <= up_to for t in s.truth.spans)]
        precision = [[float(x) for x in scores[name].ap.mean(axis=1)[chosen]] for scores in official]
        check(ranked["metrics"][f"MR-{name}-mAP"], *precision, [every[i] for i in chosen])
    longest = [max(sample.truth.spans, key=lambda t: t.end_s - t.start_s) for sample in samples]
    numbers = {
        "video duration, s": [s.duration_s for s in samples],
        "moment length, s": [t.end_s - t.start_s for t in longest],
        "moment position, share of the video": [
            (t.start_s + t.end_s) / 2 / s.duration_s for s, t in zip(samples, longest, strict=True)
        ],
        "query length, words": [len(s.query.split()) for s in samples],
        "number of windows": [len(s.truth.spans) for s in samples],
    }
    parts = pair["breakdown"]
    assert {part["feature"] for part in parts} == numbers.keys() - {"video duration, s"}
    for part in parts:
        low, _, high = part["range"].partition(" to ")
        near = [float(f"{x:.3g}") for x in numbers[part["feature"]]]
        chosen = [i for i, x in enumerate(near) if float(low) <= x <= float(high or low)]
        assert abs(len(chosen) - part["n"]) <= 2, part
        if len(chosen) == part["n"]:
            check(part, [float(a[i][1]) for i in chosen], [float(b[i][1]) for i in chosen], [every[i] for i in chosen])
    for feature in {part["feature"] for part in parts}:
        assert sum(part["n"] for part in parts if part["feature"] == feature) == len(samples)
    for point in pair["curve"]:
        for key, side in (("a", a), ("b", b)):
            assert point[key] == pytest.approx(100 * sum(x[1] >= exact(point["IoU"]) for x in side) / len(side))
    lost = sum(x[0] is not None and y[0] is None for x, y in zip(a, b, strict=True))
    assert pair["failure_changes"] == [{"a": None, "b": "no-span", "n": lost}]
    change = {s.id: float(y[1] - x[1]) for s, x, y in zip(samples, a, b, strict=True)}
    movers = [change[mover["id"]] for mover in pair["movers"]]
    assert movers == pytest.approx(sorted(change.values())[:-6:-1] + sorted(change.values())[:5])


@pytest.mark.shared_data
@pytest.mark.parametrize("protocol", ["qvh-official", "videochat-r1.5-set", "vtimellm-percent"])
def test_means_of_the_values_are_the_scores(shared_data: Path, protocol: str) -> None:
    plan = make_plan("qvhighlights", None, protocol, (), shared_data)
    records, _ = predictions(plan, shared_data / "qvhighlights" / "sample_val_preds.jsonl")
    found = judge(plan.samples, records, plan.protocol, plan.modes[0])
    entry = score_plan(plan, records)["modes"][plan.modes[0]]
    expected = {name: value for name, value in entry["aggregate"].items() if name != "n"}
    assert found.columns.keys() == expected.keys()
    for name, column in found.columns.items():
        assert 100 * np.nanmean(column) == pytest.approx(expected[name])
    if found.kind.single:
        for threshold in set(plan.protocol.score.thresholds) & set(CURVE):
            assert np.array_equal(curve(found)[:, CURVE.index(threshold)], 100 * found.columns[f"R1@{threshold}"])


def test_several_runs_and_modes(runs: Callable[..., Path], comparing: Compare, benchmark_root: Path) -> None:
    folders = [runs(model, "--modes", "direct,cot") for model in ("middle-half", "random", "oracle")]
    found = comparing(*folders, data_root=benchmark_root)
    assert list(found["modes"]) == ["direct", "cot"]
    pairs = found["modes"]["direct"]["comparisons"]
    assert [(pair["a"], pair["b"]) for pair in pairs] == [(str(folders[0]), str(folder)) for folder in folders[1:]]
    for metric in pairs[0]["metrics"]:
        p = sorted(pair["metrics"][metric]["p"] for pair in pairs)
        corrected = sorted(pair["metrics"][metric]["p_holm"] for pair in pairs)
        assert corrected == pytest.approx([min(1, 2 * p[0]), min(1, max(2 * p[0], p[1]))])
    assert pairs[1]["metrics"]["mIoU"]["b"] == 100
    assert found["modes"]["direct"]["systems"][2]["errors"]["right"]["n"] == 36


def test_seeds_of_one_recipe(runs: Callable[..., Path], comparing: Compare, benchmark_root: Path) -> None:
    seeds = [str(runs("random", "--seed", str(seed), name=f"random{seed}")) for seed in range(3)]
    base = runs("middle-half")
    found = comparing(base, ",".join(seeds), data_root=benchmark_root)["modes"]["direct"]
    alone = [comparing(seed, data_root=benchmark_root)["modes"]["direct"]["systems"][0]["means"]["mIoU"] for seed in seeds]
    assert found["systems"][1]["runs"] == 3
    assert found["systems"][1]["means"]["mIoU"] == pytest.approx(np.mean(alone))
    assert found["systems"][1]["sd_over_runs"]["mIoU"] == pytest.approx(np.std(alone, ddof=1))
    assert found["systems"][0]["sd_over_runs"]["mIoU"] is None
    figures = found["comparisons"][0]["metrics"]["mIoU"]
    assert figures["b"] == pytest.approx(np.mean(alone))
    assert figures["error"] ** 2 > np.var(alone, ddof=1) / 3


def test_a_run_alone_is_diagnosed(runs: Callable[..., Path], comparing: Compare, benchmark_root: Path) -> None:
    found = comparing(runs("random"), data_root=benchmark_root)["modes"]["direct"]
    assert found["comparisons"] == []
    (system,) = found["systems"]
    assert sum(kind["mIoU"] for kind in system["errors"].values()) == pytest.approx(100 - system["means"]["mIoU"])


def test_text_names_what_was_compared(
    runs: Callable[..., Path], benchmark_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third = runs("middle-half"), runs("random"), runs("whole-video")
    assert harness(arguments(f"{first},{third}", second, data_root=benchmark_root)) == 0
    text = capsys.readouterr().out
    for words in ("synthetic v1, split test", "36 queries of 12 videos", f"B  {second}", "B - A", "±", "R1@0.5", "shifted"):
        assert words in text
    assert "LIMITED" not in text
    assert "FORCED" not in text
    assert text.startswith("B random ")
    assert "This verdict speaks of these runs (1 against 2), not of other seeds" in text.split("\n\n")[0]
    table = [line for line in text.splitlines() if line.strip().startswith(("mIoU (primary)", "R1@0.5 "))]
    assert [("*" in line) for line in table] == [False, True]


def test_a_run_without_scores_is_scored_on_the_spot(runs: Callable[..., Path], comparing: Compare, benchmark_root: Path) -> None:
    first, second = runs("middle-half"), runs("random")
    whole = comparing(first, second, data_root=benchmark_root)
    (second / "scores.json").unlink()
    assert comparing(first, second, data_root=benchmark_root) == whole
    assert not (second / "scores.json").exists()


def test_only_common_samples_are_compared_and_it_says_so(
    runs: Callable[..., Path], comparing: Compare, benchmark_root: Path
) -> None:
    whole, part = runs("middle-half"), runs("random", "--limit", "5")
    found = comparing(whole, part, data_root=benchmark_root)
    assert found["n"] == 5
    assert found["limited"]
    assert not comparing(whole, data_root=benchmark_root)["limited"]


def test_other_splits_and_protocols_are_refused_unless_forced(
    runs: Callable[..., Path], comparing: Compare, refusal: Callable[..., str], benchmark_root: Path
) -> None:
    first = runs("middle-half")
    other = runs("random", "--protocol", "default", name="other")
    assert "protocol synthetic" in refusal(first, other, data_root=benchmark_root)
    forced = comparing(first, other, data_root=benchmark_root, force=True)
    assert len(forced["forced"]) == 1
    under_one = comparing(first, other, data_root=benchmark_root, protocol="default")
    assert under_one["forced"] == []
    assert len(under_one["asked_under"]) == 2
    elsewhere = runs("random", name="elsewhere", split="dev")
    assert "split test" in refusal(first, elsewhere, data_root=benchmark_root)
    assert "in common" in refusal(first, elsewhere, data_root=benchmark_root, force=True)


def test_runs_without_common_samples_or_modes_are_refused(
    runs: Callable[..., Path], refusal: Callable[..., str], benchmark_root: Path
) -> None:
    first = runs("random", "--limit", "1", name="first")
    others = (runs("random", "--limit", "1", "--seed", str(seed), name=f"limit{seed}") for seed in range(1, 10))
    ids = json.loads((first / "samples.jsonl").read_text())["id"]
    other = next(o for o in others if json.loads((o / "samples.jsonl").read_text())["id"] != ids)
    assert "samples in common" in refusal(first, other, data_root=benchmark_root)
    thinking = runs("random", "--modes", "cot", name="thinking")
    assert "mode" in refusal(first, thinking, data_root=benchmark_root)


def test_a_broken_run_is_refused_and_left_as_it_is(
    runs: Callable[..., Path], refusal: Callable[..., str], benchmark_root: Path, tmp_path: Path
) -> None:
    whole = runs("random")
    samples, run = (whole / name for name in ("samples.jsonl", "run.json"))
    text, document = samples.read_text(), json.loads(run.read_text())
    lines = text.splitlines(keepends=True)
    elsewhere = {**document["spec"], "split_sha256": "0" * 64}
    cases = {
        "torn": ({"samples.jsonl": text[:-20]}, "cut short"),
        "short": ({"samples.jsonl": "".join(lines[:-2])}, "2 of 36 questions lack a record"),
        "bad": ({"samples.jsonl": lines[0] + "{]\n" + "".join(lines[1:])}, "line 2"),
        "newer": ({"run.json": json.dumps({**document, "schema": "vtg-harness/run/2"})}, "vtg-harness/run/2"),
        "going on": ({"run.json": json.dumps({**document, "status": "running"})}, "is running"),
        "another split": ({"run.json": json.dumps({**document, "spec": elsewhere})}, "00000000"),
    }
    for name, (files, words) in cases.items():
        broken = tmp_path / name
        shutil.copytree(whole, broken)
        for file, content in files.items():
            (broken / file).write_text(content)
        assert words in refusal(whole, broken, data_root=benchmark_root), name
        for file, content in files.items():
            assert (broken / file).read_text() == content
    (tmp_path / "short" / "samples.jsonl").unlink()
    assert "no such file" in refusal(whole, tmp_path / "short", data_root=benchmark_root)


def test_what_is_no_run_is_refused(
    runs: Callable[..., Path], refusal: Callable[..., str], benchmark_root: Path, tmp_path: Path
) -> None:
    whole = runs("random")
    assert "no run.json" in refusal(whole, tmp_path, data_root=benchmark_root)
    assert f"no {tmp_path / 'x'}" in refusal(whole, tmp_path / "x", data_root=benchmark_root)
    assert "--task" in refusal(whole, whole / "samples.jsonl", data_root=benchmark_root)
    assert "each run once" in refusal(whole, whole, data_root=benchmark_root)
    assert "each run once" in refusal(f"{whole},{whole.parent}/./{whole.name}", data_root=benchmark_root)
