"""What stays in memory: functions and objects as models, predictions without a file, results as frames and pages."""

import functools
import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import api
from harness.synthetic.make import make
from leaderboards.view.page import unpacked
from tasks.errors import InputError


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 1, "test": 2})
    return root


def blink(frames: Any, question: Any) -> str:
    return f"from 1.0 to {frames.time_s[-1]:.1f}, {question.mode}"


class Blinking:
    pixel_factor = 14

    def describe(self) -> dict[str, Any]:
        return {"weights": [1, 2]}

    def answer(self, frames: Any, questions: Any) -> list[str]:
        assert frames.pixels.shape[1] % 14 == 0
        return [blink(frames, question) for question in questions]


def lazy(frames: Any, question: Any) -> None:
    return None


def test_a_function_is_a_model(data_root: Path, tmp_path: Path) -> None:
    asked = functools.partial(api.run, task="synthetic", output=tmp_path / "run", data_root=data_root)
    run = asked(blink)
    told = run.document["spec"]["model"] if run.document else {}
    assert (run.name, told["backend"], told["class"]) == ("blink", "own", "blink")
    assert len(run.samples) == 6 and all(row["text"].endswith(", direct") and row["spans"] for row in run.samples)
    before = (tmp_path / "run" / "samples.jsonl").read_bytes()
    assert asked(blink).scores == run.scores and (tmp_path / "run" / "samples.jsonl").read_bytes() == before
    with pytest.raises(InputError, match=r"model\.fingerprint was"):
        asked(lambda frames, question: "from 0 to 1")


def test_an_object_is_a_model(data_root: Path, tmp_path: Path) -> None:
    run = api.run(Blinking(), "synthetic", output=tmp_path / "run", data_root=data_root)
    told = json.loads((tmp_path / "run" / "run.json").read_text())["spec"]["model"]
    assert (told["class"], told["described"]) == ("Blinking", {"weights": [1, 2]})
    assert [row["text"] for row in run.samples] == [
        row["text"] for row in api.run(blink, "synthetic", output=tmp_path / "f", data_root=data_root).samples
    ]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (functools.partial(blink), "whose source Python can read"),
        (len, "whose source Python can read"),
        (lambda frames: "", "too many positional"),
        (lazy, "(?s)replies that are texts.*a NoneType"),
        (3, "whose source Python can read"),
    ],
)
def test_what_is_no_model_is_refused(model: Any, words: str, data_root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        api.run(model, "synthetic", output=tmp_path / "run", data_root=data_root)


def test_a_function_takes_no_backend(data_root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="blink without --backend"):
        api.run(blink, "synthetic", output=tmp_path / "run", data_root=data_root, backend="vllm")


def rows() -> list[dict[str, Any]]:
    return [
        {"video": "test-0000", "query": "green square", "text": "from 0.0 to 4.0"},
        {"video": "test-0001", "query": "nothing there", "text": "from 0.0 to 4.0"},
    ]


def as_frame(found: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("pandas", reason="pandas, extra train, is not installed").DataFrame(found)


def as_dataset(found: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("datasets", reason="datasets, extra train, is not installed").Dataset.from_list(found)


@pytest.mark.parametrize("form", [list, tuple, as_frame, as_dataset])
def test_predictions_in_memory_score_as_their_file(form: Callable[..., Any], data_root: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    expected = api.score(file, task="synthetic", data_root=data_root)
    found = api.score(form(rows()), task="synthetic", data_root=data_root)
    assert found.scores == expected.scores and found.samples == expected.samples
    assert any("1 of 2 rows match no sample" in note for note in found.notes)


def test_replies_by_id_and_moments_of_numpy_score(data_root: Path) -> None:
    oracle = api.score(rows(), task="synthetic", data_root=data_root)
    row = oracle.samples[0]
    by_id = api.score({row["id"]: "from 0.0 to 4.0"}, task="synthetic", data_root=data_root)
    moments = [{"id": row["id"], "pred": np.array([[0.0, 4.0]])}]
    assert [one.samples[0]["mIoU"] for one in (by_id, api.score(moments, task="synthetic", data_root=data_root))] == [1.0, 1.0]
    with pytest.raises(InputError, match="a list of rows"):
        api.score([{"id": object()}], task="synthetic", data_root=data_root)


def test_what_is_open_is_compared_as_it_was_opened(data_root: Path, tmp_path: Path) -> None:
    mine = api.score(rows(), task="synthetic", data_root=data_root)
    run = api.run("whole-video", "synthetic", output=tmp_path / "run", data_root=data_root)
    other = api.score(run, protocol="default", data_root=data_root)
    assert api.compare(run, mine).result["protocol"].startswith("synthetic ")
    with pytest.raises(InputError, match="same task, split and protocol"):
        api.compare(other, mine)
    assert api.compare(other, mine, protocol="default").result["protocol"].startswith("default ")


def test_lists_are_seeds_and_a_comparison_is_a_frame(data_root: Path, tmp_path: Path) -> None:
    names = ("whole-video", "middle-half", "train-prior", "oracle")
    runs = [api.run(name, "synthetic", output=tmp_path / name, data_root=data_root) for name in names]
    found = api.compare(runs[:2], [runs[2].path, runs[3]], data_root=data_root)
    joined = api.compare(
        ",".join(str(run.path) for run in runs[:2]), ",".join(str(run.path) for run in runs[2:]), data_root=data_root
    )
    assert found.result == joined.result
    pytest.importorskip("pandas", reason="pandas, extra train, is not installed")
    frame = found.to_pandas().set_index("metric")
    means = [np.mean([run.scores["modes"]["direct"]["aggregate"]["mIoU"] for run in some]) for some in (runs[:2], runs[2:])]
    assert frame.loc["mIoU", ["a", "b", "difference"]].tolist() == pytest.approx([*means, means[1] - means[0]])
    assert {"mode", "first", "run", "low_95", "high_95", "p", "p_holm", "n"} < set(frame.columns)
    assert api.compare(runs[0], data_root=data_root).to_pandas().empty


def test_a_board_is_the_command_s_and_a_frame(data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from harness.cli import main

    run = api.run("whole-video", "synthetic", output=tmp_path / "run", data_root=data_root)
    board = api.board(run, label={str(tmp_path / "run"): "mine"}, data_root=data_root, verify=True)
    capsys.readouterr()
    assert main(["board", str(run.path), "--label", f"{run.path}=mine", "--data-root", str(data_root)]) == 0
    assert f"{board!r}\n" == capsys.readouterr().out
    row = next(row for row in board.rows if row["model"] == "mine")
    assert row["mIoU"] == run.scores["modes"]["direct"]["aggregate"]["mIoU"]
    pytest.importorskip("pandas", reason="pandas, extra train, is not installed")
    assert len(board.to_pandas()) == len(board.rows) and "<table>" in board._repr_html_()


def test_a_page_shows_itself_in_a_cell(data_root: Path, tmp_path: Path) -> None:
    run = api.run("whole-video", "synthetic", output=tmp_path / "run", data_root=data_root)
    page = api.view(run, data_root=data_root)
    assert page.path == tmp_path / "run" / "view.html"
    cell = page._repr_html_()
    shown = html.unescape(cell.partition('srcdoc="')[2].partition('" width')[0])
    assert shown == page.path.read_text() and unpacked(shown)
    with pytest.raises(InputError, match="one run, or two"):
        api.view()


def test_what_is_public_is_listed() -> None:
    assert {"run", "score", "compare", "train", "experiment", "board", "view", "Run", "InputError"} < set(dir(api))
    assert all(not name.startswith("_") and hasattr(api, name) for name in dir(api))
