"""Prediction files as people have them, through the command line: the right value, or a refusal that says why."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from harness.cli import main

QUERIES = [
    *(("n1", "yard.mp4", "a dog barks", 12.5, 17.5), ("n2", "yard.mp4", "a dog digs", 20, 30)),
    *(("n3", "v_street.mkv", "a bus stops", 65, 80), ("n4", "v_street.mkv", "a bus leaves", 100, 110)),
]
WRONG = "<answer>0 to 5</answer>"
Say = Callable[[float, float], dict[str, Any]]


class Scored(NamedTuple):
    """What `harness score` did."""

    code: int
    mode: dict[str, Any]
    said: str

    @property
    def miou(self) -> float:
        return float(self.mode["aggregate"]["mIoU"])


@pytest.fixture
def score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Scored]:
    def score(rows: list[dict[str, Any]], *options: str, ids: str = "n{}") -> Scored:
        task, file = tmp_path / "own.jsonl", tmp_path / "file.jsonl"
        lines = [
            {"id": ids.format(i + 1), "video": video, "duration": 120, "query": query, "spans": [[start, end]]}
            for i, (_, video, query, start, end) in enumerate(QUERIES)
        ]
        task.write_text("".join(json.dumps(line) + "\n" for line in lines))
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        code = main(["score", str(file), "--task", str(task), "--data-root", str(tmp_path), "--json", *options])
        shown = capsys.readouterr()
        return Scored(code, json.loads(shown.out)["modes"]["direct"] if code == 0 else {}, shown.err)

    return score


def rows(say: Say) -> list[dict[str, Any]]:
    return [{"video": video, "query": query, **say(start, end)} for _, video, query, start, end in QUERIES]


def right(start: float, end: float) -> str:
    return f"<answer>{start} to {end}</answer>"


def clock(time: float) -> str:
    return f"{int(time) // 60:02d}:{time % 60:04.1f}"


TRUTH_BESIDE: dict[str, tuple[str, Say]] = {
    "answer": ("prediction", lambda s, e: {"answer": right(s, e), "prediction": WRONG}),
    "output and label": ("predict", lambda s, e: {"output": right(s, e), "label": right(s, e), "predict": WRONG}),
    "solution, gt, target": (
        "completion",
        lambda s, e: {"solution": [s, e], "gt": right(s, e), "target": [s, e], "completion": WRONG},
    ),
    "timestamps": ("pred", lambda s, e: {"timestamps": [[s, e]], "pred": [0, 5]}),
    "timestamp": ("response", lambda s, e: {"timestamp": [s, e], "response": WRONG}),
    "spans": ("text", lambda s, e: {"spans": [[s, e]], "text": WRONG}),
    "relevant_windows": (
        "pred_relevant_windows",
        lambda s, e: {"relevant_windows": [[s, e]], "pred_relevant_windows": [[0, 5, 1]]},
    ),
    "start and end": ("pred_start", lambda s, e: {"start": s, "end": e, "pred_start": 0, "pred_end": 5}),
    "capitals": ("Prediction", lambda s, e: {"Answer": right(s, e), "Prediction": WRONG}),
}


@pytest.mark.parametrize("name", TRUTH_BESIDE)
def test_the_truth_is_never_scored_as_the_reply(score: Callable[..., Scored], name: str) -> None:
    key, say = TRUTH_BESIDE[name]
    found = score(rows(say))
    assert (found.code, found.miou) == (0, 0)
    assert f"the reply is read from `{key}`" in found.said


UNDECIDED: dict[str, tuple[tuple[str, str], Say]] = {
    "texts": (("text", "prediction"), lambda s, e: {"text": right(s, e), "prediction": WRONG}),
    "text and moments": (("response", "pred"), lambda s, e: {"response": right(s, e), "pred": [0, 5]}),
    "both often true": (("answer", "output"), lambda s, e: {"answer": WRONG, "output": right(s, e)}),
    "answer and timestamps": (("answer", "timestamps"), lambda s, e: {"answer": WRONG, "timestamps": [s, e]}),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_two_keys_that_differ_are_named_until_one_is_chosen(score: Callable[..., Scored], name: str) -> None:
    keys, say = UNDECIDED[name]
    found = score(rows(say))
    assert found.code == 2 and "line 1" in found.said
    assert all(f"`{key}`" in found.said and f"--reply-key {key}" in found.said for key in keys)
    values = {score(rows(say), "--reply-key", key).miou for key in keys}
    assert values == {0, 100}


def test_a_key_that_shows_late_is_held_against_the_first_rows(score: Callable[..., Scored]) -> None:
    """The choice stands on the first 500 rows; a later row with a better key stops the reading, whatever was read."""
    (first, *others) = rows(lambda s, e: {"answer": right(s, e)})
    found = score([first] * 600 + [{**other, "prediction": WRONG} for other in others])
    assert found.code == 2 and "line 601" in found.said and "`prediction`" in found.said


def test_a_row_without_the_key_does_not_fall_back_on_the_truth(score: Callable[..., Scored]) -> None:
    say = rows(lambda s, e: {"answer": right(s, e), "prediction": right(s, e)})
    del say[0]["prediction"]
    say[1]["prediction"] = None
    found = score(say)
    assert found.mode["counts"]["errors"] == {"no-reply": 1}
    assert found.mode["counts"]["parse_failures"] == {"no-span": 1}
    assert "rows without `prediction`, which count as `no-reply`: 1 (line 1)" in found.said


READ: dict[str, Say] = {
    "clock": lambda s, e: {"timestamps": [[f"00:{clock(s)}", f"00:{clock(e)}"]]},
    "number texts": lambda s, e: {"pred": [str(s), f"{e}s"]},
    "decimal comma": lambda s, e: {"pred": [str(s).replace(".", ","), e]},
    "object": lambda s, e: {"pred": {"start": s, "end": str(e)}},
    "objects": lambda s, e: {"pred": [{"start_s": s, "end_s": e, "score": 0.5}]},
    "scores as text": lambda s, e: {"pred_relevant_windows": [[str(s), str(e), "0.9"]]},
    "JSON in a text": lambda s, e: {"pred": f"[[{s}, {e}]]"},
    "tuple in a text": lambda s, e: {"pred": f"[({s}, {e}),]"},
    "srt": lambda s, e: {"pred": f"00:{clock(s)} --> 00:{clock(e)}"},
    "text under pred": lambda s, e: {"pred": right(s, e)},
    "texts in lists": lambda s, e: {"resps": [[right(s, e)]]},
    "equal texts": lambda s, e: {"response": [right(s, e)] * 3},
    "batch": lambda s, e: {"response": {"status_code": 200, "body": {"choices": [{"message": {"content": right(s, e)}}]}}},
    "parts": lambda s, e: {"choices": [{"message": {"content": [{"type": "text", "text": right(s, e)}]}}]},
    "candidates": lambda s, e: {"response": {"candidates": [{"content": {"parts": [{"text": right(s, e)}]}}]}},
    "both say the same": lambda s, e: {"response": right(s, e), "pred": [s, e]},
    "the query as text": lambda s, e: {"text": next(q[2] for q in QUERIES if q[3] == s), "prediction": right(s, e)},
    "no error": lambda s, e: {"text": right(s, e), "error": {12.5: "", 20: False, 65: {}, 100: "None"}[s]},
}


@pytest.mark.parametrize("name", READ)
def test_it_is_read(score: Callable[..., Scored], name: str) -> None:
    found = score(rows(READ[name]))
    assert (found.code, found.miou) == (0, 100)


REFUSED: dict[str, tuple[Say, str]] = {
    "percent": (lambda s, e: {"pred": [f"{s}%", f"{e}%"]}, "%"),
    "percent text": (lambda s, e: {"pred": f"{s}% - {e}%"}, "%"),
    "frames": (lambda s, e: {"pred": {"start_frame": s, "end_frame": e}}, "start_frame"),
    "a number": (lambda s, e: {"pred": s}, "neither a text nor moments"),
    "four numbers": (lambda s, e: {"pred": [s, e, s, e]}, "no moment"),
    "replies that differ": (lambda s, e: {"response": [right(s, e), WRONG]}, "2 replies that differ"),
    "no reply at all": (lambda s, e: {"seconds": 3}, "'seconds'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_its_line(score: Callable[..., Scored], name: str) -> None:
    say, word = REFUSED[name]
    found = score(rows(say))
    assert found.code == 2
    assert "line 1" in found.said and word in found.said and "docs/predictions.md" in found.said


@pytest.mark.parametrize("pred", [[float("nan")] * 2, [1, float("inf")], [None, None], [[1, 2], ["nan", 3]]])
def test_what_is_no_finite_number_fails_its_row_alone(score: Callable[..., Scored], pred: Any) -> None:
    say = rows(lambda s, e: {"pred": [s, e]})
    say[3]["pred"] = pred
    found = score(say)
    assert (found.code, found.miou, found.mode["counts"]["parse_failures"]) == (0, 75, {"bad-number": 1})


def test_errors_are_counted_and_never_passed_over(score: Callable[..., Scored]) -> None:
    say = rows(lambda s, e: {"text": right(s, e)})
    say[0] |= {"text": None, "error": "out of memory"}
    say[1] |= {"text": "", "error": {"type": "decode-timeout", "message": "120 s"}}
    assert score(say).mode["counts"]["errors"] == {"decode-timeout": 1, "no-reply": 1}
    # A text that came with a warning is a reply.
    say[2] |= {"error": "slow"}
    assert score(say).miou == 50


@pytest.mark.parametrize("key", ["id", "qid", "question_id"])
@pytest.mark.parametrize("first", [1, 2])
def test_video_and_query_count_before_a_running_number(score: Callable[..., Scored], key: str, first: int) -> None:
    """The task's own ids are 1 to 4, and rows are numbered from 1, in another order, or from 2."""
    say = [{key: first + i, **row} for i, row in enumerate(rows(lambda s, e: {"pred": [s, e]})[::-1])]
    found = score(say, ids="{}")
    assert found.miou == 100
    assert "rows with the number of another sample than their video and query name, which count" in found.said


