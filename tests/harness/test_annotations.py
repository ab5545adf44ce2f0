"""Annotation files where they lie: named by `--annotations`, or anywhere below the data root, known by their hashes."""

import hashlib
import json
from pathlib import Path

import pytest

from harness import api, named_files
from harness.cli import main
from tasks import annotations, outside

TASK = """
from tasks.task import Source, Split, Task
FILES = {{"mine/test.json": "{first}", "mine/lengths.json": "{second}"}}
TASK = Task(name="mine", title="t", published={{"test": Split((Source(FILES, lambda one, _: read(one)),), None, None)}},
            default_split="test", video_folders=("mine/videos",), obtain="ask them", licence="l", homepage="h", citation="c")
from tasks.formats.published import read_timestamps_json as read
"""


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A task whose split needs two published files, both in a folder of the user's, and an empty data root."""
    monkeypatch.setenv(outside.VARIABLE, "")
    monkeypatch.setattr(annotations, "_given", annotations.Given({}, {}))
    content = {"v1": {"duration": 30.0, "timestamps": [[1.5, 4.0]], "sentences": ["a dog barks"]}}
    texts = {"test.json": json.dumps(content), "lengths.json": "{}"}
    (tmp_path / "theirs").mkdir()
    (tmp_path / "root").mkdir()
    for name, text in texts.items():
        (tmp_path / "theirs" / name).write_text(text)
    first, second = (hashlib.sha256(text.encode()).hexdigest() for text in texts.values())
    (tmp_path / "mine.py").write_text(TASK.format(first=first, second=second))
    return [
        "run",
        "--model",
        "oracle",
        "--tasks",
        "mine",
        "--include",
        str(tmp_path / "mine.py"),
        "--data-root",
        str(tmp_path / "root"),
    ]


def spec(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "run.json").read_text())["spec"]
    return found


def test_a_named_file_is_read_where_it_lies_with_those_beside_it(typed: list[str], tmp_path: Path) -> None:
    (tmp_path / "theirs" / "test.json").rename(tmp_path / "theirs" / "called as we like.json")
    file = tmp_path / "theirs" / "called as we like.json"
    assert main([*typed, "--annotations", str(file), "--output", str(tmp_path / "a")]) == 0
    for name, of in (("test.json", "called as we like.json"), ("lengths.json", "lengths.json")):
        (tmp_path / "root" / "mine").mkdir(exist_ok=True)
        (tmp_path / "root" / "mine" / name).write_bytes((tmp_path / "theirs" / of).read_bytes())
    assert main([*typed, "--output", str(tmp_path / "b")]) == 0
    assert spec(tmp_path / "a") == spec(tmp_path / "b")


def test_files_are_found_anywhere_below_the_data_root_by_name_and_hash(
    typed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "root" / "another" / "test.json"
    other.parent.mkdir()
    other.write_text("{}")
    (tmp_path / "theirs").rename(tmp_path / "root" / "their layout")
    assert main([*typed, "--output", str(tmp_path / "a")]) == 0
    (tmp_path / "root" / "their layout" / "test.json").write_text("{}")
    capsys.readouterr()
    assert main([*typed, "--output", str(tmp_path / "b")]) == 2
    assert "only " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "nothing.json", "no such file"),
        (lambda folder: folder, "a folder"),
        (lambda folder: (folder / "test.json").write_text("[]") and folder / "test.json", "as published, sha256"),
        (lambda folder: (folder / "tset.json").write_text("[]") and folder / "tset.json", "'tset.json' (nearest: test.json)"),
    ],
)
def test_a_file_that_is_none_is_refused(
    typed: list[str], make: object, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(make)
    assert main([*typed, "--annotations", f"mine={make(tmp_path / 'theirs')}", "--output", str(tmp_path / "a")]) == 2
    assert words in capsys.readouterr().err


def test_the_notebook_and_every_command_of_an_experiment_take_them_too(typed: list[str], tmp_path: Path) -> None:
    file, include = tmp_path / "theirs" / "test.json", tmp_path / "mine.py"
    options = {"data_root": tmp_path / "root", "annotations": file, "include": include}
    run = api.run("oracle", "mine", output=tmp_path / "a", **options)
    assert main([*typed, "--annotations", str(file), "--output", str(tmp_path / "b")]) == 0
    assert spec(tmp_path / "a") == spec(tmp_path / "b")
    replies = {row["id"]: "1.5 to 4.0" for row in run.samples}
    for found in (api.load_run(run, **options), api.score(replies, task="mine", protocol="lmms-charades", **options)):
        assert found.scores["modes"]["direct"]["aggregate"]["mIoU"] == 100
    assert api.board(run, **options).rows and api.compare(run, **options) and api.view(run, **options)
    said = named_files.typed(file)
    assert said == ["--include", str(include), "--annotations", str(file)]
