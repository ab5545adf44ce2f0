"""Other people's prediction files: every format finds its samples, nothing but InputError for anything else."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.plan import read_ids
from harness.predictions.read import Predictions, Row, as_record
from harness.scoring import judge
from tasks import protocol
from tasks.answer import Answer
from tasks.errors import Failure, InputError
from tasks.formats.published import read_frames_json, read_queries_json, read_timestamps_json, read_tvgbench
from tasks.formats.qvhighlights import read_release, read_submission
from tasks.parsers import parser
from tasks.sample import Sample, make_samples, one_query
from tasks.span import Span

CLIPS = ((1.0, 2.0, 4.0),) * 15
SAMPLES = make_samples(
    "t",
    [
        one_query("AMT7R", 30.0, "A person eats food.", (Span(1.0, 9.5),), native_id="77", clips=CLIPS),
        one_query("AMT7R", 30.0, " the  light: on/off >>> twice", (Span(2.0, 3.0),), clips=CLIPS),
        one_query("v_b", 40.0, "same words", (Span(0.0, 4.0),), clips=CLIPS),
        one_query("v_b", 40.0, "same words", (Span(5.0, 9.0),), clips=CLIPS),
    ],
)
FIRST, SECOND, THIRD, FOURTH = (sample.id for sample in SAMPLES)
TEXT = "<answer>1 to 9.5</answer>"


def rows(tmp_path: Path, content: Any, samples: list[Sample] = SAMPLES) -> list[Row]:
    path = tmp_path / "predictions"
    path.write_text(content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content))
    return list(Predictions(path, samples))


@pytest.mark.parametrize(
    ("row", "ids"),
    [
        ({"id": FIRST, "text": TEXT}, (FIRST,)),
        ({"v": 1, "id": FIRST, "mode": "cot", "text": TEXT, "error": None}, (FIRST,)),
        ({"video": "AMT7R", "query": "a person eats  food", "text": TEXT}, (FIRST,)),
        ({"vid": "/data/Charades/AMT7R.mp4", "sentence": "A PERSON EATS FOOD.", "output_text": TEXT}, (FIRST,)),
        ({"qid": 77, "text": TEXT}, (FIRST,)),
        ({"qid": "charades_0", "pred": [1, 9.5], "target": [1.0, 9.5], "duration": 30, "output_text": TEXT}, (FIRST,)),
        ({"qid": "charades_1", "pred": [1, 9.5], "target": [1.0, 9.5], "output_text": TEXT}, ()),
        ({"qid": "charades_9", "output_text": TEXT}, ()),
        ({"video": "v_b", "query": "same words", "text": TEXT}, (THIRD, FOURTH)),
        ({"video": "v_b", "query": "same words", "timestamp": [5, 9], "text": TEXT}, (FOURTH,)),
        ({"doc_id": 3, "doc": {"video": "AMT7R.mp4", "caption": "a person eats food."}, "filtered_resps": [TEXT]}, (FIRST,)),
        ({"doc": {"video": "AMT7R.mp4", "caption": "a person eats food."}, "resps": [[TEXT]]}, (FIRST,)),
        ({"doc": {"video_path": "/v/AMT7R.mp4", "question": "a person eats food."}, "resps": [[TEXT]]}, (FIRST,)),
        ({"doc": {"vid": "v_b", "query": "same words", "gt": [5, 9]}, "resps": [[TEXT]]}, (FOURTH,)),
        ({"id": "other", "text": TEXT}, ()),
        ({"video": "AMT7R", "query": "nothing alike", "text": TEXT}, ()),
    ],
)
def test_rows_find_their_samples(tmp_path: Path, row: dict[str, Any], ids: tuple[str, ...]) -> None:
    (found,) = rows(tmp_path, [row])
    assert (found.ids, found.text, found.mode) == (ids, TEXT if ids else None, row.get("mode", ""))


def test_a_file_of_one_row_is_read_as_a_line_of_it_is(tmp_path: Path) -> None:
    row = {"uid": FIRST, "model_output": TEXT}
    (found,) = rows(tmp_path, json.dumps(row, indent=1))
    assert (found.ids, found.text) == ((FIRST,), TEXT)
    assert [found._replace(where="line 1")] == rows(tmp_path, [row])


@pytest.mark.parametrize("spelled", ["[1, 9.5]", "[[1, 9.5,],]", "((1, 9.5),)", "{'label': \"it's\", 'start': 1, 'end': 9.5}"])
def test_moments_as_json_and_python_spell_them(tmp_path: Path, spelled: str) -> None:
    (found,) = rows(tmp_path, [{"qid": 77, "pred": spelled}])
    assert found.prediction is not None
    assert found.prediction.spans == (Span(1.0, 9.5),)


def test_keyed_objects_of_lmms_eval_and_timelens(tmp_path: Path) -> None:
    first, second, third = (
        *("AMT7R.mp4>>>A person eats food.>>>[1.0, 9.5]", "AMT7R.mp4>>>the light: on/off >>> twice>>>[2.0, 3.0]"),
        "v_b.mp4>>>same words>>>[5.0, 9.0]",
    )
    with_answers = [{"timestamps": [[2, 4]], "answers": TEXT} for _ in range(3)]
    for values, said in (([TEXT] * 3, TEXT), (with_answers, TEXT), ([{"timestamps": [[2, 4]]}] * 3, None)):
        content = dict(zip((first, second, third), values, strict=True))
        for text in (json.dumps(content), json.dumps(content, indent=1)):
            found = rows(tmp_path, text)
            assert [(row.ids, row.text) for row in found] == [((FIRST,), said), ((SECOND,), said), ((FOURTH,), said)]
            if said is None:
                assert {row.prediction for row in found} == {Answer((Span(2.0, 4.0),), scores=(1.0,))}


def test_moment_detr_submissions_keep_scores_and_saliency(tmp_path: Path) -> None:
    row = {
        "qid": 77,
        "query": "A person eats food.",
        "vid": "AMT7R",
        "pred_relevant_windows": [[0, 2, 0.9], [4, 6, 0.5]],
        "pred_saliency_scores": [0, 1],
    }
    (found,) = rows(tmp_path, [row])
    assert found.ids == (FIRST,)
    assert found.prediction is not None
    assert found.prediction.spans == (Span(0, 2), Span(4, 6))
    assert (found.prediction.scores, found.prediction.clips) == ((0.9, 0.5), ((0.0,), (1.0,)))


def test_a_list_of_rows(tmp_path: Path) -> None:
    found = rows(tmp_path, json.dumps([{"id": FIRST, "text": TEXT}, {"id": SECOND, "text": TEXT}]))
    assert [row.ids for row in found] == [(FIRST,), (SECOND,)]


@pytest.mark.parametrize(
    "bad", ["{", '{"text": "y"}', "[1", "7", '{"id": "x"}', "null", '["a"', '{"a": 1', "\x00", '{"id": "x", "text": "y"}\nnope']
)
def test_other_files_are_refused_by_name(tmp_path: Path, bad: str) -> None:
    with pytest.raises(InputError) as error:
        rows(tmp_path, bad)
    assert "predictions" in error.value.found


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        list(Predictions(tmp_path / "none", SAMPLES))


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:0123456789.eE>id txt\n', max_size=200).map(str.encode))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_rows_or_a_named_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fuzz"
    path.write_bytes(content)
    try:
        found = list(Predictions(path, SAMPLES))
    except InputError:
        return
    assert all(row.text is not None or row.prediction is not None for row in found)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | st.just("from 1 to 2 seconds"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["video", "query", "text", "x"]), inner),
    max_leaves=8,
)
times = st.lists(st.lists(st.floats() | st.integers(-5, 40), min_size=1, max_size=4) | JSON, max_size=3) | JSON
# One row of each format, every value of which may be anything at all.
FORMATS: dict[str, dict[str, Any]] = {
    "plain": {"id": FIRST, "mode": "direct", "text": TEXT},
    "by-query": {"video": "AMT7R", "query": "A person eats food.", "timestamp": [1, 9.5], "text": TEXT},
    "time-r1": {"qid": "charades_0", "pred": [1, 9.5], "target": [1.0, 9.5], "output_text": TEXT},
    "lmms-eval": {"doc": {"video": "AMT7R.mp4", "caption": "a person eats food."}, "filtered_resps": [TEXT], "resps": [[TEXT]]},
    "moment-detr": {"qid": 77, "pred_relevant_windows": [[1, 9, 0.5]], "pred_saliency_scores": [1, 2]},
    "timelens": {"video": "AMT7R", "query": "A person eats food.", "timestamps": [[1, 9]], "answers": TEXT},
    "own-record": {"v": 1, "id": FIRST, "mode": "cot", "text": TEXT, "error": None},
}
RULES = [protocol.load(name) for name in ("default", "timelens", "vtimellm-percent", "videochat-r1.5-set", "qvh-official")]


def scored(path: Path) -> None:
    """What is read of a file can be scored under protocols that differ in every rule."""
    for rules in RULES:
        found = {(i, "m"): as_record(row, parser(rules.answer)) for row in Predictions(path, SAMPLES) for i in row.ids}
        numbers = judge(SAMPLES, found, rules, "m").means()
        assert all(value is None or value >= 0 for value in numbers.values())


@pytest.mark.parametrize("name", FORMATS)
@given(st.data())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_any_format_is_scored_or_a_named_error(tmp_path: Path, name: str, data: st.DataObject) -> None:
    row = dict(FORMATS[name])
    for key in data.draw(st.lists(st.sampled_from(list(row)), max_size=2)):
        row[key] = data.draw(times)
    row |= data.draw(
        st.dictionaries(st.sampled_from(["doc", "qid", "mode", "error", "pred", "target", "span", "vid"]), times, max_size=1)
    )
    key = data.draw(st.sampled_from([f"AMT7R>>>A person eats food.>>>{[1, 9.5]}", ">>>>>>", "x"]) | st.text(max_size=9))
    path = tmp_path / "fuzz"
    for content in (json.dumps(row), json.dumps([row]), json.dumps({key: row}), json.dumps({key: data.draw(times)})):
        path.write_text(content)
        try:
            scored(path)
        except InputError as error:
            assert error.next_command


@pytest.mark.parametrize("open_", ["[", '{"a":', '{"id": "x", "text": [', '[{"id": "x", "text": ', '{"v>>>q>>>[1, 2]": ['])
@pytest.mark.parametrize("depth", [900, 100_000])
def test_deep_nesting_costs_neither_memory_nor_the_stack(tmp_path: Path, open_: str, depth: int) -> None:
    """The rest of the file need not be there for that: 100,000 brackets took gigabytes."""
    path = tmp_path / "deep"
    path.write_text(open_ + "[" * depth)
    tracemalloc.start()
    with pytest.raises(InputError):
        list(Predictions(path, SAMPLES))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e7


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_ids_or_a_named_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ids"
    path.write_bytes(content)
    try:
        found = read_ids([path])
    except InputError as error:
        assert error.next_command
        return
    assert all(line and "\n" not in line for line in found)


@pytest.mark.parametrize("reader", [read_release, lambda text: list(read_submission(text.split("\n")))])
@given(text=st.text(max_size=80) | st.text(alphabet='{}[]",:0123456789.eEqid vr\n', max_size=80) | JSON.map(json.dumps))
@settings(deadline=None)
def test_any_text_is_qvhighlights_or_a_value_error(reader: Any, text: str) -> None:
    try:
        reader(text)
    except ValueError as error:
        assert str(error).startswith("line ")


@pytest.mark.parametrize("reader", [read_release, read_timestamps_json, read_frames_json, read_queries_json, read_tvgbench])
@pytest.mark.parametrize("depth", [100, 950, 100_000])
def test_annotations_too_deep_are_a_value_error(reader: Any, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    for text in (deep, f'{{"v": {deep}}}', f'{{"v": {{"duration": {deep}}}}}', f'[{{"path": {deep}}}]', f'{{"qid": {deep}}}'):
        with pytest.raises(ValueError, match=r".+"):
            reader(text)


@pytest.mark.parametrize("form", ["jsonl", "object"])
def test_one_row_at_a_time_in_memory(tmp_path: Path, form: str) -> None:
    path = tmp_path / "big"
    reply = "word " * 20_000
    with path.open("w") as file:
        file.write("{" if form == "object" else "")
        for i in range(300):
            entry = {"answers": reply}
            comma = "," if i else ""
            file.write(
                f'{comma}"v>>>{i}>>>[1, 2]": {json.dumps(entry)}'
                if form == "object"
                else json.dumps({"id": i, "text": reply}) + "\n"
            )
        file.write("}" if form == "object" else "")
    tracemalloc.start()
    assert sum(1 for _ in Predictions(path, SAMPLES)) == 300
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 10


def test_records_of_errors_stay_errors(tmp_path: Path) -> None:
    error = {"type": "missing-video", "message": "m"}
    found = rows(tmp_path, [{"id": FIRST, "mode": "direct", "text": None, "error": error}])
    assert found == [Row("line 1", (FIRST,), "direct", error=Failure("missing-video", "m"))]
