"""`harness board` on run folders: what is read, what is refused, and that the same folders give the same bytes."""

import itertools
import json
import shutil
import statistics
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main as harness
from harness.commands.board import main as board
from harness.plan import make_plan
from harness.report import floor_rows
from leaderboards.board.formats import FORMATS
from leaderboards.board.request import layouts
from tasks import protocol
from tasks.errors import InputError

Show = Callable[..., str]


@pytest.fixture
def show(benchmark_root: Path, capsys: pytest.CaptureFixture[str]) -> Show:
    """The board of some folders as text."""

    def shown(*runs: Path, **options: Any) -> str:
        defaults = {
            "layout": None,
            "published": None,
            "format": None,
            "force": False,
            "label": [],
            "group": None,
            "verify": False,
            **dict.fromkeys(("task", "protocol", "columns", "output")),
        }
        defaults["data_root"] = str(benchmark_root)
        capsys.readouterr()
        assert board(Namespace(runs=[str(run) for run in runs], **{**defaults, **options})) == 0
        return capsys.readouterr().out

    return shown


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recorded")


@pytest.fixture
def runs(recorded: Path, benchmark_root: Path, tmp_path: Path) -> Path:
    """A folder of four runs of a model that looks, as far as `run.json` says: seeds 0 to 3, the last in both modes."""
    if not any(recorded.iterdir()):
        for seed, modes in enumerate(("direct", "direct", "direct", "direct,cot")):
            record(benchmark_root, recorded / f"run{seed}", "--seed", str(seed), "--modes", modes, "--protocol", "default")
    return shutil.copytree(recorded, tmp_path / "runs")


def record(data_root: Path, folder: Path, *options: str) -> Path:
    typed = ["run", "--model", "random", "--tasks", "synthetic", "--data-root", str(data_root), "--output", str(folder)]
    assert harness([*typed, *options]) == 0
    change(folder, lambda run: run["spec"]["model"].update(backend="hf", name=f"models/{folder.name}"))
    return folder


def change(folder: Path, edit: Callable[[dict[str, Any]], Any], file: str = "run.json") -> None:
    content = json.loads((folder / file).read_text())
    edit(content)
    (folder / file).write_text(json.dumps(content, indent=1))


def rows(text: str) -> dict[str, list[dict[str, Any]]]:
    (section,) = json.loads(text)["sections"]
    found: dict[str, list[dict[str, Any]]] = {}
    for row in section["rows"]:
        found.setdefault(row["block"], []).append(row)
    return found


def test_every_row_carries_what_its_number_is_worth(runs: Path, show: Show) -> None:
    found = rows(show(runs, format="json"))
    assert [row["model"] for row in found["below"]] == ["models/run3"]
    assert found["below"][0]["mode"] == "mixed-cot" and "ground truth" in found["below"][0]["not_comparable"][0]
    assert {(row["model"], row["mode"]) for row in found["ranked"]} == {
        *((f"models/run{i}", "direct") for i in range(4)),
        ("models/run3", "cot"),
    }
    for row in found["ranked"]:
        scores = json.loads((runs / row["source"] / "scores.json").read_text())
        run = json.loads((runs / row["source"] / "run.json").read_text())
        entry = scores["modes"][row["mode"]]
        assert row["metrics"]["mIoU"]["value"] == entry["aggregate"]["mIoU"]
        assert row["metrics"]["mIoU"]["interval_95"] == entry["interval_95"]["mIoU"]
        assert (row["n"], row["coverage"]) == ("36", "36/36 (100.0%)")
        assert float(row["gap"]) == pytest.approx(entry["query_gap"], abs=0.05)
        assert row["protocol"] == f"default ({run['spec']['protocol']['sha256'][:8]})"
        assert row["commit"].startswith(run["sessions"][-1]["environment"]["commit"][:8])
        assert row["trained on"] == "unknown"


def test_floors_and_ceilings_always_stand_there(runs: Path, benchmark_root: Path, show: Show) -> None:
    expected = floor_rows(make_plan("synthetic", None, "default", (), benchmark_root))
    found = rows(show(runs, format="json"))["floors and ceilings"]
    assert {row["model"]: row["metrics"]["mIoU"]["printed"] for row in found} == {row["model"]: row["mIoU"] for row in expected}
    assert {"whole-video", "middle-half", "train-prior"} <= {row["model"] for row in found}


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_runs_give_the_same_bytes_in_any_order(runs: Path, show: Show, name: str) -> None:
    folders = sorted(runs.iterdir())
    first = show(*folders, format=name)
    assert first == show(runs, format=name) == show(runs, runs / "run0", format=name)
    assert {show(*some, format=name) for some in itertools.islice(itertools.permutations(folders), 0, 24, 5)} == {first}


