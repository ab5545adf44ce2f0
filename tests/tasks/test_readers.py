"""Readers of every kind on files made here: what they give, and that any other file is a named error."""

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import task as tasks
from tasks.anomalies import REPEATED, anomalies
from tasks.answer import Answer
from tasks.errors import InputError
from tasks.formats.choice import read_nextgqa_csv, read_nextgqa_json, read_rextime
from tasks.formats.clips import read_tvsum, read_youtube
from tasks.formats.durations import frame_durations, second_durations
from tasks.formats.ego4d import read_nlq
from tasks.formats.instances import read_activitynet, read_museg, read_museg_training, read_thumos
from tasks.formats.pairs import grouped, together
from tasks.formats.published import read_timestamps_json
from tasks.formats.rows import read_didemo, read_extreme_when, read_momentseeker, read_timerft, read_vue_tr
from tasks.sample import Sample, make_samples, one_query, split_sha256
from tasks.span import Span

NEXTGQA = {
    "id": "7_0",
    "video": "1104/7.mp4",
    "question": "why",
    "options": ["(A) a", "(B) (A) b", "(C) c", "(D) d", "(E) d"],
    "duration": 9,
    "glue": [[-0.1, 2], [4, 5]],
    "type": "CW",
    "answer": "(E)",
}
CSV = "video_id,frame_count,width,height,question,answer,qid,type,a0,a1,a2,a3,a4\n7,90,1,1,why,d,0,CW,a,(A) b,c,d,d\n"
GSUB = {"7": {"duration": 9, "location": {"0": [[-0.1, 2], [4, 5]]}, "fps": 10.0}}
ACTIONS = {
    "v_a": {
        "duration_second": 10.5,
        "annotations": [
            {"segment": [1, 2.5], "label": "Ballet"},
            {"segment": [8, 4], "label": "Polo"},
            {"segment": [0, 1], "label": "Ballet"},
        ],
    },
    "v_b": {"duration_second": 3, "annotations": [{"segment": [1, 2], "label": "Polo"}]},
}
INFO = "video,numFrame,subset\nv_a,1,training\nv_b,1,validation\n"
FRAMES = "video,fps,count\nx_1,30.0,300.0\n"
THUMOS = {
    "database": {
        "x_1": {
            "subset": "test",
            "annotations": [
                {"segment": ["1.5", "2"], "label": "CleanAndJerk"},
                {"segment": ["3", "4"], "label": "Shotput"},
            ],
        },
        "x_2": {"subset": "train", "annotations": []},
    }
}
MUSEG = {"video": "t/x_1.mp4", "question": "… the action category: 'golfer's swing'.", "groundtruth": [[1, 2], [0, 1]]}
TRAINING = {"video": "v/hacs/y.mp4", "task": "tal", "problem": "the action 'a's b' occurs", "solution": [[1, 2]], "duration": 9.5}
TVSUM = {"qid": "q", "query": "t", "duration": 2, "vid": "v", "label": [[1.0, 5.0], [2.0, 3.0]], "domain": "VU"}
YOUTUBE = {**TVSUM, "label": [[0], [1]], "duration": 20.0, "fps": 10.0, "clip": [[0.0, 100.0], [50.0, 150.0]]}
VUE = {
    "query_id": 3,
    "video_id": "v",
    "duration": 9.5,
    "query": "q",
    "gt": [],
    "duration_category": "short",
    "query_format": "phrase",
    "query_modality": "audio",
}
TIMERFT = {"video": "./a/b@c_00:01.mp4", "duration": 9.0, "timestamp": [1, 2], "sentence": "s", "qid": "i", "video_start": 80.0}
EXTREME = {
    "qid": "i",
    "video_id": "v",
    "source_corpus": "MLVU",
    "question": "when",
    "correct_interval": [5, 7],
    "video_duration_s": 4271,
    "category": "reaction",
}
SEEKER = {"src_video_path": "videos/m_1.mp4", "qry_text": "q", "answering_time_interval": [[1, 2], [4, 6]], "task": "Action"}
DIDEMO = {"annotation_id": 5, "video": "a@b.mov", "description": "d", "num_segments": 5, "times": [[0, 0], [1, 4], [0, 0]]}
REXTIME = {
    "qid": "q",
    "vid": "v",
    "duration": 150,
    "question": "why",
    "options": ["x", "y"],
    "ans": "B",
    "span": [0, 28],
    "category": "means_end",
}
CLIP = {
    "clip_uid": "c",
    "clip_start_sec": 0,
    "clip_end_sec": 480.5,
    "annotations": [
        {
            "annotation_uid": "u",
            "language_queries": [
                {"clip_start_sec": 1.5, "clip_end_sec": 2, "query": "Where?"},
                {"clip_start_sec": 3, "clip_end_sec": 3, "query": None},
            ],
        }
    ],
}
NLQ = {"videos": [{"video_uid": "w", "clips": [CLIP]}]}
SECONDS = "video,seconds\nm_1,77.5\n"


