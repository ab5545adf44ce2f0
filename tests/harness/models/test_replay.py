"""Replays read every form that `harness score` reads, give recorded errors back, and refuse moments."""

import csv
import json
from pathlib import Path

import pytest

from harness.models.base import Reply
from harness.models.replay import ReplayModel
from tasks import protocol
from tasks.errors import Failure, InputError
from tasks.question import Question
from tasks.sample import make_samples, one_query
from tasks.span import Span

SAMPLES = make_samples("t", [one_query(f"v{i}", 30.0, f"thing {i}", (Span(1.0, 2.0),), native_id=f"n{i}") for i in range(3)])


def replies(path: Path, key: str | None = None) -> list[str | Failure]:
    model = ReplayModel(path, SAMPLES, key)
    answers = model.answer(None, [Question(sample, "direct", protocol.load("default")) for sample in SAMPLES])
    return [answer.text if isinstance(answer, Reply) else answer for answer in answers]


def test_every_form_gives_the_same_replies(tmp_path: Path) -> None:
    texts = ["1 to 2", '"a", b\n=c', "<answer>3 to 4</answer>"]
    (tmp_path / "list.json").write_text(json.dumps([{"qid": f"n{i}", "response": text} for i, text in enumerate(texts)]))
    (tmp_path / "keyed.json").write_text(json.dumps({f"v{i}.mp4>>>Thing {i}.": text for i, text in enumerate(texts)}))
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["video", "question", "prediction"], *([f"v{i}", f"thing {i}", t] for i, t in enumerate(texts))]
        )
    for name in ("list.json", "keyed.json", "table.csv"):
        assert replies(tmp_path / name) == texts


def test_recorded_errors_come_back(tmp_path: Path) -> None:
    rows = [{"id": "n0", "text": "1 to 2"}, {"id": "n1", "text": None, "error": {"type": "decode-timeout", "message": "120 s"}}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text, error, missing = replies(tmp_path / "rows.jsonl")
    assert (text, error) == ("1 to 2", Failure("decode-timeout", "120 s"))
    assert isinstance(missing, Failure) and missing.type == "no-row"


def test_the_key_can_be_named_and_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "n0", "answer": "1 to 2", "output": "3 to 4"}\n')
    with pytest.raises(InputError, match="--reply-key output"):
        ReplayModel(path, SAMPLES)
    assert replies(path, "output")[0] == "3 to 4"
    assert ReplayModel(path, SAMPLES, "output").describe()["reply_key"] == "output"
    assert ReplayModel(path, SAMPLES, "answer").notes == ["rows.jsonl: the reply is read from `answer`"]


def test_moments_are_no_replies(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"id": "n0", "pred": [1, 2]}\n')
    with pytest.raises(InputError, match="harness score"):
        ReplayModel(tmp_path / "rows.jsonl", SAMPLES)