def test_a_board_reads_and_never_writes(runs: Path, show: Show) -> None:
    (runs / "run0" / "scores.json").unlink()
    before = {path: path.read_bytes() for path in sorted(runs.rglob("*")) if path.is_file()}
    show(runs)
    assert {path: path.read_bytes() for path in sorted(runs.rglob("*")) if path.is_file()} == before


def test_a_run_without_scores_is_scored_on_the_spot(runs: Path, show: Show) -> None:
    first = show(runs)
    (runs / "run1" / "scores.json").unlink()
    (runs / "run3" / "scores.json").unlink()
    assert show(runs) == first


def test_scores_that_are_indented_in_another_way_are_read_as_well(runs: Path, show: Show) -> None:
    first = show(runs)
    for folder in runs.iterdir():
        change(folder, lambda scores: None, "scores.json")
    (runs / "run0" / "scores.json").write_text(json.dumps(json.loads((runs / "run0" / "scores.json").read_text())))
    assert show(runs) == first


def spec(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda run: run["spec"].update(values)


DEFAULT = protocol.load("default")
SHORTER = replace(DEFAULT, decoding=replace(DEFAULT.decoding, max_new_tokens=9))


@pytest.mark.parametrize(
    ("edit", "scores", "reason"),
    [
        (spec(task_version=9), {}, "other version of the task: v9"),
        (spec(split_sha256="0" * 64), {"split_sha256": "0" * 64}, "other split hash: 00000000"),
        (
            lambda run: run["spec"]["protocol"]["decoding"].update(max_new_tokens=9),
            {},
            f"other protocol: default ({SHORTER.sha256[:8]})",
        ),
        (spec(limit=30), {}, "limited to 30 samples"),
        (spec(ids_sha256="2" * 64), {}, "only the samples of --ids (22222222)"),
        (lambda run: run["counts"].update(wrong_clock=3), {}, "wrong times told in 3 replies"),
    ],
)
def test_what_cannot_be_compared_stands_below(
    runs: Path, show: Show, edit: Callable[[dict[str, Any]], Any], scores: dict[str, Any], reason: str
) -> None:
    change(runs / "run1", edit)
    change(runs / "run1", lambda content: content.update(scores), "scores.json")
    found = rows(show(runs, format="json"))
    (row,) = (row for row in found["below"] if row["source"] == "run1")
    assert row["not_comparable"] == [reason]
    assert "run1" not in {row["source"] for row in found["ranked"]}
    assert rows(show(runs, format="json", force=True))["ranked"][-1]


def test_a_real_limit_other_protocol_and_unfinished_run_stand_below(runs: Path, benchmark_root: Path, show: Show) -> None:
    record(benchmark_root, runs / "limited", "--limit", "5", "--protocol", "default")
    record(benchmark_root, runs / "other", "--protocol", "timelens")
    change(runs / "run2", lambda run: run.update(status="running"))
    (runs / "run2" / "scores.json").unlink()
    lines = (runs / "run2" / "samples.jsonl").read_text().splitlines(keepends=True)
    (runs / "run2" / "samples.jsonl").write_text("".join(lines[:-9]))
    found = {row["source"]: row["not_comparable"] for row in rows(show(runs, format="json"))["below"]}
    assert found.keys() == {"limited", "other", "run2", "run3"}
    assert found["limited"] == ["limited to 5 samples"]
    assert found["other"][0].startswith("other protocol: timelens (")
    assert found["run2"] == ["no reply to 9 of 36 questions"]


def test_a_checkpoint_says_what_it_was_trained_on(runs: Path, show: Show) -> None:
    trained = {"split": "synthetic@fit", "split_sha256": "3" * 64, "used_sha256": "3" * 64, "samples": 108, "recipe": "grpo"}
    change(runs / "run0", lambda run: run["spec"]["model"].update(trained_on=trained))
    tested = json.loads((runs / "run1" / "run.json").read_text())["spec"]["split_sha256"]
    change(runs / "run1", lambda run: run["spec"]["model"].update(trained_on={**trained, "split_sha256": tested}))
    found = rows(show(runs, format="json"))
    assert {row["source"]: row["trained on"] for row in found["ranked"]}["run0"] == "synthetic@fit (108), grpo"
    below = {row["source"]: row["not_comparable"] for row in found["below"]}
    assert below["run1"] == ["trained on the split it is tested on"]


def trained(folder: Path, seed: int, **changes: Any) -> None:
    """As if the model of a run were a training of one recipe."""
    said = {"split": "synthetic@fit", "split_sha256": "3" * 64, "used_sha256": "3" * 64, "samples": 108, "recipe": "grpo"}
    said |= {"seed": seed, "seconds": 10.0, "training_sha256": "5" * 64, **changes}
    change(folder, lambda run: run["spec"]["model"].update(trained_on=said))


def test_seeds_of_a_recipe_stand_as_one_row_unless_told_otherwise(runs: Path, show: Show) -> None:
    for seed in range(3):
        trained(runs / f"run{seed}", seed)
    (row,) = (row for row in rows(show(runs, format="json"))["ranked"] if row["seeds"] == "3")
    values = [json.loads((runs / f"run{i}" / "scores.json").read_text())["modes"]["direct"]["aggregate"] for i in range(3)]
    assert row["metrics"]["mIoU"]["value"] == pytest.approx(statistics.fmean(v["mIoU"] for v in values))
    assert row["metrics"]["mIoU"]["sd"] == pytest.approx(statistics.stdev(v["mIoU"] for v in values))
    assert (row["model"], row["source"], row["train s"]) == ("grpo on synthetic@fit", "run0, run1, run2", "10")
    assert {row["seeds"] for row in rows(show(runs, format="json", group="none"))["ranked"]} == {"-"}
    trained(runs / "run2", 2, training_sha256="6" * 64)
    assert [row["source"] for row in rows(show(runs, format="json"))["ranked"] if row["seeds"] == "2"] == ["run0, run1"]


def test_labels_name_rows_and_make_seeds_of_older_runs_one(runs: Path, show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    found = rows(show(runs, format="json", label=[f"{runs}/run[01]=SFT, lr 1e-3", f"{runs / 'run2'}=base"]))["ranked"]
    assert {row["model"]: row["seeds"] for row in found if row["mode"] == "direct"} == {
        "SFT, lr 1e-3": "2",
        "base": "-",
        "models/run3": "-",
    }
    (runs.parent / "board.yaml").write_text("runs: runs\ngroup: none\nformat: json\nlabels: {runs/run*: ours}\n")
    monkeypatch.chdir(runs)
    assert {row["model"] for row in rows(show(runs.parent / "board.yaml"))["ranked"]} == {"ours"}
    with pytest.raises(InputError, match="RUN=TEXT"):
        show(runs, label=["run0"])
    with pytest.raises(InputError, match="nothing matches"):
        show(runs, label=["run9=a"])


def cut(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])


def newer(folder: Path, file: str, schema: str) -> None:
    change(folder, lambda content: content.update(schema=schema), file)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: newer(run, "run.json", "vtg-harness/run/2"), "vtg-harness/run/2"),
        (lambda run: newer(run, "scores.json", "vtg-harness/scores/3"), "vtg-harness/scores/3"),
        (lambda run: cut(run / "samples.jsonl", -7), "cut short"),
        (lambda run: cut(run / "samples.jsonl", 0), "cut short"),
        (lambda run: cut(run / "scores.json", 900), "vtg-harness/scores/2"),
        (lambda run: cut(run / "run.json", 200), "vtg-harness/run/1"),
        (lambda run: (run / "scores.json").write_text("[]"), "vtg-harness/scores/2"),
        (lambda run: (run / "scores.json").write_text("[" * 100_000), "vtg-harness/scores/2"),
        (lambda run: change(run, lambda s: s.update(split_sha256="0" * 64), "scores.json"), "of another run"),
        (lambda run: change(run, lambda s: s["modes"]["direct"].pop("coverage"), "scores.json"), "coverage"),
        (lambda run: change(run, lambda r: r["spec"].pop("model")), "model"),
        (lambda run: change(run, lambda r: r.update(sessions=[])), "as the harness writes them"),
    ],
)
def test_a_spoiled_run_is_bad_input(runs: Path, show: Show, spoil: Callable[[Path], Any], words: str) -> None:
    spoil(runs / "run1")
    with pytest.raises(InputError, match=words):
        show(runs)


