"""`harness score` on files: the official QVHighlights report, keyed dictionaries, rows that match nothing."""

import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.plan import make_plan


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
    counts = {"answered": 33, "parsed": 33, "dropped": 0, "truncated": 0}
    assert direct["counts"] == {**counts, "errors": {"not-run": 3}, "parse_failures": {}}
    assert direct["on_answered"]["mIoU"] == 100
    assert "1 of 34 rows match no sample: entry 'elsewhere" in err
    assert "3 samples have no row" in err


def test_nothing_that_matches_is_bad_input(benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.jsonl").write_text('{"id": "x", "text": "1 to 2"}\n')
    options = ["--task", "synthetic", "--data-root", benchmark_root]
    code, _, err = harness(capsys, "score", tmp_path / "other.jsonl", *options)
    assert code == 2
    assert "none of which names a sample" in err and "name samples as the split does, such as video 'test_0000' and query" in err


def test_strangers_are_counted_and_few_are_named(
    benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = make_plan("synthetic", None, None, (), benchmark_root)
    lines = [{"id": f"x{i}", "text": "1 to 2"} for i in range(2_000)]
    lines += [{"id": plan.samples[0].id, "text": "1 to 4"}, {"id": plan.samples[1].id, "mode": "cot", "text": "1 to 4"}]
    (tmp_path / "some.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, out, err = harness(
        capsys, "score", tmp_path / "some.jsonl", "--task", "synthetic", "--data-root", benchmark_root, "--json"
    )
    assert code == 0
    assert "2000 of 2002 rows match no sample: line 1, line 2, line 3, line 4, line 5 …" in err
    assert "1 of 2002 rows answer in another mode than direct: line 2002\n" in err
    assert "35 samples have no row" in err
    assert json.loads(out)["modes"]["direct"]["counts"]["answered"] == 1


@pytest.mark.shared_data
def test_what_is_asked_of_a_submission_is_done(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own report unless a protocol or all of them are named; under `--ids` over those samples."""
    samples = make_plan("qvhighlights", None, None, (), shared_data).samples[:40]
    (tmp_path / "ids").write_text("".join(f"{sample.id}\n" for sample in samples))
    sample = shared_data / "qvhighlights" / "sample_val_preds.jsonl"
    score = ["score", sample, "--task", "qvhighlights", "--data-root", shared_data, "--ids", tmp_path / "ids"]
    code, out, _ = harness(capsys, *score, "--json")
    report = json.loads(out)["brief"]
    assert code == 0
    code, out, err = harness(capsys, *score, "--json", "--protocol", "qvh-official")
    measured = {k: v for k, v in json.loads(out)["modes"]["direct"]["aggregate"].items() if k.startswith("MR-")}
    assert code == 0 and "1510 of 1550 rows match no sample" in err
    assert measured and {key: round(value, 2) for key, value in measured.items()} == {key: report[key] for key in measured}
    code, out, _ = harness(capsys, *score, "--json", "--all-protocols")
    (row,) = [row for row in json.loads(out) if row["protocol"] == "qvh-official"]
    assert code == 0 and row["n"] == "40" and float(row["MR-mAP"]) == report["MR-full-mAP"]


def test_a_run_under_ids_is_scored_on_them(benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also in one of its modes, under every protocol, and on fewer ids; on more, what was never asked counts."""
    ids = [sample.id for sample in make_plan("synthetic", None, None, (), benchmark_root).samples]
    for name, some in (("ten", ids[:10]), ("four", ids[:4]), ("twelve", ids[:12])):
        (tmp_path / name).write_text("".join(f"{i}\n" for i in some))
    options = ["--data-root", benchmark_root]
    run = ["run", "--model", "oracle", "--tasks", "synthetic", "--modes", "direct,cot", "--ids", tmp_path / "ten", *options]
    assert harness(capsys, *run, "--output", tmp_path / "run")[0] == 0

    def counted(*more: object) -> dict[str, tuple[int, int]]:
        code, out, _ = harness(capsys, "score", tmp_path / "run", "--json", *options, *more)
        assert code == 0
        modes = json.loads(out)["modes"]
        return {mode: (m["aggregate"]["n"], m["counts"]["answered"]) for mode, m in modes.items() if "counts" in m}

    assert counted() == {"direct": (10, 10), "cot": (10, 10)}
    assert counted("--modes", "cot") == {"cot": (10, 10)}
    assert counted("--ids", tmp_path / "four") == {"direct": (4, 4), "cot": (4, 4)}
    assert counted("--ids", tmp_path / "twelve") == {"direct": (12, 10), "cot": (12, 10)}
    code, out, _ = harness(capsys, "score", tmp_path / "run", "--all-protocols", "--json", *options)
    assert code == 0 and {row["n"] for row in json.loads(out)} <= {"0", "10"}
    (tmp_path / "run" / "samples.jsonl").write_text("")
    assert harness(capsys, "score", tmp_path / "run", *options)[0] == 2


def test_replies_in_percent_are_read_once(benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of replies scores as the run that gave them, and spans that a file gives are seconds under every protocol."""
    options = ["--data-root", benchmark_root, "--protocol", "vtimellm-percent"]
    run = ["run", "--model", "oracle", "--tasks", "synthetic", *options, "--output", tmp_path / "run"]
    assert harness(capsys, *run)[0] == 0
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())["modes"]["direct"]
    assert scores["aggregate"]["mIoU"] > 90
    samples = make_plan("synthetic", None, None, (), benchmark_root).samples
    (tmp_path / "spans.jsonl").write_text("".join(json.dumps({"id": s.id, "pred": s.truth.spans[0]}) + "\n" for s in samples))
    for file, expected in ((tmp_path / "run" / "samples.jsonl", scores["aggregate"]["mIoU"]), (tmp_path / "spans.jsonl", 100.0)):
        code, out, _ = harness(capsys, "score", file, "--task", "synthetic", "--json", *options)
        assert code == 0 and json.loads(out)["modes"]["direct"]["aggregate"]["mIoU"] == expected
        code, out, _ = harness(capsys, "score", file, "--task", "synthetic", "--json", "--all-protocols", *options)
        (row,) = [row for row in json.loads(out) if row["protocol"] == "vtimellm-percent"]
        assert code == 0 and row["mIoU"] == f"{expected:.2f}"
