"""The live line of a run ends at the value that its table shows."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.models.trivial import trivial
from harness.plan import make_plan
from harness.progress import Progress
from harness.records import make_record
from harness.scoring import judge
from tasks import protocol
from tasks.question import Question
from tasks.sample import make_samples, one_query
from tasks.span import Span

CLIPS = [[0, 0, 0]] * 5 + [[4, 2, 3]] * 5 + [[0, 1, 0]] + [[0, 0, 0]] * 9
SAMPLES = make_samples(
    "t", [one_query(f"v{i}", 40.0, f"q{k}", [Span(10.0, 22.0 + k)], clips=CLIPS) for i in range(4) for k in range(3)]
)


@pytest.mark.parametrize("name", protocol.names())
@pytest.mark.parametrize("model", ["oracle", "random"])
def test_the_line_equals_the_final_value_under_every_protocol(benchmark_root: Path, name: str, model: str) -> None:
    rules = protocol.load(name)
    mode = next(iter(rules.prompt.modes))
    samples = SAMPLES
    if rules.kind == "choice":
        samples = [replace(s, options=("a", "b"), truth=replace(s.truth, option="B")) for s in samples]
    plan = replace(make_plan("synthetic", None, None, None, benchmark_root), protocol=rules, samples=samples, modes=(mode,))
    answering = trivial(model, rules, list, 0)
    assert answering is not None
    questions = [Question(sample, mode, rules) for sample in samples]
    replies = zip(questions, answering.answer(None, questions), strict=True)
    records = [make_record(question, reply) for question, reply in replies]
    with Progress(len(records), [plan]) as progress:
        for i in range(0, len(records), 3):
            progress.update(records[i : i + 3], 0.0)
    scored = judge(samples, {(record["id"], mode): record for record in records}, rules, mode)
    assert progress.values[0] == pytest.approx(scored.means()[scored.main])
