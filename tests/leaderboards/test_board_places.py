"""The places of a ranking against pairs compared one by one, and boards whose rows are re-scored, chosen or read from files."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from harness.cli import main
from leaderboards.board.places import Judged, places, said
from leaderboards.board.rows import PUBLISHED, RUN, TRIVIAL, Identity, Number, Row
from leaderboards.compare.paired import over_seeds
from tasks.metrics import Floats
from tasks.question import Question

BASE = Identity(1, "a" * 64, "default", "b" * 64)
VIDEOS = [f"v{i // 3}" for i in range(90)]


def row(model: str, value: float | None, kind: str = RUN, interval: tuple[float, float] | None = None) -> Row:
    return Row(kind, "charades", "test", model, "direct", {"mIoU": Number(value, interval)}, main="mIoU", identity=BASE)


def told_apart(a: Floats, b: Floats) -> bool:
    """Whether a comparison of two runs finds a difference at 95 %."""
    found = over_seeds([a[:, None]], [b[:, None]], VIDEOS)
    return bool(found.p[0] <= 0.05)


@pytest.mark.parametrize("seed", range(4))
def test_a_place_counts_the_rows_that_are_told_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    easy = rng.uniform(0, 60, 90)
    values = sorted((easy + shift + rng.normal(0, 25, 90) for shift in (0, 3, 9, 20, 21)), key=lambda v: -v.mean())
    rows = [row(f"m{i}", float(v.mean())) for i, v in enumerate(values)]
    expected = []
    for i, mine in enumerate(values):
        others = [(float(v.mean()) > float(mine.mean()), told_apart(mine, v)) for j, v in enumerate(values) if j != i]
        first = 1 + sum(above and apart for above, apart in others)
        last = 1 + sum(above or not apart for above, apart in others)
        expected.append(f"{first}" if first == last else f"{first}–{last}")
    assert places(rows, "mIoU", Judged({i: [v] for i, v in enumerate(values)}, VIDEOS)) == expected
    assert len(set(expected)) > 1


def test_a_paper_is_told_apart_by_the_interval_of_a_run_and_never_from_a_paper() -> None:
    rows = [
        row("high", 70, PUBLISHED),
        row("mine", 60, interval=(55, 65)),
        row("near", 58, PUBLISHED),
        row("low", 40, PUBLISHED),
        row("none", None, PUBLISHED),
    ]
    assert places(rows, "mIoU", Judged({}, VIDEOS)) == ["1–3", "2–3", "1–4", "2–4", "-"]


def test_the_sentence_speaks_of_the_two_best_or_of_one_and_the_best_baseline() -> None:
    rng = np.random.default_rng(0)
    low, high = rng.uniform(0, 40, 90), rng.uniform(50, 90, 90)
    rows = [row("good", float(high.mean()), interval=(60, 80)), row("bad", float(low.mean()))]
    judged = Judged({0: [high], 1: [low]}, VIDEOS)
    assert said(rows, [], "mIoU", judged).startswith("Best runs: ") and "good" in said(rows, [], "mIoU", judged)
    alone = said(rows[:1], [row("whole-video", 23.5, TRIVIAL), row("middle-half", 24.8, TRIVIAL)], "mIoU", judged)
    assert "middle-half" in alone and "whole-video" not in alone
    assert said([row("paper", 50, PUBLISHED)], [], "mIoU", judged) == ""


def cells(text: str) -> list[dict[str, str]]:
    """The rows of a board in Markdown that are runs or files, by head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    head = [cell.strip() for cell in lines[0].strip("|").split("|")]
    return [dict(zip(head, (c.strip() for c in line.strip("|").split("|")), strict=True)) for line in lines[2:]]