def dumps(*rows: object) -> str:
    return "\n".join(map(json.dumps, rows))


def sample(video: str, duration_s: float, query: str, *spans: tuple[float, float], **more: Any) -> Sample:
    truth = Answer(tuple(Span(*span) for span in spans), option=more.pop("option", None), clips=more.pop("clips", None))
    return Sample(video=video, duration_s=duration_s, queries=(query,), truth=truth, **more)


def test_questions_with_options() -> None:
    options, labels = ("a", "(A) b", "c", "d", "d"), (("type", "CW"),)
    wanted = sample("7", 9.0, "why", (-0.1, 2), (4, 5), option="E", options=options, labels=labels, native_id="7_0")
    assert read_nextgqa_json(dumps([NEXTGQA])) == read_nextgqa_csv(CSV, dumps(GSUB)) == [wanted]
    assert read_nextgqa_csv(CSV.replace("\n", "\r\n"), dumps(GSUB)) == [wanted]
    labels = (("category", "means_end"),)
    asked = sample("v", 150.0, "why", (0, 28), option="B", options=("x", "y"), labels=labels, native_id="q")
    assert read_rextime(dumps([REXTIME])) == [asked]


def test_instances_by_class_in_order_of_appearance() -> None:
    read = partial(read_activitynet, subset="training")
    assert read(dumps(ACTIONS), INFO) == [
        sample("v_a", 10.5, "Ballet", (1, 2.5), (0, 1)),
        sample("v_a", 10.5, "Polo", (8, 4)),
    ]
    assert read_thumos(dumps(THUMOS), FRAMES, subset="test") == [
        sample("x_1", 10.0, "clean and jerk", (1.5, 2)),
        sample("x_1", 10.0, "shotput", (3, 4)),
    ]
    wanted = [sample("x_1", 10.0, "golfer's swing", (1, 2), (0, 1))]
    assert read_museg(dumps([MUSEG]), FRAMES, durations=frame_durations) == wanted
    others = [{**TRAINING, "task": "tvg"}, {**TRAINING, "video": "v/activitynet/y.mp4"}]
    rows = read_museg_training(dumps(*others, TRAINING), dumps(TRAINING), folder="hacs")
    assert rows == [sample("y", 9.5, "a's b", (1, 2))] * 2


def test_clips_have_bounds_of_their_own() -> None:
    grid = (Span(0, 1), Span(1, 2))
    more: dict[str, Any] = {"labels": (("domain", "VU"),), "native_id": "q"}
    assert read_tvsum(dumps(TVSUM)) == [sample("v", 2.0, "t", clips=((1.0, 5.0), (2.0, 3.0)), grid=grid, **more)]
    grid = (Span(0, 10), Span(5, 15))
    assert read_youtube(dumps(YOUTUBE)) == [sample("v", 20.0, "t", clips=((0.0,), (1.0,)), grid=grid, **more)]


