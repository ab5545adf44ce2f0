"""`harness view`: the files it writes, and everything it refuses."""

import json
import os
import shutil
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from harness.cli import main
from harness.commands import plot, view
from harness.models.verdict import right_to
from leaderboards.view.page import unpacked
from leaderboards.web import address, is_apart
from tasks.errors import InputError
from tasks.question import Question


def whole(question: Question) -> str:
    return f"0 to {question.sample.duration_s}"


def look(data_root: Path, *runs: Path | str, **options: Any) -> None:
    given = {"protocol": None, "videos": [], "force": False, "output": None, "data_root": str(data_root)}
    assert view.main(Namespace(**{**given, **options, "runs": list(map(str, runs))})) == 0


def refusal(data_root: Path, *runs: Path | str, **options: Any) -> str:
    with pytest.raises(InputError) as error:
        look(data_root, *runs, **options)
    return str(error.value)


def test_a_page_is_written_into_the_run_and_its_name_printed(
    benchmark_root: Path, said_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = said_run(benchmark_root, whole)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    look(benchmark_root, folder)
    assert capsys.readouterr().out == f"{folder / 'view.html'}\n"
    assert unpacked((folder / "view.html").read_text())["title"].startswith("synthetic@test")
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "view.html"} == before


def test_two_runs_go_into_one_page(
    benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    look(benchmark_root, said_run(benchmark_root, whole, "a"), said_run(benchmark_root, lambda _: "1 to 4", "b"))
    assert len(unpacked((tmp_path / "comparison.html").read_text())["runs"]) == 2


def test_a_trained_model_is_called_by_its_recipe_wherever_it_is_listed(
    benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path
) -> None:
    """The whole name, with its comma, and the seeds of one recipe as one row without them; a clock that tells no seconds."""
    for seed in (10, 11):
        file = said_run(benchmark_root, whole, f"runs/seed-{seed}") / "run.json"
        run = json.loads(file.read_text())
        told = {"recipe": "grpo", "split": "synthetic@train", "seed": seed, "training_sha256": "5" * 64, "samples": 9}
        run["spec"]["model"] |= {"trained_on": told, "clock_verdict": right_to(None)}
        file.write_text(json.dumps(run))
    look(benchmark_root, tmp_path / "runs")
    page = unpacked((tmp_path / "runs" / "seed-10" / "view.html").read_text())
    name = "grpo on synthetic@train, seed 10"
    assert (page["title"], page["scores"][0]["model"]) == (f"synthetic@test: {name}", name)
    (table,) = unpacked((tmp_path / "runs" / "index.html").read_text())["splits"][0]["tables"]
    assert [row["model"] for row in table["rows"]] == [name, name.replace("10", "11")]
    assert [row["model"] for row in table["joined"]] == ["grpo on synthetic@train"]
    cells = [dict(zip(table["columns"][1:], row["cells"], strict=True)) for row in (*table["rows"], *table["joined"])]
    assert {one["notes"] for one in cells} == {f"clock: {right_to(None)}"}
    look(benchmark_root, *(tmp_path / "runs" / f"seed-{seed}" for seed in (10, 11)), output=str(tmp_path / "two.html"))
    both = unpacked((tmp_path / "two.html").read_text())["scores"][:2]
    assert [row["model"] for row in both] == [f"A {name}", f"B {name.replace('10', '11')}"]


def test_a_folder_of_runs_gets_a_page_each_and_one_that_lists_them(
    benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said_run(benchmark_root, whole, "runs/a #1?")
    said_run(benchmark_root, lambda _: "1 to 4", "runs/deep/b", limit=5)
    broken = said_run(benchmark_root, whole, "runs/broken")
    (broken / "samples.jsonl").write_bytes((broken / "samples.jsonl").read_bytes()[:-20])
    look(benchmark_root, tmp_path / "runs")
    data = unpacked((tmp_path / "runs" / "index.html").read_text())
    (split,) = data["splits"]
    (table,) = split["tables"]
    assert [row["name"] for row in table["rows"]] == ["a #1?", "deep/b"]
    for row in table["rows"]:
        assert (tmp_path / "runs" / unquote(row["href"])).is_file()
    told = dict(zip(table["columns"][1:], table["rows"][1]["cells"], strict=True))
    assert told["not comparable"] == "limited to 5 samples"
    assert "seeds" not in told and "notes" not in told
    assert data["refused"] == [["broken", data["refused"][0][1]]]
    assert "cut short" in data["refused"][0][1]
    assert "cut short" in capsys.readouterr().err


def test_addresses_are_relative_and_escaped(tmp_path: Path) -> None:
    hostile = tmp_path / "videos" / 'a"onerror=alert(1) <b>#?%.mp4'
    found = address(hostile, tmp_path / "runs" / "r" / "view.html")
    assert not set(found) & set("\"<> #?:'")
    assert Path(os.path.normpath(tmp_path / "runs" / "r" / unquote(found))) == hostile
    assert address(tmp_path / "javascript:alert(1)", tmp_path / "view.html") == "javascript%3Aalert%281%29"


def test_videos_that_are_there_are_linked(benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "test_0001.mp4").write_bytes(b"")
    folder = said_run(benchmark_root, whole)
    look(benchmark_root, folder, videos=[str(tmp_path / "films")])
    videos = unpacked((folder / "view.html").read_text())["videos"]
    assert dict(zip(videos["name"], videos["url"], strict=True))["test_0001"] == "../films/test_0001.mp4"
    assert sum(url is not None for url in videos["url"]) == 1


def test_no_folder_of_the_machine_stands_in_a_page(
    benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Videos below another user's home are linked only where their folder is named; errors name the last part of a path."""
    monkeypatch.setenv("HOME", str(tmp_path / "homes" / "jane"))
    root = shutil.copytree(benchmark_root, tmp_path / "homes" / "bob" / "data")
    (films := root / "synthetic" / "videos").mkdir(exist_ok=True)
    (films / "test_0001.mp4").write_bytes(b"")
    run = said_run(root, whole, "homes/jane/runs/a")
    lines = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    lines[0] |= {"text": None, "error": {"type": "missing-video", "message": f"no file for v in {films}, /data/more"}}
    (run / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    broken = shutil.copytree(run, run.parent / "b")
    (broken / "run.json").write_text(json.dumps({**json.loads((run / "run.json").read_text()), "sessions": []}))
    look(root, run.parent)
    for page in (run / "view.html", run.parent / "index.html"):
        told = json.dumps(unpacked(page.read_text()))
        assert not any(part in told for part in (str(tmp_path), "bob", "jane", "/data"))
    assert "no file for v in videos, more" in json.dumps(unpacked((run / "view.html").read_text()))
    look(root, run, videos=[str(films)])
    urls = unpacked((run / "view.html").read_text())["videos"]["url"]
    assert "../../../bob/data/synthetic/videos/test_0001.mp4" in urls
    for place, linked in ((tmp_path / "homes" / "jane", True), (tmp_path / "homes" / "bob", False)):
        typed = ["board", str(run), "--data-root", str(root), "--output", str(place / "board.html")]
        assert main(typed) == 0
        assert ("view.html" in (place / "board.html").read_text()) == linked
    assert is_apart(Path("/data/v.mp4"), Path("/scratch/view.html")) and not is_apart(Path("/data/v.mp4"), Path("/data/r/v.html"))


def test_broken_runs_are_refused(benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path) -> None:
    good = said_run(benchmark_root, whole)
    samples, run = (good / "samples.jsonl").read_text(), json.loads((good / "run.json").read_text())
    without_model = {**run, "spec": {key: value for key, value in run["spec"].items() if key != "model"}}
    cases = {
        "torn": ({"samples.jsonl": samples[:-20]}, "cut short"),
        "short": ({"samples.jsonl": samples.partition("\n")[2]}, "1 of 36 questions lack a record"),
        "newer": ({"run.json": json.dumps({**run, "schema": "vtg-harness/run/2"})}, "vtg-harness/run/2"),
        "going on": ({"run.json": json.dumps({**run, "status": "running"})}, "is running"),
        "other shape": ({"run.json": json.dumps(without_model)}, "model"),
        "no spec": ({"run.json": json.dumps({"schema": run["schema"], "status": "finished"})}, "spec"),
    }
    for name, (files, words) in cases.items():
        broken = tmp_path / name
        shutil.copytree(good, broken)
        for file, content in files.items():
            (broken / file).write_text(content)
        assert words in refusal(benchmark_root, broken), name
        assert not (broken / "view.html").exists()
        for file, content in files.items():
            assert (broken / file).read_text() == content


def test_what_does_not_belong_together_is_refused(benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path) -> None:
    first = said_run(benchmark_root, whole, "first")
    assert "3 paths" in refusal(benchmark_root, first, first, first)
    assert "each run once" in refusal(benchmark_root, first, first)
    assert "no folder" in refusal(benchmark_root, tmp_path / "nowhere")
    (replies := tmp_path / "replies.jsonl").write_text("{}")
    assert f"harness run --model replay:{replies} --tasks" in refusal(benchmark_root, replies)
    (tmp_path / "empty").mkdir()
    assert "no run.json" in refusal(benchmark_root, tmp_path / "empty")
    assert "no run.json" in refusal(benchmark_root, first, tmp_path / "empty")
    second = said_run(benchmark_root, whole, "second")
    document = json.loads((second / "run.json").read_text())
    document["spec"]["protocol"]["score"]["thresholds"] = [0.4]
    (second / "run.json").write_text(json.dumps(document))
    assert "task, split and protocol" in refusal(benchmark_root, first, second)
    look(benchmark_root, first, second, force=True, output=str(tmp_path / "forced.html"))
    assert "FORCED" in unpacked((tmp_path / "forced.html").read_text())["warnings"][0]


@pytest.mark.parametrize("draw", [view.main, plot.main])
def test_what_cannot_be_written_is_named(draw: Callable[..., int], benchmark_root: Path, said_run: Callable[..., Path]) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, extra plots, is not installed")
    folder = said_run(benchmark_root, whole)
    (folder / "folder.svg").mkdir()
    before = sorted(folder.iterdir())
    for taken in (folder / "run.json" / "figure.svg", folder / "folder.svg"):
        given = {"runs": [str(folder)], "protocol": None, "videos": [], "force": False, "data_root": str(benchmark_root)}
        with pytest.raises(InputError) as error:
            draw(Namespace(**given, output=str(taken)))
        assert str(taken) in error.value.found
        assert "--output" in error.value.next_command
        assert sorted(folder.iterdir()) == before


def test_a_limited_run_says_so(benchmark_root: Path, said_run: Callable[..., Path]) -> None:
    folder = said_run(benchmark_root, whole, limit=5)
    look(benchmark_root, folder)
    assert "only 5 samples" in unpacked((folder / "view.html").read_text())["warnings"][0]
