"""One table over all protocols: each row is what the protocol scores by itself, each column moves by its own rule only."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.all_protocols import read_all, table
from harness.cli import main
from harness.predictions.read import Predictions, Row
from harness.scores import score
from tasks import kinds, protocol, task
from tasks.sample import make_samples, one_query
from tasks.span import Span

SAMPLES = make_samples("t", [one_query(f"v{i}", 30.0, f"q{i}", (Span(2.0 + i / 4, 12.4 + i),)) for i in range(12)])
FORMS = (
    *("<answer>{} to {}</answer>", "<think>1 to 2</think><answer>{}s - {}s</answer>", "from {} to {} seconds"),
    *("From {:02.0f} to {:02.0f}.", "no idea"),
)
ROWS = [
    Row(f"line {i}", (s.id,), "", FORMS[i % 5].format(s.truth.spans[0].start_s + 0.3, float(s.truth.spans[0].end_s) - 2.1), None)
    for i, s in enumerate(SAMPLES)
]
PROTOCOLS = [rules for rules in map(protocol.load, protocol.names()) if rules.kind != "highlights"]
DEFAULT = protocol.load("default")


def test_each_row_is_what_the_protocol_scores_by_itself() -> None:
    found = table(SAMPLES, read_all(ROWS, PROTOCOLS, "direct")[0], DEFAULT, PROTOCOLS, "direct")
    records = {(row.ids[0], "direct"): {"error": None, "text": row.text} for row in ROWS}
    assert [row["protocol"] for row in found] == [rules.name for rules in PROTOCOLS]
    for row, rules in zip(found, PROTOCOLS, strict=True):
        alone = score(SAMPLES, records, rules, ("direct",))["modes"]["direct"]["aggregate"]
        assert row["n"] == str(alone["n"])
        shown = kinds.find(rules.kind).shown(alone.keys() - {"n"})
        assert {title: row[title] for title in shown.values()} == {
            title: "-" if alone[name] is None else f"{alone[name]:.2f}" for name, title in shown.items()
        }


def test_a_rule_that_is_the_same_moves_nothing_and_one_that_differs_shows_where() -> None:
    rounding = replace(DEFAULT, name="rounding", score=replace(DEFAULT.score, round_prediction="integer"))
    dropping = replace(DEFAULT, name="dropping", score=replace(DEFAULT.score, failure="drop"))
    rows = table(SAMPLES, read_all(ROWS, [DEFAULT], "direct")[0], DEFAULT, [DEFAULT, rounding, dropping], "direct")
    columns = ("parse", "round", "clamp", "compare", "denominator")
    moved = [[name for name in columns if row[name] != "0 0"] for row in rows]
    assert moved == [[], ["round"], ["denominator"]]
    assert float(rows[2]["mIoU"]) - float(rows[0]["mIoU"]) == pytest.approx(float(rows[2]["denominator"].split()[1]), abs=0.011)


def test_rows_of_another_mode_are_passed_over() -> None:
    rows = [*ROWS, ROWS[0]._replace(mode="cot", text="<answer>0 to 1</answer>")]
    assert read_all(rows, [DEFAULT], "direct") == read_all(ROWS, [DEFAULT], "direct")


def test_through_the_command_line(benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--data-root", str(benchmark_root)]
    assert main(["run", "--model", "oracle", "--tasks", "synthetic", *common, "--output", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    assert main(["score", str(tmp_path / "run"), *common, "--all-protocols", "--json"]) == 0
    rows = {row["protocol"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["synthetic"]["mIoU"] == "100.00"
    assert rows["default"]["mIoU"] == "0.00"
    assert main(["score", str(tmp_path / "run"), *common, "--all-protocols"]) == 0
    assert "under every protocol" in capsys.readouterr().out


@pytest.mark.shared_data
def test_on_qvhighlights_the_official_metrics_stand_beside(shared_data: Path) -> None:
    samples = task.load(task.find("qvhighlights"), "val", shared_data)
    protocols = [protocol.load(name) for name in ("qvh-official", "vtimellm-percent")]
    submission = Predictions(shared_data / "qvhighlights" / "sample_val_preds.jsonl", samples)
    first, second = table(samples, read_all(submission, protocols, "direct")[0], protocols[0], protocols, "direct")
    official = json.loads((shared_data / "qvhighlights" / "sample_val_preds_metrics.json").read_text())["brief"]
    columns = {"MR-mAP": "MR-full-mAP", "HL-mAP": "HL-min-VeryGood-mAP", "HIT@1": "HL-min-VeryGood-Hit1"}
    assert {key: first[key] for key in columns} == {key: f"{official[name]:.2f}" for key, name in columns.items()}
    assert second["MR-mAP"] == "-" and second["mIoU"] != "-"


def test_rows_that_match_nothing_are_told(benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.jsonl").write_text('{"id": "x", "text": "1 to 2"}\n')
    options = ["--task", "synthetic", "--data-root", str(benchmark_root), "--all-protocols"]
    assert main(["score", str(tmp_path / "other.jsonl"), *options]) == 2
    assert "none of which names a sample" in capsys.readouterr().err