def test_rows_of_moments() -> None:
    labels = (("duration_category", "short"), ("query_format", "phrase"), ("query_modality", "audio"))
    assert read_vue_tr(dumps([VUE])) == [sample("v", 9.5, "q", labels=labels, native_id="3")]
    assert read_timerft(dumps([TIMERFT])) == [sample("b@c_00:01", 9.0, "s", (1, 2), native_id="i")]
    labels = (("source_corpus", "MLVU"), ("category", "reaction"))
    hour = [sample("v", 4271.0, "when", (5, 7), labels=labels, native_id="i")]
    assert read_extreme_when(dumps([EXTREME])) == read_extreme_when(dumps({"questions": [EXTREME]})) == hour
    seeker = [sample("m_1", 77.5, "q", (1, 2), (4, 6), labels=(("task", "Action"),))]
    assert read_momentseeker(dumps([SEEKER]), SECONDS) == seeker
    # Chunks 1 to 4 are the seconds 5 to 25; what two annotators chose stands once.
    assert read_didemo(dumps([DIDEMO])) == [sample("a@b", 25.0, "d", (0, 5), (5, 25), native_id="5")]
    first, second = read_nlq(dumps(NLQ))
    assert first == sample("c", 480.5, "Where?", (1.5, 2), native_id="c_u_0")
    assert second == sample("c", 480.5, "", (3, 3), native_id="c_u_1")
    assert set(anomalies([first, second])) == {"empty query", "moment of zero length"}


def test_paragraphs_join_the_sentences_of_a_video() -> None:
    document = {
        "v": {"duration": 9, "timestamps": [[4, 5], [0, 3]], "sentences": ["b", "a"]},
        "w": {"duration": 5, "timestamps": [[0, 1]], "sentences": ["c"]},
    }
    first, second = together(read_timestamps_json)(dumps(document))
    assert (first.queries, first.truth.spans, first.duration_s) == (("b", "a"), (Span(4, 5), Span(0, 3)), 9.0)
    assert second.queries == ("c",)
    rows = read_timestamps_json(dumps(document))
    # Rows of one video need not stand together.
    assert grouped([rows[0], rows[2], rows[1]]) == [first, second]
    cut = one_query("v", 9.0, "d", [Span(0, 1)], Span(10, 19))
    assert [len(s.queries) for s in grouped([*rows, cut])] == [2, 1, 1]
    with pytest.raises(ValueError, match="2 spans"):
        grouped([one_query("v", 9.0, "a", [Span(0, 1), Span(2, 3)])])
    with pytest.raises(ValueError, match="several durations: 8 s, 9 s"):
        grouped([rows[0], one_query("v", 8.0, "a", [Span(0, 1)])])


def test_order_of_the_queries_is_part_of_the_question() -> None:
    document = {"v": {"duration": 9, "timestamps": [[4, 5], [0, 3]], "sentences": ["b", "a"]}}
    turned = {"v": {"duration": 9, "timestamps": [[0, 3], [4, 5]], "sentences": ["a", "b"]}}
    read = together(read_timestamps_json)
    assert make_samples("t", read(dumps(document)))[0].id != make_samples("t", read(dumps(turned)))[0].id


