"""`harness score` on files: the official QVHighlights report, keyed dictionaries, rows that match nothing."""

import json
from pathlib import Path

import pytest

from harness.cli import main


def harness(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(a) for a in arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.mark.shared_data
def test_the_official_sample_scores_every_official_number(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = shared_data / "qvhighlights" / "sample_val_preds.jsonl"
    code, out, _ = harness(capsys, "score", sample, "--task", "qvhighlights", "--data-root", shared_data, "--json")
    report = json.loads(out)
    official = json.loads((shared_data / "qvhighlights" / "sample_val_preds_metrics.json").read_text())
    assert code == 0
    assert report["brief"].pop("MR-full-mIoU") == 49.21
    assert report == official


@pytest.mark.shared_data
def test_a_submission_must_answer_the_split(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (shared_data / "qvhighlights" / "sample_val_preds.jsonl").read_text().splitlines(keepends=True)
    for content, words in (
        (lines[1:], "1 missing"),
        ([lines[0], *lines], "1 repeated"),
        (['{"qid": 1, "pred_saliency_scores": 3}'], "line 1"),
    ):
        (tmp_path / "cut.jsonl").write_text("".join(content))
        code, _, err = harness(capsys, "score", tmp_path / "cut.jsonl", "--task", "qvhighlights", "--data-root", shared_data)
        assert code == 2
        assert words in err


def test_a_keyed_dictionary_with_strangers_and_gaps(
    benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    annotations = json.loads((benchmark_root / "synthetic" / "test.json").read_text())
    content = {
        f"{video}.mp4>>>{query}>>>{span}": "{} to {}".format(*span)
        for video, entry in list(annotations.items())[1:]
        for query, span in zip(entry["sentences"], entry["timestamps"], strict=True)
    } | {"elsewhere.mp4>>>red circle>>>[0, 1]": "0 to 1"}
    (tmp_path / "submission.json").write_text(json.dumps(content))
    options = ["--task", "synthetic", "--data-root", benchmark_root, "--json"]
    code, out, err = harness(capsys, "score", tmp_path / "submission.json", *options)
    assert code == 0
    direct = json.loads(out)["modes"]["direct"]
    assert direct["counts"] == {"answered": 33, "parsed": 33, "dropped": 0, "errors": {"not-run": 3}, "parse_failures": {}}
    assert direct["on_answered"]["mIoU"] == 100
    assert "1 of 34 rows match no sample: entry elsewhere" in err
    assert "3 samples have no row" in err


def test_nothing_that_matches_is_bad_input(benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.jsonl").write_text('{"id": "x", "text": "1 to 2"}\n')
    options = ["--task", "synthetic", "--data-root", benchmark_root]
    code, _, err = harness(capsys, "score", tmp_path / "other.jsonl", *options)
    assert code == 2
    assert "none of which names one" in err
