"""Replies that the length limit ended are counted wherever a run is told of."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness import api, store
from harness.cli import main
from harness.records import is_cut_off
from harness.synthetic.make import make
from leaderboards.experiment import board
from leaderboards.view.page import unpacked

VIDEOS = 12
CUT = 5


def rows(**last: Any) -> list[dict[str, Any]]:
    """A whole reply to every query of the small benchmark but the first few, which are cut off before they answer."""
    queries = [(f"test_{i:04d}", query) for query in ("red circle", "blue square", "white cross") for i in range(VIDEOS)]
    return [
        {"video": video, "query": query, "text": "<think>I think 3" if n < CUT else "1 to 4", **(last if n < CUT else {})}
        for n, (video, query) in enumerate(queries)
    ]


@pytest.fixture
def replies(tmp_path: Path) -> Path:
    path = tmp_path / "replies.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(finish_reason="length")))
    return path


@pytest.fixture
def folder(replies: Path, benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "run"
    arguments = ["--tasks", "synthetic@test", "--data-root", str(benchmark_root), "--output", str(folder)]
    main(["run", "--model", f"replay:{replies}", *arguments])
    said = capsys.readouterr().out
    assert "direct: 5 replies were cut off at 24 tokens" in said
    assert "scored 0: 5 no-answer" in said or "scored 0: 5 no-span" in said
    return folder


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def test_in_scores_and_in_what_every_verb_prints(
    folder: Path, replies: Path, benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ("--data-root", benchmark_root)
    scores = json.loads((folder / store.SCORES).read_text())
    assert scores["modes"]["direct"]["counts"]["truncated"] == CUT
    table = said(capsys, "score", folder, *root)
    assert "direct: 5 replies were cut off at 24 tokens" in table
    head, line = (next(part for part in table.splitlines() if word in part) for word in ("cut off", "run  "))
    assert re.split(r"  +", line.strip())[re.split(r"  +", head.strip()).index("cut off")] == "5"
    other = said(capsys, "score", folder, "--protocol", "default", *root)
    assert "cut off at 24 tokens" in other  # the limit they were asked with
    assert "5 replies were cut off at their length limit" in said(capsys, "score", replies, "--task", "synthetic@test", *root)
    found = json.loads(said(capsys, "board", folder, *root, "--format", "json"))
    (row,) = (row for row in found["sections"][0]["rows"] if row["kind"] == "run")
    assert row["notes"] == ["replies that the length limit cut off: 5 in mode direct"]
    for form in ("text", "md", "html", "latex", "csv"):
        assert "length limit cut off: 5" in said(capsys, "board", folder, *root, "--format", form)
    assert "A: replies that the length limit cut off: 5" in said(capsys, "compare", folder, *root)
    assert json.loads(said(capsys, "compare", folder, *root, "--json"))["modes"]["direct"]["systems"][0]["truncated"] == CUT
    page = unpacked(Path(said(capsys, "view", folder, *root, "--output", tmp_path / "page.html").strip()).read_text())
    assert page["scores"][0]["cut off"] == "5"
    assert sum(page["answers"][0]["direct"]["cut_off"]) == CUT
    assert "cut off" in repr(api.load_run(folder, data_root=benchmark_root))


def test_in_the_table_of_an_experiment(folder: Path, benchmark_root: Path) -> None:
    run = api.load_run(folder, data_root=benchmark_root)
    shown = board(run.plan, {label: [folder] for label in ("sft", "grpo")}, {}, "", benchmark_root)
    assert "length limit cut off: 5" in shown


def test_nothing_is_said_where_nothing_was_cut_off(
    benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, folder = ("--data-root", benchmark_root), tmp_path / "run"
    text = said(capsys, "run", "--model", "whole-video", "--tasks", "synthetic@test", *root, "--output", folder)
    assert json.loads((folder / store.SCORES).read_text())["modes"]["direct"]["counts"]["truncated"] == 0
    for said_too in (text, said(capsys, "board", folder, *root), said(capsys, "compare", folder, *root)):
        assert "cut off" not in said_too


@pytest.mark.parametrize(
    "told",
    [
        {"truncated": True},
        {"truncated": "True"},
        {"finish_reason": "length"},
        {"finishReason": "MAX_TOKENS"},
        {"stop_reason": "max_tokens"},
        {"done_reason": "length"},
        {"tokens": {"prompt": 1, "new": 24, "truncated": True}},
        {"response": {"body": {"choices": [{"finish_reason": "length"}]}}},
        {"outputs": [{"text": "x", "finish_reason": "length"}]},
        {"choices": [{"finish_reason": "length", "message": {}}]},
    ],
)
def test_how_other_programs_tell_it(told: dict[str, Any]) -> None:
    assert is_cut_off({"id": "a", **told})
    whole = json.loads(re.sub(r'true|"True"', "false", json.dumps(told)).replace("length", "stop").replace("max_tokens", "end"))
    assert not is_cut_off({"id": "a", **json.loads(json.dumps(whole).replace("MAX_TOKENS", "STOP"))})


@pytest.mark.parametrize(
    "row", [{}, {"choices": []}, {"tokens": None}, {"response": "length"}, {"text": "length", "outputs": [1]}]
)
def test_other_rows_do_not(row: dict[str, Any]) -> None:
    assert not is_cut_off(row)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        choice = {"index": 0, "message": {"role": "assistant", "content": "<think>I think 3 to 9 but"}, "finish_reason": "length"}
        content = json.dumps({"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_stops_at_the_limit(server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "data", 0, {"train": 1, "dev": 1, "test": 1})
    arguments = ["--tasks", "synthetic@test", "--data-root", tmp_path / "data", "--limit", "1", "--protocol", "default"]
    text = said(
        capsys, "run", "--model", "m", "--backend", "openai", "--base-url", server, *arguments, "--output", tmp_path / "run"
    )
    assert "direct: 1 reply was cut off at 2,048 tokens" in text
    assert "scored 0: 1 no-answer" in text


@pytest.mark.parametrize(
    ("recipe", "setting", "warns"),
    [
        ("grpo", "max_completion_length=3", ["of max_completion_length (--set max_completion_length=4)"]),
        ("grpo", "max_completion_length=4", []),
        ("tempsamp", "max_completion_length=3", ["of max_completion_length"]),
        ("sft", "epochs=[direct]", []),
        ("sft", "answers={long}", ["decoding.max_new_tokens of protocol synthetic"]),
        ("grpo", "answers={long}", ["max_completion_length", "decoding.max_new_tokens"]),
    ],
)
def test_a_dry_run_says_that_true_answers_do_not_fit(
    recipe: str, setting: str, warns: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import trainers

    make(tmp_path / "data", 0, {"train": 2, "dev": 1, "test": 1})
    annotations = json.loads((tmp_path / "data" / "synthetic" / "train.json").read_text())
    asked = [(video, query) for video, entry in annotations.items() for query in entry["sentences"]]
    long = tmp_path / "long.jsonl"
    long.write_text("".join(json.dumps({"video": v, "query": q, "text": "<answer>1 to 2</answer>" * 9}) + "\n" for v, q in asked))
    model = Path(trainers.__file__).parent / "base" / "weak"
    arguments = ["--recipe", recipe, "--model", model, "--task", "synthetic@train", "--data-root", tmp_path / "data", "--dry-run"]
    settings = ["--set", setting.format(long=long)]
    settings += ["--set", "max_completion_length=64"] if recipe == "grpo" and "long" in setting else []
    text = said(capsys, "train", *arguments, *settings)
    warnings = [line for line in text.splitlines() if line.startswith("WARNING: ")]
    assert len(warnings) == len(warns)
    for warning, words in zip(warnings, warns, strict=True):
        assert words in warning and f"{len(asked)} of {len(asked)} true answers do not fit" in warning
