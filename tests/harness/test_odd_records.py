"""Lines of `samples.jsonl` that no run wrote, and options that are no paths: refused by name in every verb, or harmless."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import store
from harness.cli import main
from harness.models.base import Reply
from harness.records import make_record
from tasks import protocol
from tasks.question import Question
from tasks.sample import make_samples, one_query
from tasks.span import Span

Change = Callable[[dict[str, Any]], Any]


def without(key: str) -> Change:
    return lambda record: {name: value for name, value in record.items() if name != key}


def put(**changes: Any) -> Change:
    return lambda record: {**record, **changes}


REFUSED: dict[str, Change] = {
    **{f"no {key}": without(key) for key in ("id", "mode", "text", "error", "tokens")},
    "list": lambda record: [record],
    "text": lambda _: "1 to 2",
    "null": lambda _: None,
    "id number": put(id=7),
    "id list": put(id=["a"]),
    "mode null": put(mode=None),
    "text number": put(text=7.5),
    "text object": put(text={"a": 1}),
    "neither text nor error": put(text=None),
    "text and error": put(error={"type": "x", "message": "y"}),
    "error text": put(text=None, error="broken"),
    "error without type": put(text=None, error={"message": "x"}),
    "error type number": put(text=None, error={"type": 1, "message": "x"}),
    "error without message": put(text=None, error={"type": "x"}),
    "tokens text": put(tokens="many"),
    "tokens empty": put(tokens={}),
    "tokens negative": put(tokens={"prompt": -1, "new": 2, "truncated": False}),
    "tokens NaN": put(tokens={"prompt": float("nan"), "new": 2, "truncated": False}),
    "tokens true": put(tokens={"prompt": True, "new": 2, "truncated": False}),
    "seconds text": put(seconds="1"),
    "seconds infinite": put(seconds=float("inf")),
    "wrong clock text": put(wrong_clock_s="0.5"),
    "wrong clock NaN": put(wrong_clock_s=float("nan")),
}
HARMLESS: dict[str, Change] = {
    "as written": lambda record: record,
    "another mode": put(mode="nobody asked"),
    "unknown id": put(id="nobody asked"),
    "more keys": put(extra=[1]),
    "tokens null": put(tokens=None),
    "half a character": put(text="1 to 2 \ud800"),
}


@pytest.fixture
def run(benchmark_root: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    command = ["run", "--model", "oracle", "--tasks", "synthetic", "--data-root", str(benchmark_root), "--output", str(folder)]
    assert main(command) == 0
    return folder


def verbs(run: Path, root: Path, tmp_path: Path) -> list[list[str]]:
    out = str(tmp_path / "out")
    listed = [
        ["run", "--model", "oracle", "--tasks", "synthetic", "--output", str(run)],
        ["score", str(run)],
        ["score", str(run), "--all-protocols"],
        ["compare", str(run)],
        ["view", str(run), "--output", f"{out}.html"],
        ["export", str(run), "--output", f"{out}.csv"],
        ["export", str(run), "--output", f"{out}.jsonl"],
        ["plot", str(run), "--output", f"{out}.png"],
        ["board", str(run), "--published", "none"],
    ]
    return [[*command, "--data-root", str(root)] for command in listed]


def add(run: Path, change: Change) -> int:
    """Append a changed copy of the first record, and return its line."""
    lines = (run / store.SAMPLES).read_text(encoding="utf-8").splitlines()
    with (run / store.SAMPLES).open("a", encoding="utf-8") as file:
        file.write(json.dumps(change(json.loads(lines[0]))) + "\n")
    # A board reads the scores where there are some.
    (run / store.SCORES).unlink(missing_ok=True)
    return len(lines) + 1


@pytest.mark.parametrize("name", REFUSED)
def test_a_line_that_no_run_wrote_is_named(name: str, run: Path) -> None:
    line = add(run, REFUSED[name])
    with pytest.raises(store.InputError, match=f"line {line}: "):
        store.read_records(run)


def test_every_verb_names_it(run: Path, benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = add(run, REFUSED["no tokens"])
    before = (run / store.SAMPLES).read_bytes()
    for command in verbs(run, benchmark_root, tmp_path):
        if "--all-protocols" in command:
            continue  # reads the file as anyone's predictions
        capsys.readouterr()
        assert main(command) == 2, command
        assert f"line {line}: no tokens" in capsys.readouterr().err, command
    assert (run / store.SAMPLES).read_bytes() == before


def test_what_is_harmless_stops_no_verb(run: Path, benchmark_root: Path, tmp_path: Path) -> None:
    for change in HARMLESS.values():
        add(run, change)
    for command in verbs(run, benchmark_root, tmp_path):
        assert main(command) == 0, command


def test_half_a_character_in_a_replay_comes_back(benchmark_root: Path, tmp_path: Path) -> None:
    text = "1 to 4 \ud83d and \udcff ü \u2028"
    rows = [
        {"video": f"test_{i:04d}", "query": query, "text": text}
        for i in range(12)
        for query in ("red circle", "blue square", "white cross")
    ]
    (tmp_path / "replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    folder = tmp_path / "run"
    command = ["run", "--model", f"replay:{tmp_path / 'replies.jsonl'}", "--tasks", "synthetic", "--output", str(folder)]
    assert main([*command, "--data-root", str(benchmark_root)]) == 0
    assert {record["text"] for record in store.read_records(folder).values()} == {text}
    for verb in verbs(folder, benchmark_root, tmp_path)[1:]:
        assert main(verb) == 0, verb


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_never_written(number: float, tmp_path: Path) -> None:
    (sample,) = make_samples("t", [one_query("v", 2.0, "q", (Span(0, 1),))])
    record = make_record(Question(sample, "direct", protocol.load("default")), Reply("1 to 2", "0" * 64), number)
    with pytest.raises(ValueError, match="JSON"):
        store.append(tmp_path, [record])
    assert not (tmp_path / store.SAMPLES).exists()


def test_a_reply_that_is_no_text_is_a_failure() -> None:
    (sample,) = make_samples("t", [one_query("v", 2.0, "q", (Span(0, 1),))])
    for text in (None, ["1 to 2"], 7, b"1 to 2"):
        record = make_record(Question(sample, "direct", protocol.load("default")), Reply(text, "0" * 64))  # type: ignore[arg-type]
        assert record["text"] is None and record["error"]["type"] == "model-error"


def test_options_that_are_no_paths(run: Path, benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, long = tmp_path / "file", "x" * 300
    file.write_text("x")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    evaluate = ["run", "--model", "oracle", "--tasks", "synthetic"]
    root, out = ["--data-root", str(benchmark_root)], ["--output", str(tmp_path / "o")]
    places = [str(file), str(tmp_path / "fifo"), long, "a\0b", str(tmp_path / "loop"), "/x" * 3000]
    commands = [[*evaluate, *out, "--data-root", place] for place in places]
    commands += [[*evaluate, *root, "--output", place] for place in places]
    commands += [[*evaluate, *root, *out, "--videos", place] for place in places]
    commands += [[*evaluate, *root, *out, "--ids", place] for place in [*places, str(tmp_path)]]
    commands += [
        ["run", "--model", f"replay:{place}", "--tasks", "synthetic", *root, *out] for place in (*places[2:], str(tmp_path))
    ]
    commands += [[verb, place, *root] for verb in ("score", "view", "board", "compare", "export") for place in places[2:]]
    commands += [["export", str(run), *root, "--format", "csv", "--output", place] for place in (*places[1:], str(tmp_path))]
    commands += [
        ["data", "make", "--data-root", str(file)],
        ["data", "fetch", "--offline", "--task", "charades", "--data-root", long],
    ]
    commands += [["experiment", f"{place}.yaml"] for place in places] + [["board", f"{place}.yaml", *root] for place in places]
    for command in commands:
        capsys.readouterr()
        assert main(command) == 2, command
        assert "expected:" in capsys.readouterr().err, command
    assert not (tmp_path / "o" / store.SCORES).exists()
    assert (tmp_path / "fifo").is_fifo()


def test_harness_data_at_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "file"))
    for command in (
        ["data", "check", "--task", "charades"],
        ["run", "--model", "oracle", "--tasks", "synthetic"],
        ["data", "make"],
    ):
        assert main(command) == 2
        assert "a folder as HARNESS_DATA" in capsys.readouterr().err


def test_the_home_folder_is_written_out(benchmark_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HARNESS_DATA", f"~/{benchmark_root.name}")
    assert main(["run", "--model", "oracle", "--tasks", "synthetic", "--output=~/mine"]) == 0
    assert (tmp_path / "mine" / store.SCORES).is_file()
