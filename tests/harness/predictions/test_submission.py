"""A QVHighlights submission gives the official report, whatever contains its rows and whichever parts they hold."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main

Row = dict[str, Any]


@pytest.fixture(scope="module")
def submitted(shared_data: Path) -> list[Row]:
    lines = (shared_data / "qvhighlights" / "sample_val_preds.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture
def report(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    def report(content: bytes, *options: str) -> dict[str, Any]:
        (tmp_path / "submission").write_bytes(content)
        asked = [
            "score",
            str(tmp_path / "submission"),
            "--task",
            "qvhighlights",
            "--data-root",
            str(shared_data),
            "--json",
            *options,
        ]
        assert main(asked) == 0
        return dict(json.loads(capsys.readouterr().out))

    return report


def lines(rows: list[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def table(rows: list[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows({key: json.dumps(v) if isinstance(v, list) else v for key, v in row.items()} for row in rows)
    return text.getvalue().encode()


LAYOUTS: dict[str, Callable[[list[Row]], bytes]] = {
    "list": lambda rows: json.dumps(rows).encode(),
    "indented": lambda rows: json.dumps(rows, indent=2).encode(),
    "blank lines first": lambda rows: b"\n \r\n" + lines(rows),
    "byte order mark": lambda rows: b"\xef\xbb\xbf" + lines(rows).replace(b"\n", b"\r\n"),
    "by qid": lambda rows: json.dumps({str(row["qid"]): row for row in rows}).encode(),
    "gzip": lambda rows: gzip.compress(lines(rows), 1),
    "table": table,
    "without qid": lambda rows: lines([{key: value for key, value in row.items() if key != "qid"} for row in rows]),
    "running qid": lambda rows: lines([{**row, "qid": number} for number, row in enumerate(rows)]),
}


@pytest.mark.shared_data
def test_the_layout_plays_no_part(shared_data: Path, submitted: list[Row], report: Callable[..., dict[str, Any]]) -> None:
    official = json.loads((shared_data / "qvhighlights" / "sample_val_preds_metrics.json").read_text())
    for layout, write in LAYOUTS.items():
        found = report(write(submitted))
        assert found["brief"].pop("MR-full-mIoU") == 49.21, layout
        assert found == official, layout


@pytest.mark.shared_data
@pytest.mark.parametrize("part", ["pred_relevant_windows", "pred_saliency_scores"])
def test_only_the_parts_that_rows_hold_are_reported(
    submitted: list[Row], report: Callable[..., dict[str, Any]], part: str
) -> None:
    whole = report(lines(submitted))
    alone = [{key: value for key, value in row.items() if key in ("qid", "vid", "query", part)} for row in submitted]
    found, prefix = report(lines(alone)), "MR" if part == "pred_relevant_windows" else "HL"
    assert found["brief"] == {key: value for key, value in whole["brief"].items() if key.startswith(prefix)}
    # A key that says nothing is none, and a part that some rows lack is reported over all of them, whichever come first.
    other = "pred_saliency_scores" if prefix == "MR" else "pred_relevant_windows"
    assert report(lines([{**row, other: None} for row in alone])) == found
    some = [*alone[:100], *submitted[100:]]
    assert report(lines(some)) == report(lines(some[::-1]))
    assert set(report(lines(some))["brief"]) == set(whole["brief"])


@pytest.mark.shared_data
def test_clip_scores_alone_have_no_moments_under_a_protocol_either(
    submitted: list[Row], report: Callable[..., dict[str, Any]]
) -> None:
    alone = [{key: value for key, value in row.items() if key != "pred_relevant_windows"} for row in submitted]
    official = report(lines(alone), "--protocol", "qvh-official")["modes"]["direct"]["qvhighlights"]
    assert {key.split("-")[0] for key in official} == {"HL"}
    brief = report(lines(alone))["brief"]
    assert {key: round(value, 2) for key, value in official.items()} == brief