def test_durations() -> None:
    assert frame_durations("count,video,fps\n250,a,25\n") == {"a": 10.0}
    assert second_durations("video,seconds\r\na,7.25\r\n\r\na,7.25\r\n") == {"a": 7.25}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("video\na\n", "no column seconds"),
        ("video,seconds\na\n", "line 2 has no seconds"),
        ("video,seconds\na,1\nb,nan\n", "line 3: expected a time in seconds, found 'nan'"),
        ("video,seconds\na,-1\n", "line 2: a duration of -1 s"),
        ("video,seconds\na,1\na,2\n", "line 3: video 'a' has another duration above, 1 s"),
        ("", "no column video, seconds"),
    ],
)
def test_tables_of_durations_name_the_line(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        second_durations(text)


READERS: dict[str, tuple[Any, Any]] = {
    "nextgqa-json": (read_nextgqa_json, [NEXTGQA]),
    "nextgqa-csv": (lambda text: read_nextgqa_csv(CSV, text), GSUB),
    "rextime": (read_rextime, [REXTIME]),
    "activitynet": (lambda text: read_activitynet(text, INFO, subset="training"), ACTIONS),
    "thumos": (lambda text: read_thumos(text, FRAMES, subset="test"), THUMOS),
    "museg": (lambda text: read_museg(text, FRAMES, durations=frame_durations), [MUSEG]),
    "training": (lambda text: read_museg_training(text, folder="hacs"), TRAINING),
    "tvsum": (read_tvsum, TVSUM),
    "youtube": (read_youtube, YOUTUBE),
    "vue": (read_vue_tr, [VUE]),
    "timerft": (read_timerft, [TIMERFT]),
    "extreme": (read_extreme_when, [EXTREME]),
    "seeker": (lambda text: read_momentseeker(text, SECONDS), [SEEKER]),
    "didemo": (read_didemo, [DIDEMO]),
    "nlq": (read_nlq, NLQ),
    "pairs": (together(read_timestamps_json), {"v": {"duration": 9, "timestamps": [[4, 5]], "sentences": ["b"]}}),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("text", ["7", "[7]", '"a"', "[" * 100_000, '{"v": 7}', '[{"v": 7}]', "{", '{"database": {"x_1": []}}'])
def test_other_shapes_are_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        READERS[name][0](text)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("nextgqa-json", {"answer": "C"}, r"row 1: expected an answer such as \(C\), found 'C'"),
        ("nextgqa-json", {"options": ["(B) a"]}, "row 1: expected option 1 to begin with its letter"),
        ("nextgqa-json", {"options": 7}, "row 1: expected a list of options"),
        ("nextgqa-json", {"question": "\ud800"}, "row 1: expected a sentence in Unicode"),
        ("nextgqa-json", {"duration": 10**400}, "row 1: expected a time in seconds"),
        ("nextgqa-json", {"duration": 0}, "row 1: a duration of 0 s"),
        ("nextgqa-json", {"glue": [[0, float("nan")]]}, "row 1: expected a time in seconds, found 'nan'"),
        ("tvsum", {"label": [[1.0], [1.0, 2.0]]}, "line 1: 2 clips with 2 rows of scores"),
        ("tvsum", {"label": []}, "line 1: 0 clips"),
        ("youtube", {"clip": [[0, 1]]}, "line 1: 1 clips with 2 rows"),
        ("youtube", {"fps": 0}, "line 1: 0 frames a second"),
        ("museg", {"question": "which?"}, r"row 1: no action in quotation marks in 'which\?'"),
        ("museg", {"video": "t/x_9.mp4"}, "row 1: no duration is known for video 'x_9'"),
        ("training", {"duration": None}, "line 1: expected a time in seconds"),
        ("vue", {"gt": None}, "row 1: expected a list of spans"),
        ("vue", {"query_id": True}, "row 1: expected a text or a whole number as id"),
        ("timerft", {"timestamp": [1]}, "row 1: expected a moment"),
        ("seeker", {"src_video_path": "m_2.mp4"}, "row 1: no duration is known for video 'm_2'"),
        ("didemo", {"num_segments": -1}, "row 1: a duration of -5 s"),
        ("rextime", {"ans": None}, "row 1: expected an answer"),
    ],
)
def test_bad_rows_are_named(name: str, change: dict[str, Any], words: str) -> None:
    read, good = READERS[name]
    row = {**(good[0] if isinstance(good, list) else good), **change}
    with pytest.raises(ValueError, match=words):
        read(dumps([row] if isinstance(good, list) else row))


@pytest.mark.parametrize("name", ["nextgqa-json", "rextime", "museg", "vue", "timerft", "extreme", "seeker", "didemo"])
def test_a_field_that_is_missing_is_named(name: str) -> None:
    read, (row,) = READERS[name]
    for key in row.keys() - {"video_start"}:
        with pytest.raises(ValueError, match=f"row 1: no {key}"):
            read(dumps([{name: value for name, value in row.items() if name != key}]))


def test_answers_of_the_csv_are_options() -> None:
    with pytest.raises(ValueError, match="line 2: the answer 'e' is none of the options"):
        read_nextgqa_csv(CSV.replace(",d,0,", ",e,0,"), dumps(GSUB))
    with pytest.raises(ValueError, match="line 2: expected a list of spans"):
        read_nextgqa_csv(CSV, dumps({"7": {**GSUB["7"], "location": {}}}))
    with pytest.raises(ValueError, match="line 2: expected an object for video '7'"):
        read_nextgqa_csv(CSV, "{}")


def test_odd_questions_are_kept_and_listed() -> None:
    rows = [{**NEXTGQA, "answer": None}, {**NEXTGQA, "answer": "(G)"}, {**NEXTGQA, "id": "7_1", "glue": []}]
    samples = make_samples("t", read_nextgqa_json(dumps(rows)))
    listed = {name: len(hits) for name, hits in anomalies(samples).items()}
    assert listed == {
        "moment starts before 0": 2,
        "two equal options": 3,
        "options without an answer": 1,
        "answer outside the options": 1,
        "no moment": 1,
        REPEATED: 2,
    }


