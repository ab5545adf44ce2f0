"""Parsing, scoring, hashing and the harness's own share of a run, on generated data of the real sizes.

Run: make bench
"""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.models import trivial
from harness.plan import make_plan
from harness.records import make_record
from harness.run import run
from harness.scores import score
from tasks import protocol
from tasks.parsers import parser
from tasks.question import Question
from tasks.sample import Sample, make_samples, one_query, split_sha256
from tasks.span import Span

LONGEST_S = 2.0
ANET_TRAIN, ANET_VAL_2 = (10_009, 37_421), (4_885, 17_031)
FORMS = (
    "<answer> {a:.2f} to {b:.2f} </answer>",
    "<think>The person enters at {a:.1f} s and leaves.</think>\n<answer>{a:.1f}s - {b:.1f}s</answer>",
    "<think>" + "Nothing happens between 1 and 2. " * 40 + "</think> from {a:.2f} seconds to {b:.2f} seconds",
    "<answer>{b:.2f} to {a:.2f}</answer>",
    "I cannot tell.",
)


def rows(videos: int, queries: int) -> list[Sample]:
    draw = random.Random(0)
    result = []
    for i in range(queries):
        start = draw.randrange(0, 10_000) / 100
        result.append(one_query(f"v_{i % videos:011d}", 120.5, f"A person does thing {i}.", (Span(start, start + 10.25),)))
    return result


def write_benchmark(root: Path, content: dict[str, Any], queries: int) -> None:
    """Annotations in the form of `synthetic`."""
    folder = root / "synthetic"
    folder.mkdir()
    (folder / "test.json").write_text(json.dumps(content))
    split = {"file": "test.json", "sha256": None, "videos": len(content), "queries": queries}
    (folder / "manifest.json").write_text(json.dumps({"splits": {"test": split}}))


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return make_samples("anet", rows(*ANET_VAL_2))


def test_parse_10000_replies(benchmark: BenchmarkFixture) -> None:
    read = parser(protocol.load("default").answer)
    draw = random.Random(1)
    replies = [draw.choice(FORMS).format(a=a, b=a + 9) for a in (draw.random() * 100 for _ in range(10_000))]
    predictions = benchmark(lambda: [read(reply) for reply in replies])
    assert {p.failure for p in predictions} == {None, "reversed-span", "no-answer"}


def test_score_17031_samples(benchmark: BenchmarkFixture, samples: list[Sample]) -> None:
    rules = protocol.load("default")
    model = trivial.trivial("random", rules, list, 0)
    assert model is not None
    questions = [Question(s, "direct", protocol.load("default")) for s in samples]
    replies = model.answer(None, questions)
    records = {(q.sample.id, "direct"): make_record(q, r) for q, r in zip(questions, replies, strict=True)}
    scores = benchmark.pedantic(lambda: score(samples, records, rules, ("direct",)), rounds=5)
    assert scores["modes"]["direct"]["aggregate"]["n"] == 17_031


def test_score_command_on_17031_replies(benchmark: BenchmarkFixture, samples: list[Sample], tmp_path: Path) -> None:
    """`harness score` on a file of replies, from its start to the table with floors and ceilings."""
    content: dict[str, Any] = {}
    for sample in samples:
        entry = content.setdefault(sample.video, {"duration": sample.duration_s, "timestamps": [], "sentences": []})
        entry["timestamps"].append(sample.truth.spans[0])
        entry["sentences"].append(sample.query)
    write_benchmark(tmp_path, content, len(samples))
    draw = random.Random(2)
    with (tmp_path / "replies.jsonl").open("w") as file:
        for sample in make_plan("synthetic", None, None, ("direct",), tmp_path).samples:
            start = draw.random() * 100
            file.write(json.dumps({"id": sample.id, "text": draw.choice(FORMS).format(a=start, b=start + 9)}) + "\n")
    typed = [str(Path(sys.executable).with_name("harness")), "score", "replies.jsonl", "--data-root", "."]
    typed += ["--task", "synthetic", "--protocol", "default"]
    done = benchmark.pedantic(subprocess.run, (typed,), {"cwd": tmp_path, "capture_output": True, "check": True}, rounds=5)
    assert b"17031/17031" in done.stdout and b"oracle-grid" in done.stdout
    if benchmark.enabled:
        assert benchmark.stats.stats.median < LONGEST_S


def test_ids_of_activitynet_train(benchmark: BenchmarkFixture) -> None:
    table = rows(*ANET_TRAIN)
    assert len(benchmark.pedantic(lambda: make_samples("anet", table), rounds=5)) == 37_421


def test_split_hash_of_activitynet_train(benchmark: BenchmarkFixture) -> None:
    samples = make_samples("anet", rows(*ANET_TRAIN))
    assert len(benchmark.pedantic(lambda: split_sha256(samples), rounds=5)) == 64


def test_harness_overhead_over_the_bare_model(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """A whole run of 4,000 questions with a model that answers at once: what is left is the harness."""
    content = {
        f"v{i:05d}": {"duration": 30, "timestamps": [[1, 9]] * 4, "sentences": [f"thing {i} {k}" for k in range(4)]}
        for i in range(1_000)
    }
    write_benchmark(tmp_path, content, 4_000)
    plan = make_plan("synthetic", None, None, ("direct",), tmp_path)
    model = trivial.trivial("whole-video", plan.protocol, list, 0)
    assert model is not None
    runs = iter(range(100))

    def whole_run() -> Any:
        return run(plan, tmp_path / f"run{next(runs)}", lambda: model, lambda _: pytest.fail("no video is needed")).scores

    scores = benchmark.pedantic(whole_run, rounds=3)
    benchmark.extra_info["ms_per_question"] = 1000 * benchmark.stats.stats.median / 4_000 if benchmark.stats else None
    assert scores["modes"]["direct"]["coverage"] == 1.0
