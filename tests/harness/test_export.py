"""`harness export` and `harness push`: what files and cards hold, read back by other means."""

import csv
import io
import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from harness import api, export
from harness.commands import export as command
from harness.commands import push
from harness.summary import judge_plan
from tasks.errors import InputError

REPLIES = {
    "red circle": "1 to 4",
    "blue square": 'no "idea",\nnone; \N{SNOWMAN} =1+1',
    # A third query has no reply at all: an error.
}


FILES = {"reply_key": None, "duplicates": "last"}


@pytest.fixture
def run(benchmark_root: Path, tmp_path: Path) -> api.Run:
    """A run with a hit, a reply without a span, and an error on every video, in two modes."""
    replies = tmp_path / "replies.jsonl"
    rows = [{"video": f"test_{i:04d}", "query": query, "text": text} for i in range(12) for query, text in REPLIES.items()]
    replies.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options: dict[str, Any] = {"data_root": benchmark_root, "modes": "direct,cot"}
    return api.run(f"replay:{replies}", "synthetic", output=tmp_path / "run", **options)


def ask(run: api.Run, verb: Any = command, **options: Any) -> int:
    given = {"path": str(run.path), "output": None, "format": None, "task": None, "protocol": None, **FILES}
    return int(verb.main(Namespace(**{**given, "data_root": str(run.plan.data_root), **options})))


def test_every_question_is_a_row_with_what_was_said_and_what_it_is_worth(run: api.Run, benchmark_root: Path) -> None:
    annotations = json.loads((benchmark_root / "synthetic" / "test.json").read_text())
    said = {(line["id"], line["mode"]): line for line in map(json.loads, (run.path / "samples.jsonl").open())}
    assert len(run.samples) == len(said) == 72
    for row in run.samples:
        line, video = said[row["id"], row["mode"]], annotations[row["video"]]
        assert list(row) == [*export.COLUMNS, "mIoU", "R1@0.3", "R1@0.5", "R1@0.7"]
        assert row["targets"] == [video["timestamps"][video["sentences"].index(row["query"])]]
        assert (row["text"], row["duration_s"], row["counted"]) == (line["text"], video["duration"], True)
        if row["query"] == "red circle":
            end = row["targets"][0][1]
            assert row["mIoU"] == pytest.approx((min(4, end) - 1) / (max(4, end) - 1))
            assert (row["spans"], row["failure"], row["message"]) == ([[1.0, 4.0]], None, None)
        else:
            assert (row["spans"], row["mIoU"]) == ([], 0.0)
            assert row["failure"] == ("no-row" if line["error"] else "no-span")
            assert row["message"] == (line["error"]["message"] if line["error"] else None)


def test_means_of_the_rows_are_the_scores(run: api.Run) -> None:
    frame = run.to_pandas()
    for mode, values in frame[frame.counted].groupby("mode").mIoU:
        assert 100 * values.mean() == pytest.approx(run.scores["modes"][mode]["aggregate"]["mIoU"])