def test_odd_clips_instances_and_paragraphs_are_kept_and_listed() -> None:
    short, long = read_tvsum(dumps({**TVSUM, "duration": 3}, {**TVSUM, "duration": 1, "qid": "r"}))
    assert set(anomalies([short])) == {"clips end before the video"}
    assert set(anomalies([long])) == {"clips end after the video"}
    instances = [one_query("v", 9.0, "a", spans) for spans in ([Span(4, 6), Span(0, 4)], [Span(4, 6), Span(0, 5)])]
    assert anomalies(instances) == {"moments of one query overlap": [instances[1]]}
    pair = grouped([one_query("v", 9.0, "a", [Span(3, 9)]), one_query("v", 9.0, "a", [Span(0, 5)])])
    assert set(anomalies(pair)) == {"queries that are not in order of their starts", "two equal queries of one video"}


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["(A)", "(A) x", "3.5", "x_1"])
    | st.text(max_size=5)
)


@st.composite
def broken(draw: st.DrawFn) -> tuple[Any, str]:
    """A reader and its good file, in which one value somewhere is another."""
    read, good = draw(st.sampled_from(list(READERS.values())))
    document = json.loads(json.dumps(good))
    node, parents = document, []
    while isinstance(node, dict | list) and node and (not parents or draw(st.integers(0, 4))):
        key = draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        parents.append((node, key))
        node = node[key]
    parent, key = parents[-1]
    parent[key] = draw(leaves | st.lists(leaves, max_size=2) | st.dictionaries(st.sampled_from(["0", "v_a"]), leaves, max_size=2))
    return read, json.dumps(document)


@given(case=broken())
@settings(max_examples=600, deadline=None)
def test_any_value_anywhere_gives_samples_or_a_value_error(case: tuple[Any, str]) -> None:
    read, text = case
    try:
        rows = read(text)
    except ValueError:
        return
    samples = make_samples("t", rows)
    split_sha256(samples)
    anomalies(samples)
    for row in samples:
        assert math.isfinite(row.duration_s) and all(math.isfinite(t) for span in (*row.truth.spans, *row.grid) for t in span)
        (row.query + row.video + str(row.options) + str(row.labels) + str(row.native_id)).encode()


@given(text=st.text(max_size=120) | st.text(alphabet='video_idqueston,swrtyp0a1234\r\n\0"', max_size=120))
@settings(max_examples=200, deadline=None)
def test_any_table_gives_rows_or_a_value_error(text: str) -> None:
    for read in (second_durations, frame_durations, lambda text: read_nextgqa_csv(text, "{}")):
        try:
            read(text)
        except ValueError:
            continue


def test_files_of_the_user_are_read_from_where_the_task_says(tmp_path: Path) -> None:
    rows = [{**EXTREME, "video_id": f"v{i % 194}", "qid": str(i)} for i in range(2273)]
    files: dict[str, str] = {
        "didemo/test_data.json": dumps([{**DIDEMO, "annotation_id": i} for i in range(4021)]),
        "hacs_tal/stage_1.jsonl": dumps(*[TRAINING] * 4000),
        "hacs_tal/stage_2.jsonl": dumps(*[TRAINING] * 966),
        "extreme_when_bench/test.json": dumps(rows),
        "momentseeker/t2v.json": dumps([SEEKER] * 1000),
        "momentseeker/durations.csv": SECONDS,
        "ego4d_nlq/nlq_val.json": dumps(NLQ),
        "rextime/rextime_val.json": dumps([{**REXTIME, "qid": str(i)} for i in range(921)]),
    }
    wanted = {"didemo": 4021, "hacs-tal": 4966, "extreme-when-bench": 2273, "momentseeker": 1000, "ego4d-nlq": 2, "rextime": 921}
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    for name, queries in wanted.items():
        task = tasks.find(name)
        assert len(tasks.load(task, task.default_split, tmp_path)) == queries
        assert task.splits(tmp_path)[task.default_split].trust().startswith("unverified")
    (tmp_path / "momentseeker" / "t2v.json").write_text(dumps([SEEKER]))
    with pytest.raises(InputError, match="1,000 queries in momentseeker@test"):
        tasks.load(tasks.find("momentseeker"), "test", tmp_path)
