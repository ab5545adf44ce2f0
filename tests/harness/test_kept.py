"""Predictions of a file, kept as a run that boards take."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from harness import api
from harness.cli import main


def keep(root: Path, folder: Path, file: Path, *options: str) -> int:
    arguments = ["score", str(file), "--task", "synthetic", "--data-root", str(root), "--output", str(folder), *options]
    return main(arguments)


@pytest.fixture
def predictions(benchmark_root: Path, tmp_path: Path) -> Path:
    run = tmp_path / "run"
    typed = ["run", "--model", "middle-half", "--tasks", "synthetic", "--data-root", str(benchmark_root), "--output", str(run)]
    assert main(typed) == 0
    lines = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    file = tmp_path / "said.jsonl"
    file.write_text("".join(json.dumps({"id": line["id"], "text": line["text"]}) + "\n" for line in lines))
    return file


def test_a_kept_file_is_a_row_of_a_board(
    benchmark_root: Path, tmp_path: Path, predictions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert keep(benchmark_root, tmp_path / "kept", predictions, "--system", "My system") == 0
    for name in ("run", "scores"):
        schema = json.loads((Path(__file__).parents[2] / "harness" / "schemas" / f"{name}.schema.json").read_text())
        Draft202012Validator(schema).validate(json.loads((tmp_path / "kept" / f"{name}.json").read_text()))
    alone = json.loads((tmp_path / "run" / "scores.json").read_text())["modes"]["direct"]["aggregate"]
    assert json.loads((tmp_path / "kept" / "scores.json").read_text())["modes"]["direct"]["aggregate"] == alone
    capsys.readouterr()
    assert main(["board", str(tmp_path / "kept"), "--data-root", str(benchmark_root)]) == 0
    assert "My system" in capsys.readouterr().out


def test_the_same_file_is_kept_again_and_another_is_refused(
    benchmark_root: Path, tmp_path: Path, predictions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert keep(benchmark_root, tmp_path / "kept", predictions) == keep(benchmark_root, tmp_path / "kept", predictions) == 0
    before = (tmp_path / "kept" / "scores.json").read_bytes()
    predictions.write_text(predictions.read_text().replace("to", "until"))
    assert keep(benchmark_root, tmp_path / "kept", predictions) == 2
    assert "model.sha256 was" in capsys.readouterr().err
    assert (tmp_path / "kept" / "scores.json").read_bytes() == before
    assert main(["score", str(tmp_path / "run"), "--data-root", str(benchmark_root), "--output", str(tmp_path / "x")]) == 2


@pytest.mark.parametrize("verb", ["score", "export", "compare", "view", "score --all-protocols"])
def test_where_replies_are_wanted_the_file_is_named(
    verb: str, benchmark_root: Path, tmp_path: Path, predictions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = predictions.rename(tmp_path / "what it said.jsonl")
    assert keep(benchmark_root, tmp_path / "kept", file) == 0
    file_typed = f"harness score '{file.name}' --task synthetic@test"
    more = ["--format", "csv"] if verb == "export" else verb.split()[1:]
    capsys.readouterr()
    assert main([verb.split()[0], str(tmp_path / "kept"), *more, "--data-root", str(benchmark_root)]) == 2
    assert file_typed in capsys.readouterr().err


def test_a_notebook_keeps_predictions_too(benchmark_root: Path, tmp_path: Path, predictions: Path) -> None:
    rows = [json.loads(line) for line in predictions.read_text().splitlines()]
    found = api.score(rows, task="synthetic", data_root=benchmark_root, output=tmp_path / "kept", system="Mine")
    (row,) = (row for row in api.board([tmp_path / "kept"], data_root=benchmark_root).rows if row["block"] == "ranked")
    assert (row["model"], row["mIoU"]) == ("Mine", found.scores["modes"]["direct"]["aggregate"]["mIoU"])