def test_a_finished_run_that_lost_lines_is_not_scored_on_the_spot(runs: Path, show: Show) -> None:
    (runs / "run1" / "scores.json").unlink()
    lines = (runs / "run1" / "samples.jsonl").read_text().splitlines(keepends=True)
    (runs / "run1" / "samples.jsonl").write_text("".join(lines[:-4]))
    with pytest.raises(InputError, match="4 of 36 questions lack a record"):
        show(runs)


def test_annotations_must_be_those_of_the_runs(runs: Path, benchmark_root: Path, show: Show, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the synthetic benchmark"):
        show(runs, data_root=str(tmp_path / "nothing"))
    for folder in runs.iterdir():
        change(folder, spec(split_sha256="4" * 64))
        change(folder, lambda scores: scores.update(split_sha256="4" * 64), "scores.json")
    with pytest.raises(InputError, match="the run was made on, 44444444"):
        show(runs)


def test_there_must_be_runs_a_layout_and_rows(runs: Path, show: Show, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "missing", runs / "run0" / "run.json"):
        with pytest.raises(InputError, match="a run folder"):
            show(folder)
    with pytest.raises(InputError, match="nearest: tempsamp-1\\)"):
        show(layout="tempsamp-11")
    with pytest.raises(InputError, match="nearest: timelens"):
        show(published="timelense")


@pytest.mark.parametrize("layout", layouts())
@pytest.mark.parametrize("name", FORMATS)
def test_every_layout_in_every_format_without_runs(show: Show, layout: str, name: str) -> None:
    assert len(show(layout=layout, format=name)) > 400


def test_published_rows_are_chosen_by_table_paper_or_file(runs: Path, show: Show, tmp_path: Path) -> None:
    mine = """
paper: Mine
source: here
tables:
- table: 1
  title: T
  benchmarks: {synthetic: {split: test, metrics: mIoU}}
  rows:
  - {method: strong, base: B, zero_shot: no, results: {synthetic: {trained: yes, protocol: default, values: "99.90"}}}
"""
    (tmp_path / "mine.yaml").write_text(mine)
    found = rows(show(runs, format="json", published=str(tmp_path / "mine.yaml")))
    assert (found["ranked"][0]["model"], found["ranked"][0]["metrics"]["mIoU"]["printed"]) == ("strong", "99.90")
    assert "strong" not in show(runs, published="none")
    (section,) = json.loads(show(format="json", published="tempsamp-4"))["sections"]
    assert len(section["rows"]) == 5
    (section, _) = json.loads(show(format="json", published="tempsamp-4,tempsamp-2"))["sections"]
    assert section["task"] == "anet"


def test_a_file_makes_the_same_board_wherever_it_is_called_from(
    runs: Path, show: Show, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = runs.parent / "board.yaml"
    file.write_text("runs: [runs/run*]\nformat: md\npublished: none\n")
    expected = show(runs, format="md", published="none")
    assert show(file) == expected
    monkeypatch.chdir(runs.parent)
    assert show(Path("board.yaml")) == expected
    assert show(file, format="csv") == show(runs, format="csv", published="none")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("runs: [other/*]", "nothing matches"),
        ("run: x", "nearest: runs"),
        ("runs: {a: b}", "as runs"),
        ("format: pdf", "'pdf'"),
        ("force: maybe", "yes, no"),
        ("layout: [a, b]", "text as layout"),
        ("group: seed", "nearest: seeds"),
        ("labels: [a]", "a mapping as labels"),
        ("labels: {other/*: a}", "nothing matches"),
        ("- x", "a mapping"),
        ("a: [", "YAML"),
    ],
)
def test_a_wrong_file_is_bad_input(show: Show, tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "board.yaml").write_text(content)
    with pytest.raises(InputError, match=words):
        show(tmp_path / "board.yaml")


def test_two_files_are_bad_input(show: Show) -> None:
    with pytest.raises(InputError, match="one board"):
        show(Path("a.yaml"), Path("b.yaml"))


def test_a_copied_run_is_another_row_and_a_run_named_twice_is_one(runs: Path, show: Show) -> None:
    shutil.copytree(runs / "run0", runs / "copy")
    found = [row["source"] for row in rows(show(runs, runs, runs / "run0", format="json"))["ranked"]]
    assert sorted(found) == ["copy", "run0", "run1", "run2", "run3", "run3"]
