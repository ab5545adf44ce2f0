"""A user's own data: what is documented loads, everything else is a named error with its line."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cli import main
from tasks import task as tasks
from tasks.errors import InputError
from tasks.formats.own import LONGEST_LINE, read_own
from tasks.sample import Sample, make_samples, split_sha256
from tasks.span import Span

GOOD = {"video": "kitchen.mp4", "duration": 62.5, "query": "the door opens", "spans": [[3.0, 7.5]]}


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


def load(name: object, root: Path = Path()) -> list[Sample]:
    task, split = tasks.divide(str(name))
    found = tasks.find(task, root)
    return tasks.load(found, split or found.default_split, root)


def test_what_is_documented_loads(tmp_path: Path) -> None:
    rows = [
        {**GOOD, "id": 7, "colour": "passed over"},
        "",
        {**GOOD, "spans": [[0, 1], [2, 2]], "clip": [10, 72.5], "query": "line\u2028separator"},
    ]
    path = write(tmp_path / "my.jsonl", *rows)
    first, second = load(path)
    assert (first.task, first.video, first.native_id, first.clip) == ("my.jsonl", "kitchen.mp4", "7", None)
    assert (second.truth.spans, second.clip, second.native_id) == ((Span(0, 1), Span(2, 2)), Span(10, 72.5), None)
    assert second.query == "line\u2028separator"
    assert split_sha256(load(f"{path}@all")) == split_sha256(load("my.jsonl", tmp_path)) == split_sha256([second, first])


def test_windows_files_load() -> None:
    assert len(read_own("\ufeff" + json.dumps(GOOD) + "\r\n" + json.dumps(GOOD) + "\r\n", "my.jsonl")) == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "Expecting property name"),
        ("[]", "expected an object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"video": "' + "a" * LONGEST_LINE + '"}', "characters, 1,048,576 are allowed"),
        ({}, "no video, duration, query, spans"),
        ({**GOOD, "duration": float("nan")}, "expected a time in seconds, found 'nan'"),
        ({**GOOD, "duration": "62"}, "expected a time in seconds, found '62'"),
        ({**GOOD, "duration": True}, "expected a time in seconds, found 'True'"),
        ({**GOOD, "duration": 10**400}, "expected a time in seconds"),
        ({**GOOD, "duration": 0}, "a duration of 0 s"),
        ({**GOOD, "query": 7}, "expected a sentence, found '7'"),
        ({**GOOD, "query": "  "}, "an empty query"),
        ({**GOOD, "query": "\ud800"}, "expected a sentence in Unicode"),
        ({**GOOD, "spans": []}, "no span"),
        ({**GOOD, "spans": [3.0, 7.5]}, "expected a moment"),
        ({**GOOD, "spans": "3-7"}, "expected a list of spans"),
        ({**GOOD, "spans": [[3.0, float("inf")]]}, "expected a time in seconds, found 'inf'"),
        ({**GOOD, "spans": [[7.5, 3.0]]}, "0 <= start <= end"),
        ({**GOOD, "spans": [[-1, 3.0]]}, "0 <= start <= end"),
        ({**GOOD, "clip": [5, 5]}, "0 <= start < end"),
        ({**GOOD, "clip": [5, 20]}, "those of the clip"),
        ({**GOOD, "clip": "5-20"}, "expected a moment"),
        ({**GOOD, "id": ["a"]}, "as id"),
        ({**GOOD, "id": ""}, "as id"),
        ({**GOOD, "video": "../secret.mp4"}, "not a plain file name"),
        ({**GOOD, "video": "/etc/passwd"}, "not a plain file name"),
        ({**GOOD, "video": "a\\b.mp4"}, "not a plain file name"),
        ({**GOOD, "video": ".."}, "not a plain file name"),
        ({**GOOD, "video": "a\nb"}, "not a plain file name"),
        ({**GOOD, "video": None}, "expected the file name of a video"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, line: Any, words: str) -> None:
    path = write(tmp_path / "my.jsonl", GOOD, line)
    with pytest.raises(InputError) as error:
        load(path)
    assert "line 2: " in error.value.found and words in error.value.found
    assert str(path) in error.value.found and error.value.next_command.endswith(f"harness data check {path}")
    assert len(error.value.found) < 1000


BASE = {"video": "kitchen.mp4", "duration": 7.5}
PAIRS = {**BASE, "queries": ["it shuts", "it opens"], "spans": [[3, 4], [0, 1]]}
CHOICE = {**BASE, "query": "why?", "options": ["heat", "cold"], "answer": "B", "spans": [[0, 1], [3, 4]]}
HIGHLIGHTS = {**BASE, "query": "a cook", "scores": [0, 4, 2.5]}
WINDOWS = {**BASE, "query": "a cook", "scores": [[0, 1], [4, 4], [2, 3]], "spans": [[2, 6]]}
CLIPS = {**BASE, "query": "a cook", "scores": [1, 0], "clips": [[0, 3.3], [1.6, 5]]}
MOMENTS = ("moment", "instances", "union", "retrieval", "windows")


@pytest.mark.parametrize(
    ("row", "kinds"),
    [
        (GOOD, MOMENTS),
        (PAIRS, ("pairs",)),
        (CHOICE, ("choice",)),
        (HIGHLIGHTS, ("highlights", "clips")),
        (WINDOWS, ("windows", "union", "highlights", "moment", "clips")),
        (CLIPS, ("clips",)),
        ({**CLIPS, "spans": [[0, 1]]}, ("clips", *MOMENTS)),
        ("not json", MOMENTS),
    ],
)
def test_kinds_follow_from_the_fields(tmp_path: Path, row: Any, kinds: tuple[str, ...]) -> None:
    path = write(tmp_path / "my.jsonl", "", row, GOOD)
    path.write_text("\ufeff" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert tasks.find(str(path)).kinds == kinds


def test_every_kind_can_be_held(tmp_path: Path) -> None:
    def only(row: object) -> Sample:
        (sample,) = load(write(tmp_path / "my.jsonl", row))
        return sample

    pairs = only(PAIRS)
    assert (pairs.queries, pairs.truth.spans) == (("it shuts", "it opens"), (Span(3, 4), Span(0, 1)))
    choice = only(CHOICE)
    assert (choice.options, choice.truth.option, len(choice.truth.spans)) == (("heat", "cold"), "B", 2)
    highlights = only(HIGHLIGHTS)
    assert (highlights.truth.clips, highlights.grid, highlights.truth.spans) == (((0.0,), (4.0,), (2.5,)), (), ())
    assert only(WINDOWS).truth.clips == ((0.0, 1.0), (4.0, 4.0), (2.0, 3.0))
    clips = only(CLIPS)
    assert (clips.truth.clips, clips.grid) == (((1.0,), (0.0,)), (Span(0, 3.3), Span(1.6, 5)))
    # A field that is null is one that is absent.
    assert only({**GOOD, "options": None, "scores": None}) == only(GOOD)


def test_files_of_before_keep_ids_and_hash() -> None:
    text = json.dumps(GOOD) + "\n" + json.dumps({**GOOD, "clip": [10, 72.5]})
    rows = make_samples("my.jsonl", read_own(text, "my.jsonl"))
    assert rows[0].id == "my.jsonl/kitchen.mp4/d51e3896e466"
    assert split_sha256(rows) == "3638637ac1f2d1fa325ffdb45a644d5b1646737b97779244de478a8f94bc01a4"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({**PAIRS, "spans": [[0, 1]]}, "2 queries need one span each, found 1"),
        ({**PAIRS, "queries": []}, "no query"),
        ({**PAIRS, "queries": ["a", " "]}, "an empty query"),
        ({**PAIRS, "queries": "a"}, "expected a list of sentences"),
        ({**PAIRS, "query": "a"}, "the fields query, queries, spans do not go together"),
        ({**CHOICE, "answer": "C"}, "expected an answer of A to B, the letter of an option, found 'C'"),
        ({**CHOICE, "answer": "AB"}, "expected an answer of A to B"),
        ({**CHOICE, "answer": ["A"]}, "expected an answer of A to B"),
        ({**CHOICE, "options": ["heat", "heat"]}, "2 to 26 different options"),
        ({**CHOICE, "options": ["heat", ""]}, "2 to 26 different options"),
        ({**CHOICE, "options": [str(i) for i in range(27)]}, "2 to 26 different options"),
        ({**CHOICE, "options": None}, "the fields query, answer, spans do not go together"),
        ({**CHOICE, "scores": [1]}, "the fields query, options, answer, scores, spans do not go together"),
        ({**GOOD, "clips": [[0, 1]]}, "the fields query, clips, spans do not go together"),
        ({**HIGHLIGHTS, "scores": [1, 2]}, "2 scores for 3 whole clips of 2 s in 7.5 s"),
        ({**HIGHLIGHTS, "scores": [1, [2, 3], 1]}, "every clip a score of every annotator"),
        ({**HIGHLIGHTS, "scores": []}, "at least one clip"),
        ({**HIGHLIGHTS, "scores": [1, 2, float("nan")]}, "a score that is a finite number, found 'nan'"),
        ({**HIGHLIGHTS, "scores": [1, 2, True]}, "a score that is a finite number, found 'True'"),
        ({**HIGHLIGHTS, "scores": [1, 2, 10**400]}, "a score that is a finite number"),
        ({**CLIPS, "clips": [[0, 1]]}, "2 scores need as many clips"),
        ({**CLIPS, "clips": [[0, 1], [2, 2]]}, "with start < end"),
        ({**CLIPS, "clips": 7}, "expected a list of clips"),
        ({"queries": ["a"]}, "no video, duration"),
    ],
)
def test_bad_rows_of_other_kinds_are_named(tmp_path: Path, row: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        load(write(tmp_path / "my.jsonl", row))
    assert "line 1: " in error.value.found and words in error.value.found


def test_all_rows_have_the_same_fields(tmp_path: Path) -> None:
    words = "line 3: the fields query, scores, but line 1 has query, spans: all rows of a file have the same"
    with pytest.raises(InputError, match=words):
        load(write(tmp_path / "my.jsonl", GOOD, GOOD, HIGHLIGHTS))


def test_duplicate_ids_name_both_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "my.jsonl", {**GOOD, "id": "a"}, GOOD, GOOD, {**GOOD, "id": "a", "query": "other"})
    with pytest.raises(InputError, match="line 4: id 'a' is already that of line 1"):
        load(path)


def test_many_bad_lines_are_counted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 10: .*\n *and 20 more bad lines"):
        load(write(tmp_path / "my.jsonl", *["{}"] * 30))


def test_empty_missing_and_not_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no lines"):
        load(write(tmp_path / "my.jsonl", ""))
    with pytest.raises(InputError, match="no such file"):
        load("nowhere.jsonl", tmp_path)
    (tmp_path / "my.jsonl").write_bytes(json.dumps(GOOD).encode() + b"\n\n\xff")
    with pytest.raises(InputError, match="line 3 is not UTF-8"):
        load(tmp_path / "my.jsonl")


def test_run_score_and_show_work_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "my.jsonl", {**GOOD, "id": "a"}, {**GOOD, "query": "it shuts"})
    run = ["run", "--model", "oracle", "--tasks", "my.jsonl", "--output", "run"]
    assert main(run) == 0
    assert main(["score", "run"]) == 0
    assert "my.jsonl@all" in capsys.readouterr().out
    monkeypatch.chdir("/")
    for verb in ("score", "board", "compare"):
        assert main([verb, str(tmp_path / "run")]) == 0
    (tmp_path / "moved").mkdir()
    (tmp_path / "my.jsonl").rename(tmp_path / "moved" / "my.jsonl")
    capsys.readouterr()
    assert main(["score", str(tmp_path / "run")]) == 2
    assert "--task DIR/my.jsonl, or the folder that holds it, --data-root DIR" in capsys.readouterr().err
    assert main(["score", str(tmp_path / "run"), "--task", str(tmp_path / "moved" / "my.jsonl")]) == 0
    assert main(["board", str(tmp_path / "run"), "--data-root", str(tmp_path / "moved")]) == 0
    write(tmp_path / "my.jsonl", {**GOOD, "id": "a"})
    capsys.readouterr()
    assert main(["score", str(tmp_path / "run")]) == 2
    assert f"in {tmp_path / 'my.jsonl'}" in capsys.readouterr().err
    (tmp_path / "moved" / "my.jsonl").rename(tmp_path / "my.jsonl")
    monkeypatch.chdir(tmp_path)
    assert main(["show", "my.jsonl"]) == 0
    assert "kitchen.mp4" in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "scores.json").read_text())["modes"]["direct"]["aggregate"]["mIoU"] == 100.0


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
spans = st.lists(st.lists(st.floats(0, 50) | values, min_size=2, max_size=2) | values, max_size=3)
objects = st.fixed_dictionaries(
    {"video": st.text(max_size=9) | values, "duration": st.floats(1, 100) | values, "query": st.text(max_size=9) | values},
    optional={
        "spans": spans | values,
        "id": values,
        "clip": values,
        "queries": st.lists(st.text(max_size=3), max_size=2) | values,
        "options": st.just(["x", "y"]) | values,
        "answer": st.sampled_from("ABC") | values,
        "scores": st.lists(st.floats(0, 4), max_size=3) | values,
        "clips": spans | values,
    },
)
lines = (objects | values).map(json.dumps) | st.text(max_size=60)


@given(st.lists(lines, max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_rows_or_a_typed_error(texts: list[str]) -> None:
    try:
        rows = read_own("\n".join(texts), "my.jsonl")
    except InputError:
        return
    for sample in make_samples("my.jsonl", rows):
        tasks.check_video_key(sample.video, "my.jsonl")
        sample.id.encode(), sample.query.encode(), "".join(sample.options).encode()


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_load_or_are_a_typed_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("own") / "my.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError):
        load(path)


def test_the_lines_of_the_documentation_load() -> None:
    text = (Path(__file__).parents[2] / "docs" / "own-data.md").read_text(encoding="utf-8")
    examples = [line for line in text.splitlines() if line.startswith("{")]
    assert len(examples) == 7
    assert len(read_own("\n".join(examples[:2]), "my.jsonl")) == 2
    for line in examples[2:]:
        assert len(read_own(line, "my.jsonl")) == 1


def test_show_tells_the_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "my.jsonl", CHOICE)
    assert main(["show", "my.jsonl"]) == 0
    shown = capsys.readouterr().out
    assert "kinds of question: choice" in shown and "options: heat, cold" in shown
    assert "ground truth: B, [0.0, 1.0], [3.0, 4.0] of 7.5 s" in shown
