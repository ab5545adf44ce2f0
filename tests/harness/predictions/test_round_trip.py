"""What the harness writes, it reads back: the same value, spans and failure of every sample, whatever the replies hold."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness import export, store
from harness.plan import Plan, make_plan
from harness.predicted import predictions
from harness.records import Record
from harness.summary import judge_plan, score_plan
from tasks import protocol
from tasks.answer import Answer
from tasks.errors import InputError
from tasks.span import Span

MODES = ("direct", "cot")
PROTOCOLS = ("default", "synthetic", "vtimellm-percent", "tempsamp-timelens", "videochat-r1.5-set", "trace")

anything = st.text(max_size=30) | st.text(alphabet="\"'\n\r\t,;=+-@\\ \u2028\ud83d\N{GRINNING FACE}1.:<>answer", max_size=30)
replies = st.builds(
    lambda before, form, start, length, after: before + form.format(start, start + length) + after,
    st.just("") | anything,
    st.sampled_from(["<answer>{} to {}</answer>", "from {:.2f} to {:.2f}", "{} - {}", "\ud83d{}\ud83d to {}", "'=[({}, {})]"]),
    st.integers(0, 40),
    st.integers(-3, 9),
    st.just("") | anything,
)
times = st.floats(0, 40) | st.integers(-1, 40)
moments = st.builds(Span, times, times)


@st.composite
def given_moments(draw: st.DrawFn) -> Answer:
    spans = tuple(draw(st.lists(moments, max_size=3)))
    scores = draw(st.just(()) | st.just(tuple(i / 7 for i in range(len(spans)))))
    return Answer(spans, None if spans else draw(st.sampled_from(["no-span", "bad-number"])), scores)


errors = st.builds(lambda kind, words: {"type": kind, "message": words}, st.sampled_from(["missing-video", "no-row"]), anything)
records = st.one_of(
    (replies | anything).map(lambda text: {"error": None, "text": text}),
    given_moments().map(lambda prediction: {"error": None, "prediction": prediction}),
    errors.map(lambda error: {"error": error, "text": None}),
    st.none(),
)


def values(plan: Plan, records: Mapping[tuple[str, str], Record]) -> dict[str, Any]:
    modes = score_plan(plan, records)["modes"]
    return {mode: (entry["samples"], entry.get("counts"), entry["aggregate"]) for mode, entry in modes.items()}


QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
"""A row of a table tells as much as the smallest one, and every try writes three files."""


def plan_of(benchmark_root: Path, name: str) -> Plan:
    modes = tuple(protocol.load(name).prompt.modes)[:2]
    return make_plan("synthetic", None, name, modes, benchmark_root, limit=4)


@given(name=st.sampled_from(PROTOCOLS), first=replies, others=st.lists(records, min_size=3, max_size=3))
@settings(max_examples=12, deadline=None, phases=QUICK, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_format_reads_back_to_the_same_values(
    benchmark_root: Path, tmp_path: Path, name: str, first: str, others: list[Record | None]
) -> None:
    plan = plan_of(benchmark_root, name)
    asked = [(sample.id, mode) for sample in plan.samples for mode in plan.modes]
    some = [{"error": None, "text": first}, *others]
    given_ = {key: record for key, record in zip(asked, some, strict=False) if record is not None}
    expected, table = values(plan, given_), export.rows(given_, judge_plan(plan, given_))
    for form in export.FORMATS:
        file = tmp_path / f"export.{form}"
        file.write_bytes(export.encode(table, form))
        assert values(plan, predictions(plan, file)[0]) == expected, form
        # And once more: what is exported of that file.
        again, _ = predictions(plan, file, keep_texts=True)
        assert values(plan, again) == expected, form
        assert export.rows(again, judge_plan(plan, again)) == table or form == "csv"


@given(texts=st.lists(replies | anything, min_size=6, max_size=6))
@settings(max_examples=8, deadline=None, phases=QUICK, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_samples_of_a_run_read_back(benchmark_root: Path, tmp_path: Path, texts: list[str]) -> None:
    plan = make_plan("synthetic", None, "default", MODES, benchmark_root, limit=4)
    kept = {"v": 1, "prompt_sha256": None, "tokens": None, "frames": None, "seconds": 0.0}
    lines = [
        {**kept, "id": sample.id, "mode": mode, "text": text.encode(errors="replace").decode(), "error": None}
        for (sample, mode), text in zip(((s, m) for s in plan.samples for m in plan.modes), texts, strict=False)
    ]
    failed = plan.samples[-1].id
    lines.append({**kept, "id": failed, "mode": "cot", "text": None, "error": {"type": "missing-video", "message": "=x"}})
    (tmp_path / store.SAMPLES).unlink(missing_ok=True)
    store.append(tmp_path, lines)
    found = values(plan, predictions(plan, tmp_path / store.SAMPLES)[0])
    assert found == values(plan, store.read_records(tmp_path))
    assert found["cot"][0][-1]["failure"] == "missing-video"


def test_scores_are_no_predictions(benchmark_root: Path, tmp_path: Path) -> None:
    plan = make_plan("synthetic", None, "default", MODES, benchmark_root, limit=4)
    (tmp_path / "scores.json").write_text(json.dumps(score_plan(plan, {}), indent=1))
    with pytest.raises(InputError, match="of this project"):
        predictions(plan, tmp_path / "scores.json")