@pytest.fixture
def shown(benchmark_root: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def show(*typed: str | Path) -> str:
        capsys.readouterr()
        assert main(["board", *map(str, typed), "--data-root", str(benchmark_root)]) == 0
        return capsys.readouterr().out

    return show


def test_columns_are_shown_in_the_order_that_is_asked(
    said_run: Callable[..., Path], benchmark_root: Path, shown: Callable[..., str]
) -> None:
    run = said_run(benchmark_root, lambda _: "1 to 4")
    found = cells(shown(run, "--columns", "R1@0.5,model,mIoU", "--format", "md"))
    aggregate = json.loads((run / "scores.json").read_text())["modes"]["direct"]["aggregate"]
    assert [list(one) for one in found] == [["R1@0.5", "model", "mIoU"]] * len(found)
    mine = next(one for one in found if one["model"] == "sayer")
    assert mine == {"R1@0.5": f"{aggregate['R1@0.5']:.2f}", "model": "sayer", "mIoU": mine["mIoU"]}
    assert mine["mIoU"].startswith(f"{aggregate['mIoU']:.2f}")


def test_another_protocol_scores_the_replies_again(
    said_run: Callable[..., Path], benchmark_root: Path, shown: Callable[..., str]
) -> None:
    """Of `From 0 to 0.5. <answer>3 to 9</answer>` lmms-eval's rule takes the first span, and the default the answer."""

    def both(question: Question) -> str:
        first, *_ = question.sample.truth.spans
        return f"From 0 to 0.5. <answer>{first.start_s} to {first.end_s}</answer>"

    run = said_run(benchmark_root, both)
    asked = ("--columns", "model,protocol,mIoU", "--format", "md")
    content: dict[str, Any] = json.loads((benchmark_root / "synthetic" / "test.json").read_text())
    true = [moment for video in content.values() for moment in video["timestamps"]]
    first = fmean(max(min(end, 0.5) - start, 0) / (max(end, 0.5)) for start, end in true)
    for name, expected in (("default", 100.0), ("lmms-charades", 100 * first)):
        (mine,) = [one for one in cells(shown(run, "--protocol", name, *asked)) if one["model"] == "sayer"]
        assert mine["protocol"].startswith(f"{name} (")
        assert float(mine["mIoU"].split()[0].strip("*")) == pytest.approx(expected, abs=0.005)


def test_files_of_predictions_are_ranked_rows(tmp_path: Path, benchmark_root: Path, shown: Callable[..., str]) -> None:
    content: dict[str, Any] = json.loads((benchmark_root / "synthetic" / "test.json").read_text())
    files = {name: tmp_path / f"{name}.jsonl" for name in ("Exact", "Half")}
    for name, file in files.items():
        replies = [
            {
                "video": video,
                "query": query,
                "response": f"<answer>{start} to {end if name == 'Exact' else (start + end) / 2}</answer>",
            }
            for video, one in content.items()
            for query, (start, end) in zip(one["sentences"], one["timestamps"], strict=True)
        ]
        file.write_text("".join(json.dumps(reply) + "\n" for reply in replies))
    named = [text for name, file in files.items() for text in ("--name", f"{file}={name}")]
    text = shown(*files.values(), "--tasks", "synthetic", *named, "--columns", "model,mIoU,rank", "--format", "md")
    found = {one["model"]: (one["mIoU"].split()[0], one["rank"]) for one in cells(text) if one["model"] in files}
    assert found == {"Exact": ("**100.00**", "1"), "Half": ("<u>50.00</u>", "2")}


PAPER = """
paper: Mine
source: here
tables:
- table: 1
  title: T
  benchmarks: {synthetic: {split: test, metrics: mIoU}}
  rows:
  - {method: strong, base: B, zero_shot: no, results: {synthetic: {trained: yes, protocol: timelens, values: "99.90"}}}
"""


def test_the_command_that_a_board_names_puts_a_run_beside_a_published_row(
    said_run: Callable[..., Path], benchmark_root: Path, tmp_path: Path, shown: Callable[..., str]
) -> None:
    run = said_run(benchmark_root, lambda _: "1 to 4")
    (paper := tmp_path / "mine.yaml").write_text(PAPER)

    def blocks(*typed: str) -> dict[str, str]:
        (section,) = json.loads(shown(run, "--published", str(paper), "--format", "json", *typed))["sections"]
        return {row["model"]: row["block"] for row in section["rows"] if row["kind"] in ("run", "published")}

    assert blocks() == {"sayer": "ranked", "strong": "below"}
    text = shown(run, "--published", str(paper))
    (named,) = re.findall(r"`harness board RUN (--protocol \w+)`", text)
    assert "1 published row under timelens" in text and "`harness run --protocol timelens`" in text
    assert blocks(*named.split()) == {"sayer": "ranked", "strong": "ranked"}