def test_a_name_that_contradicts_video_and_query_is_refused(score: Callable[..., Scored]) -> None:
    say = [{"id": f"n{4 - i}", **row} for i, row in enumerate(rows(lambda s, e: {"pred": [s, e]}))]
    found = score(say)
    assert found.code == 2 and "'n4'" in found.said and "line 1" in found.said


def test_numbers_alone_name_samples_unless_they_count_the_rows(score: Callable[..., Scored]) -> None:
    say = [{"qid": i + 1, "pred": [s, e]} for i, (*_, s, e) in enumerate(QUERIES)]
    assert score(say, ids="{}").miou == 100
    # Ids 10, 20, 30, 40: rows numbered 0 to 9 name none of them, of 0 to 14 one by accident.
    found = score([{"qid": i, "pred": [1, 2]} for i in (3, 0, 1, 2, 9, 5, 6, 7, 8, 4)], ids="{}0")
    assert found.code == 2
    found = score([{"id": i, "pred": [12.5, 17.5]} for i in range(15)], ids="{}0")
    assert found.code == 2 and "happen to be ids" in found.said


def test_a_number_of_another_video_and_query_answers_nothing(score: Callable[..., Scored]) -> None:
    stranger = {"qid": 4, "video": "elsewhere", "query": "a cat", "pred": [100, 110]}
    found = score([*rows(lambda s, e: {"pred": [s, e]})[:3], stranger], ids="{}")
    assert found.miou == 75
    assert "which answer nothing: 1 (line 4)" in found.said


