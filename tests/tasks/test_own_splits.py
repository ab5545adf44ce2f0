"""Own data with splits: in the rows of a file, or in the files of a folder; few-shot, dev and training on them."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.plan import make_plan
from harness.synthetic.make import make
from tasks import task as tasks
from tasks.errors import InputError
from tasks.own import dev_split

COUNTS = {"train": 8, "val": 2, "test": 3}


def rows(**more: Any) -> list[dict[str, Any]]:
    """Two queries for each of 13 videos, with their split."""
    names = [f"{split}-{i}" for split, count in COUNTS.items() for i in range(count)]
    return [
        {"video": name, "duration": 20, "query": f"thing {k}", "spans": [[k, k + 4]], "split": name.split("-")[0], **more}
        for name in names
        for k in range(2)
    ]


def write(file: Path, some: list[dict[str, Any]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in some), encoding="utf-8")
    return file


def in_folder(folder: Path) -> Path:
    for split in COUNTS:
        kept = [{key: value for key, value in row.items() if key != "split"} for row in rows() if row["split"] == split]
        write(folder / f"{split}.jsonl", kept)
    write(folder / "predictions.jsonl", [{"video": "train-0", "query": "thing 0", "response": "1 to 2"}])
    return folder


@pytest.mark.parametrize("form", ["file", "folder"])
def test_splits_lie_in_a_file_or_in_files(form: str, tmp_path: Path) -> None:
    path = write(tmp_path / "my.jsonl", rows()) if form == "file" else in_folder(tmp_path / "mine")
    for split, count in COUNTS.items():
        plan = make_plan(f"{path}@{split}", None, None, None, tmp_path)
        assert {sample.video for sample in plan.samples} == {f"{split}-{i}" for i in range(count)}
        assert len(plan.samples) == 2 * count
    assert make_plan(str(path), None, None, None, tmp_path).split == "test"
    task = tasks.find(str(path), tmp_path)
    assert dev_split(task, tmp_path) == "val"
    fit = {sample.video for sample in make_plan(f"{path}@fit", None, None, None, tmp_path).samples}
    few = [{s.video for s in make_plan(f"{path}@fewshot-{size}-seed3", None, None, None, tmp_path).samples} for size in (2, 4)]
    assert [len(some) for some in few] == [2, 4] and few[0] < few[1] <= fit
    with pytest.raises(InputError, match="at most"):
        make_plan(f"{path}@fewshot-300-seed3", None, None, None, tmp_path)
    with pytest.raises(InputError, match=r"'tran' \(nearest: train\)"):
        make_plan(f"{path}@tran", None, None, None, tmp_path)


def test_a_file_without_splits_is_as_it_was(tmp_path: Path) -> None:
    plain = [{key: value for key, value in row.items() if key != "split"} for row in rows()]
    plan = make_plan(str(write(tmp_path / "my.jsonl", plain)), None, None, None, tmp_path)
    assert (plan.split, len(plan.samples)) == ("all", 26)
    # The split is no part of a sample: ids are those of the same rows without it.
    named = make_plan(f"{write(tmp_path / 'other' / 'my.jsonl', rows())}@train", None, None, None, tmp_path)
    assert {sample.id for sample in named.samples} < {sample.id for sample in plan.samples}


def test_a_name_without_a_split_is_not_guessed(tmp_path: Path) -> None:
    path = write(tmp_path / "my.jsonl", [row for row in rows() if row["split"] != "test"])
    with pytest.raises(InputError, match="train"):
        make_plan(str(path), None, None, None, tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda some: some[3].pop("split"), "line 4.*all rows of a file have one"),
        (lambda some: some[2].update(split="fit"), "line 3.*the harness makes splits of that name"),
        (lambda some: some[2].update(split="fewshot-3-seed0"), "line 3.*the harness makes splits"),
        (lambda some: some[2].update(split=["train"]), "line 3.*the name of a split"),
        (lambda some: some[2].update(split="a/b"), "line 3.*the name of a split"),
    ],
)
def test_rows_whose_split_cannot_stand_are_refused_with_their_line(change: Any, words: str, tmp_path: Path) -> None:
    some = rows()
    change(some)
    with pytest.raises(InputError, match=f"(?s){words}"):
        make_plan(f"{write(tmp_path / 'my.jsonl', some)}@train", None, None, None, tmp_path)


def test_data_check_speaks_of_every_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "made", 0, {"train": 2, "test": 1})
    videos = sorted((tmp_path / "made" / "synthetic" / "videos").iterdir())
    some = [
        {"video": file.stem, "duration": 20, "query": "it", "spans": [[1, 4]], "split": file.stem.split("-")[0]}
        for file in videos
    ]
    nested = tmp_path / "place" / "Videos_480" / "deep"
    nested.mkdir(parents=True)
    for file in videos:
        file.rename(nested / f"v_{file.name}")
    assert main(["data", "check", str(write(tmp_path / "my.jsonl", some)), "--videos", str(tmp_path / "place")]) == 0
    shown = capsys.readouterr().out
    assert f"my.jsonl@train: 2 videos below {tmp_path / 'place'} by v_ prefix, such as Videos_480/deep/v_train-0000.mp4" in shown
    assert "my.jsonl@test: coverage 1 of 1 videos" in shown and f"annotations are {tmp_path / 'my.jsonl'}" in shown