def test_files_hold_the_rows(run: api.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow.parquet

    for form in export.FORMATS:
        assert ask(run, output=str(tmp_path / "out" / f"samples.{form}")) == 0
    out = tmp_path / "out"
    assert [json.loads(line) for line in (out / "samples.jsonl").open()] == run.samples
    assert pyarrow.parquet.read_table(out / "samples.parquet").to_pylist() == run.samples
    with (out / "samples.csv").open(newline="", encoding="utf-8") as file:
        for read, row in zip(csv.DictReader(file), run.samples, strict=True):
            assert json.loads(read["spans"]) == row["spans"]
            assert json.loads(read["targets"]) == row["targets"]
            assert (read["text"], float(read["mIoU"]), read["counted"]) == (row["text"] or "", row["mIoU"], "True")
    run.to_parquet(out / "api.parquet")
    assert (out / "api.parquet").read_bytes() == (out / "samples.parquet").read_bytes()
    assert run.to_datasets().to_list() == run.samples
    assert capsys.readouterr().out == "".join(f"{out}/samples.{form}\n" for form in export.FORMATS)


def test_text_goes_to_the_terminal(run: api.Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(run, format="csv") == 0
    assert len(list(csv.DictReader(io.StringIO(capsys.readouterr().out)))) == 72


def test_columns_without_a_value_keep_their_type(run: api.Run) -> None:
    empty = [{**row, "text": None, "spans": [], "message": None} for row in run.samples[:2]]
    assert export.dataset(empty).features == run.to_datasets().features


def test_half_a_character_becomes_no_digit(run: api.Run) -> None:
    """Spelled out, U+D83D would give a parser the number 83."""
    key = run.samples[0]["id"], run.samples[0]["mode"]
    records = {**run.records, key: {**run.records[key], "text": "a \ud83d b"}}
    table = export.rows(records, judge_plan(run.plan, records))
    assert table[0]["text"] == export.dataset(table)[0]["text"] == "a \N{REPLACEMENT CHARACTER} b"
    assert "a \N{REPLACEMENT CHARACTER} b".encode() in export.encode(table, "csv")
    assert json.loads(export.encode(table[:1], "jsonl")) == table[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "--format"),
        ({"output": "samples.xlsx"}, "'xlsx'"),
        ({"format": "parquet"}, "no terminal"),
        ({"format": "csv", "path": "nowhere"}, "no nowhere"),
        ({"format": "model-card", "path": "nowhere"}, "no nowhere"),
    ],
)
def test_what_cannot_be_exported_is_refused(run: api.Run, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ask(run, **options)


def test_a_file_of_predictions_has_no_card(run: api.Run) -> None:
    with pytest.raises(InputError, match="does not name its model"):
        ask(run, path=str(run.path / "samples.jsonl"), task="synthetic", format="model-card")


@pytest.mark.parametrize(
    ("package", "form", "extra"),
    [("datasets", "parquet", "train"), ("huggingface_hub", "model-card", "hf")],
)
def test_a_missing_package_is_named_by_its_extra(
    run: api.Run, package: str, form: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"pip install 'vtg-harness\[{extra}\]'"):
        ask(run, format=form, output=str(tmp_path / "file"))
    assert not (tmp_path / "file").exists()


def read_card(text: str) -> Any:
    from huggingface_hub import ModelCard

    return ModelCard(text).data


def test_a_model_card_reads_back_with_every_number(run: api.Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(run, format="model-card") == 0
    data = read_card(capsys.readouterr().out)
    found = {(result.metric_config, result.metric_type): result for result in data.eval_results}
    expected = {
        (mode, metric): round(value, 2)
        for mode in ("direct", "cot")
        for metric, value in run.scores["modes"][mode]["aggregate"].items()
        if metric != "n"
    }
    assert "mixed-cot" in run.scores["modes"]
    assert {key: result.metric_value for key, result in found.items()} == expected
    one = found["direct", "mIoU"]
    assert (one.dataset_type, one.dataset_split, one.metric_args["coverage"]) == ("synthetic", "test", pytest.approx(2 / 3))
    assert one.metric_args["protocol_sha256"] == run.plan.protocol.sha256
    assert data.model_name == "replay:replies.jsonl"


def test_a_card_of_a_part_says_so_and_hides_folders(run: api.Run, tmp_path: Path) -> None:
    part = api.run("whole-video", "synthetic", output=tmp_path / "part", data_root=run.plan.data_root, limit=5)
    card = export.model_card(part.plan, part.scores, f"{tmp_path}/secret/a: 'b'\n- c")
    data = read_card(f"---\n{card}\n---\n")
    assert {result.dataset_split for result in data.eval_results} == {"test (part)"}
    assert all("only 5 samples" in result.dataset_name for result in data.eval_results)
    assert data.model_name == "a: 'b'\n- c"
    assert "secret" not in str(card)


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would have gone to a hub."""
    import huggingface_hub

    calls: list[Any] = []

    def update(repo: str, metadata: dict[str, Any], **_: Any) -> str:
        calls.append((repo, metadata))
        return f"address of {repo}"

    monkeypatch.setattr(huggingface_hub, "metadata_update", update)
    return calls


def test_nothing_is_pushed_without_yes(run: api.Run, pushed: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"harness push .* me/model --yes"):
        ask(run, push, repo="me/model", yes=False)
    assert pushed == []
    assert "model-index:" in capsys.readouterr().out


def test_push_adds_the_block_to_the_card(run: api.Run, pushed: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(run, push, repo="me/model", yes=True) == 0
    ((repo, metadata),) = pushed
    assert (repo, list(metadata)) == ("me/model", ["model-index"])
    assert metadata["model-index"][0]["results"][0]["dataset"]["type"] == "synthetic"
    assert capsys.readouterr().out == "address of me/model\n"


@pytest.mark.parametrize("kind", ["http", "token", "conflict"])
def test_a_refused_push_is_bad_input(run: api.Run, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx
    import huggingface_hub

    errors = {
        "http": httpx.ConnectError("no way out"),
        "token": huggingface_hub.errors.LocalTokenNotFoundError("no way out"),
        "conflict": ValueError("no way out"),
    }

    def update(*_: Any, **__: Any) -> str:
        raise errors[kind]

    monkeypatch.setattr(huggingface_hub, "metadata_update", update)
    with pytest.raises(InputError, match="no way out"):
        ask(run, push, repo="me/model", yes=True)