@pytest.mark.parametrize("video", ["yard", "/data/v_yard.avi", "v_yard", "c:\\videos\\yard.webm", "yard_0.0_120.0.mp4"])
def test_videos_in_other_spellings(score: Callable[..., Scored], video: str) -> None:
    assert score([{"video": video, "question": "A dog  barks.", "pred": [12.5, 17.5]}]).miou == 25


DOUBLE = [{"id": "n1", "text": right(12.5, 17.5)}, {"id": "n2", "text": right(20, 30)}, {"id": "n1", "text": WRONG}]


@pytest.mark.parametrize(("rule", "miou"), [("last", 25), ("first", 50), ("mean", 37.5)])
def test_several_rows_for_a_sample_are_told_and_chosen(score: Callable[..., Scored], rule: str, miou: float) -> None:
    found = score([*DOUBLE, DOUBLE[1]], "--duplicates", rule)
    assert found.miou == miou
    assert (
        f"samples with several rows: 2, of which 1 have rows that differ; the {'mean' if rule == 'mean' else rule}" in found.said
    )


def test_several_rows_can_be_refused(score: Callable[..., Scored]) -> None:
    found = score(DOUBLE, "--duplicates", "refuse")
    assert found.code == 2 and "line 3" in found.said


def test_an_error_takes_no_place_of_a_reply(score: Callable[..., Scored]) -> None:
    failed = {"id": "n1", "text": None, "error": "timeout"}
    for say in ([failed, DOUBLE[0]], [DOUBLE[0], failed]):
        found = score(say, "--duplicates", "refuse")
        assert (found.code, found.miou) == (0, 25)


def test_protocols_that_read_more_are_named(score: Callable[..., Scored]) -> None:
    found = score(rows(lambda s, e: {"text": f"From {s} to {e} seconds."}), "--protocol", "default")
    assert "in 0 of 4 replies" in found.said and "`lmms-charades` reads 4" in found.said
    assert "reads a span" not in score(rows(lambda s, e: {"text": right(s, e)})).said
