"""Options and detections in the forms of the originals: NExT-GQA's two files, ActivityNet's submission, options in rows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import api
from harness.cli import main
from tasks import task
from tasks.errors import InputError

CHOICES = [
    {"id": f"v{i}_{i}", "video": f"v{i}", "duration": 40, "query": f"what {i}?", "options": ["a", "b", "c"]}
    | {"answer": "ABC"[i % 3], "spans": [[2, 8 + i], [20, 26]]}
    for i in range(6)
]
ACTIONS = [
    {"video": f"v_{i // 2}", "duration": 60, "query": ("High Jump", "diving_board")[i % 2], "spans": [[5, 9 + i], [30, 40]]}
    for i in range(6)
]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Any], Path]:
    def write(name: str, content: Any) -> Path:
        lines = name.endswith(".jsonl")
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in content) if lines else json.dumps(content))
        return tmp_path / name

    return write


def means(run: api.Run) -> dict[str, float]:
    return dict(run.scores["modes"]["direct"]["aggregate"])


@pytest.mark.parametrize(
    "form", [lambda k: "ABC"[k], lambda k: k, lambda k: f"({'abc'[k]})", lambda k: {"prediction": k, "answer": 0}]
)
def test_two_files_of_spans_and_choices(write: Callable[..., Path], form: Callable[[int], Any]) -> None:
    own = write("own.jsonl", CHOICES)
    spans = write("spans.json", {row["id"]: row["spans"][0] for row in CHOICES})
    chosen = write("chosen.json", {row["id"]: form(i % 2) for i, row in enumerate(CHOICES)})
    run = api.score(spans, task=str(own), choices=chosen)
    found = means(run)
    right = sum(i % 2 == i % 3 for i in range(6)) / 6
    assert (found["Acc"], found["Acc@GQA"], found["mIoP"]) == pytest.approx((100 * right, 100 * right, 100.0))
    assert any("options of 6 samples" in note for note in run.notes)
    # The original leaves out a question without a span; by our own rules its option counts.
    fewer = write("fewer.json", {row["id"]: row["spans"][0] for row in CHOICES[:4]})
    for name, n in (("nextgqa-official", 4), ("default-choice", 6)):
        assert means(api.score(fewer, task=str(own), protocol=name, choices=chosen))["n"] == n
    alone = means(api.score(spans, task=str(own)))
    assert alone["Acc@GQA"] == alone["set-mIoU"] == 0.0


def test_options_stand_in_rows_and_come_back_from_an_export(write: Callable[..., Path], tmp_path: Path) -> None:
    own = write("own.jsonl", CHOICES)
    rows = [{"id": row["id"], "pred_spans": row["spans"], "option": "CAB"[i % 3]} for i, row in enumerate(CHOICES)]
    rows[0]["option"] = "E"
    del rows[1]["option"], rows[2]["pred_spans"]
    file = write("said.jsonl", rows)
    run = api.score(file, task=str(own))
    counts = run.scores["modes"]["direct"]["counts"]
    assert counts["parse_failures"] == {"no-option": 1, "no-such-option": 1}
    for form in ("jsonl", "csv"):
        exported = tmp_path / f"again.{form}"
        assert main(["export", str(file), "--task", str(own), "--output", str(exported)]) == 0
        assert means(api.score(exported, task=str(own))) == means(run)


@pytest.mark.parametrize("wrong", ["maybe", 99, -1, True, [1], {"a": 1}, {"prediction": 1, "option": 2}])
def test_what_is_no_option_is_refused(write: Callable[..., Path], wrong: Any) -> None:
    own = write("own.jsonl", CHOICES)
    spans = write("spans.json", {row["id"]: row["spans"][0] for row in CHOICES})
    with pytest.raises(InputError, match="letter"):
        api.score(spans, task=str(own), choices=write("chosen.json", {CHOICES[0]["id"]: wrong}))
    with pytest.raises(InputError, match="by id"):
        api.score(spans, task=str(own), choices=write("chosen.json", {"stranger": "A"}))


def submission(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {"version": "VERSION 1.3", "results": rows, "external_data": {"used": False}}


def test_a_submission_of_detections(write: Callable[..., Path]) -> None:
    own, found = write("own.jsonl", ACTIONS), {}
    for row in ACTIONS[:-1]:
        label = {"High Jump": "high_jump", "diving_board": "Diving Board"}[row["query"]]
        for k, span in enumerate(row["spans"]):
            found.setdefault(row["video"].removeprefix("v_"), []).append({"label": label, "segment": span, "score": 0.9 - k / 10})
    whole = api.score(write("a.json", submission(found)), task=str(own), protocol="default-instances")
    assert means(whole)["mF1"] == pytest.approx(100 * 5 / 6)
    assert whole.scores["modes"]["direct"]["counts"]["parse_failures"] == {"no-span": 1}
    found["0"] += [{"label": "sleeping", "segment": [1, 2], "score": 1.0}]
    found["nowhere"] = [{"label": "High Jump", "segment": [1, 2], "score": 1.0}]
    found["2"] = [row for row in found["2"] if row["label"] == "high_jump"]
    told = " ".join(api.score(write("b.json", submission(found)), task=str(own), protocol="default-instances").notes)
    assert "a class that the task does not have: 1" in told and "a video that is not in the split: 1" in told
    for wrong in ({"label": "High Jump", "segment": [1], "score": 1}, {"label": "High Jump", "segment": "x", "score": None}):
        with pytest.raises(InputError, match="segment"):
            api.score(write("c.json", submission({"0": [wrong]})), task=str(own), protocol="default-instances")
    with pytest.raises(InputError, match="detections in videos"):
        strangers = submission({"nowhere": found["nowhere"]})
        api.score(write("d.json", strangers), task=str(own), protocol="default-instances")


def museg_row(row: dict[str, Any], reply: str) -> dict[str, Any]:
    question = f"Find all the visual events belonging to the action category: '{row['query']}'."
    talk = [f"user: <video>{question}", f"assistant: {reply}"]
    return {"video": f"x/{row['video']}.mp4", "question": question, "groundtruth": row["spans"], "result": {"conversation": talk}}


def test_output_of_museg(write: Callable[..., Path]) -> None:
    own = write("own.jsonl", ACTIONS)
    replies = [f"<think>5: 9.</think><answer>{row['spans'][0][0]}-{row['spans'][0][1]} 30-40</answer>" for row in ACTIONS]
    rows = [museg_row(row, reply) for row, reply in zip(ACTIONS, replies, strict=True)]
    run = api.score(write("out.json", [*rows, {"tot": 6, "mean_f1_multi": 1.0}]), task=str(own), protocol="museg-tal")
    (entry,) = run.scores["modes"].values()
    assert entry["aggregate"]["mF1"] == 100.0 and entry["coverage"] == 1.0
    rows[0]["groundtruth"] = [[1, 2]]
    told = api.score(write("other.json", rows), task=str(own), protocol="museg-tal")
    assert any("1 of 6 rows match no sample" in note for note in told.notes)
    with pytest.raises(InputError, match="MUSEG"):
        api.score(write("bad.json", [{**rows[1], "result": {}}]), task=str(own), protocol="museg-tal")


ETBENCH = [
    {"version": 1.0, "idx": i, "task": "tal", "source": "thumos14", "video": f"thumos14/{row['video']}.mp4", "duration": 60}
    | {
        "src": [1.0],
        "tgt": row["spans"],
        "q": f"Watch the video. Find every '{row['query']}' and give its times.",
        "a": "30 - 40",
    }
    for i, row in enumerate(ACTIONS)
]


@pytest.mark.parametrize("name", ["etbench.json", "etbench.jsonl"])
@pytest.mark.parametrize("asked", ["the event", "the whole prompt"])
def test_output_for_etbench(write: Callable[..., Path], name: str, asked: str) -> None:
    own = write(
        "own.jsonl", [row if asked == "the event" else row | {"query": it["q"]} for row, it in zip(ACTIONS, ETBENCH, strict=True)]
    )
    other = ETBENCH[0] | {"idx": 0, "task": "rar", "q": "Which action?", "o": ["x", "y"], "p": 1, "a": "(B)"}
    other = {key: value for key, value in other.items() if key != "tgt"}
    run = api.score(write(name, [*ETBENCH, other]), task=str(own), protocol="etbench-tal")
    # One instance of two, alone: precision 1, recall 1/2.
    assert means(run)["mF1"] == pytest.approx(100 * 2 / 3)
    assert "the reply is read from `a`" in run.notes[0] and any("1 of 7 rows match no sample" in note for note in run.notes)


def test_etbench_is_told_by_its_structure(write: Callable[..., Path]) -> None:
    own = write("own.jsonl", ACTIONS)
    silent = {key: value for key, value in ETBENCH[1].items() if key != "a"}
    run = api.score(write("gap.json", [ETBENCH[0], silent, *ETBENCH[2:]]), task=str(own), protocol="etbench-tal")
    assert run.scores["modes"]["direct"]["counts"]["errors"] == {"no-reply": 1}
    with pytest.raises(InputError, match=r"entry 1: .*q and a are"):
        api.score(write("bad.json", [ETBENCH[0] | {"a": 7}]), task=str(own), protocol="etbench-tal")
    with pytest.raises(InputError, match="a reply, under a key"):
        api.score(write("annotations.json", [silent]), task=str(own), protocol="etbench-tal")
    # With an id, a query or a sure key of the reply, `q` and `a` are no more than other keys.
    known = [{"pred": row["spans"], "query": row["query"], **said} for row, said in zip(ACTIONS, ETBENCH, strict=True)]
    assert means(api.score(write("other.json", known), task=str(own), protocol="etbench-tal"))["mF1"] == 100.0


def test_etbench_highlights_of_several_annotators(write: Callable[..., Path]) -> None:
    own = write("own.jsonl", [row | {"spans": [[5, 9], [30, 40]]} for row in ACTIONS[:2]])
    rows = [row | {"task": "vhd", "tgt": [[[5, 9]], [[30, 40]]], "a": "At 35.5 seconds."} for row in ETBENCH[:2]]
    rows.append(rows[0] | {"tgt": [[[1, 2]]], "a": "7"})
    run = api.score(write("vhd.json", rows), task=str(own), protocol="etbench-vhd")
    assert means(run)["Hit"] == 100.0 and any("1 of 3 rows match no sample" in note for note in run.notes)


@pytest.mark.shared_data
def test_nextgqa_prints_what_its_evaluator_prints(shared_data: Path, write: Callable[..., Path]) -> None:
    """1.7 21.1 20.6 8.7 21.1 20.6 8.7: the whole video with option A, as eval_ground.py prints it."""
    samples = task.load(task.find("nextgqa"), "test", shared_data)
    spans = write("ground.json", {str(s.native_id): [0, s.duration_s] for s in samples})
    chosen = write(
        "res.json", {str(s.native_id): {"prediction": 0, "answer": "ABCDE".index(str(s.truth.option))} for s in samples}
    )
    found = means(api.score(spans, task="nextgqa", protocol="nextgqa-official", choices=chosen, data_root=shared_data))
    printed = [f"{found[name]:.1f}" for name in ("Acc@GQA", "mIoP", "IoP@0.3", "IoP@0.5", "mIoU", "IoU@0.3", "IoU@0.5")]
    assert " ".join(printed) == "1.7 21.1 20.6 8.7 21.1 20.6 8.7"
