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
from harness.predictions import submission
from tasks import task as tasks
from tasks.sample import Sample

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


@pytest.fixture(scope="module")
def val(shared_data: Path) -> list[Sample]:
    return tasks.load(tasks.find("qvhighlights"), "val", shared_data)


@pytest.fixture(scope="module")
def official(shared_data: Path) -> dict[str, Any]:
    return dict(json.loads((shared_data / "qvhighlights" / "sample_val_preds_metrics.json").read_text()))


def read(content: bytes, val: list[Sample], path: Path) -> submission.Submission:
    path.write_bytes(content)
    assert submission.is_submission(path)
    return submission.read(path, val, False)


@pytest.mark.shared_data
def test_the_layout_plays_no_part(
    submitted: list[Row], val: list[Sample], official: dict[str, Any], report: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    expected = read(lines(submitted), val, tmp_path / "file")
    for layout, write in LAYOUTS.items():
        assert read(write(submitted), val, tmp_path / "file") == expected, layout
    found = report(json.dumps(submitted, indent=1).encode())
    assert found["brief"].pop("MR-full-mIoU") == 49.21
    assert found == official


@pytest.mark.shared_data
@pytest.mark.parametrize(("part", "prefix"), [("pred_relevant_windows", "MR"), ("pred_saliency_scores", "HL")])
def test_only_the_parts_that_rows_hold_are_reported(
    submitted: list[Row],
    val: list[Sample],
    official: dict[str, Any],
    report: Callable[..., dict[str, Any]],
    tmp_path: Path,
    part: str,
    prefix: str,
) -> None:
    (other,) = {"pred_relevant_windows", "pred_saliency_scores"} - {part}
    # A key that says nothing is none.
    alone = [{**row, other: None} for row in submitted]
    brief = report(json.dumps(alone).encode())["brief"]
    brief.pop("MR-full-mIoU", None)
    assert brief == {key: value for key, value in official["brief"].items() if key.startswith(prefix)}
    # A part that some rows lack is reported over all rows, whichever come first.
    some = [*alone[:100], *submitted[100:]]
    found = read(lines(some), val, tmp_path / "file")
    assert found.parts == {part, other}
    assert read(lines(some[::-1]), val, tmp_path / "file") == found


@pytest.mark.shared_data
def test_clip_scores_alone_have_no_moments_under_a_protocol_either(
    submitted: list[Row], official: dict[str, Any], report: Callable[..., dict[str, Any]]
) -> None:
    alone = [{key: value for key, value in row.items() if key != "pred_relevant_windows"} for row in submitted]
    found = report(lines(alone), "--protocol", "qvh-official")["modes"]["direct"]["aggregate"]
    printed = {key: round(value, 2) for key, value in found.items() if key != "n"}
    assert printed == {key: value for key, value in official["brief"].items() if key.startswith("HL")}
