"""`harness.api`: the same numbers as the command line, tables that nothing in them can break, and the examples of its page."""

import doctest
import inspect
import json
import typing
from html.parser import HTMLParser
from pathlib import Path

import pytest

import trainers
from harness import api
from harness.arguments import parser
from harness.cli import main
from tasks.errors import InputError

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
HOSTILE = '<script>alert("1")</script>&amp;'


class Tags(HTMLParser):
    """Collects the elements and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    return tags


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


@pytest.fixture
def runs(benchmark_root: Path, tmp_path: Path) -> list[api.Run]:
    names = ("whole-video", "middle-half", "train-prior")
    return [api.run(name, "synthetic", output=tmp_path / name, data_root=benchmark_root) for name in names]


def test_the_examples_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert found.failed == 0
    assert found.attempted > 15


def test_a_run_has_the_scores_and_the_table_of_the_command(
    runs: list[api.Run], benchmark_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for one in runs:
        assert one.scores == json.loads((one.path / "scores.json").read_text())
        again = api.score(one, data_root=benchmark_root)
        assert json.loads(printed(capsys, "score", one.path, "--data-root", benchmark_root, "--json")) == again.scores
        assert f"{again!r}\n" == printed(capsys, "score", one.path, "--data-root", benchmark_root)


def test_other_rules_give_other_scores_and_a_loaded_run_keeps_its_own(runs: list[api.Run], benchmark_root: Path) -> None:
    whole = runs[0]
    assert api.load_run(whole.path, data_root=benchmark_root).scores == whole.scores
    scores = api.score(whole.path, data_root=benchmark_root, protocol="default").scores
    assert (scores["protocol"], whole.scores["protocol"]) == ("default", "synthetic")


def test_the_rules_of_a_loaded_run_are_those_it_recorded(runs: list[api.Run], benchmark_root: Path) -> None:
    file = runs[0].path / "run.json"
    recorded = json.loads(file.read_text())
    recorded["spec"]["protocol"]["score"]["thresholds"] = [0.11]
    file.write_text(json.dumps(recorded))
    aggregate = api.load_run(runs[0], data_root=benchmark_root).scores["modes"]["direct"]["aggregate"]
    assert aggregate.keys() == {"n", "mIoU", "R1@0.11"}


def test_options_are_those_of_the_command_line(benchmark_root: Path, tmp_path: Path) -> None:
    ids = [tmp_path / name for name in ("a.txt", "b.txt")]
    known = [sample.id for sample in api.run("oracle", "synthetic", output=tmp_path / "o", data_root=benchmark_root).plan.samples]
    ids[0].write_text("\n".join(known[:4]))
    ids[1].write_text("\n".join(known[2:]))
    one = api.run("oracle", "synthetic", output=tmp_path / "r", data_root=benchmark_root, modes=["direct", "cot"], ids=ids)
    assert (one.plan.modes, [sample.id for sample in one.plan.samples]) == (("direct", "cot"), known[2:4])
    assert [(row["id"], row["mode"]) for row in one.samples] == [(i, m) for m in ("direct", "cot") for i in known[2:4]]


@pytest.mark.parametrize("verb", ["run", "score", "compare", "train", "experiment", "board", "view"])
def test_names_and_defaults_are_those_of_the_command_line(verb: str) -> None:
    """What concerns files and exit codes of the command alone is not there."""
    given = {"run": ["--model", "m", "--tasks", "t"], "train": ["--recipe", "r", "--model", "m", "--tasks", "t", "--output", "o"]}
    command = vars(parser().parse_args([verb, *given.get(verb, ["x"])]))
    typed = {"run": {"model"}, "train": {"recipe", "model", "task", "output"}, "score": {"path"}, "experiment": {"file"}}
    only_there = {"command", "debug", "tasks", "json", "all_protocols", "max_errors", "price", "config", "dry_run"}
    only_there |= {"train": {"evaluate", "modes"}, "board": {"format", "output"}}.get(verb, set())
    only_there |= typed.get(verb, {"runs"})
    only_here = {*typed.get(verb, {"runs"}), "first", "others", *({"task"} if verb == "run" else ())}
    parameters = inspect.signature(getattr(api, verb)).parameters
    assert command.keys() - only_there == parameters.keys() - only_here
    for name in parameters.keys() - only_here:
        default = {"layout": "general", "group": "seeds"}.get(name) if verb == "board" else None
        assert (command[name] or default) == (parameters[name].default or None), name


@pytest.mark.parametrize("name", ["run", "score", "compare", "board", "view", "train", "experiment"])
def test_every_argument_is_explained(name: str) -> None:
    function = getattr(api, name)
    told = inspect.getdoc(function) or ""
    parameters = inspect.signature(function).parameters
    untold = [one for one in parameters if f"    {one}: " not in told]
    assert set(untold) <= {"task", "first", "others", "runs"}, "these stand in the first paragraphs"
    assert typing.get_type_hints(function).keys() == {*parameters, "return"}
    assert max(map(len, told.splitlines())) <= 130 and "%(default)" not in told


def test_a_file_of_predictions_is_scored(benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(json.dumps({"video": "test_0000", "query": "red circle", "text": "2 to 4"}) + "\n")
    mine = api.score(file, task="synthetic@test", data_root=benchmark_root, modes="cot")
    command = ("score", file, "--task", "synthetic@test", "--modes", "cot", "--data-root", benchmark_root, "--json")
    assert mine.scores == json.loads(printed(capsys, *command))
    assert mine.samples[0]["mIoU"] == pytest.approx(2 / 3)
    with pytest.raises(InputError, match="nearest: last"):
        api.score(file, task="synthetic@test", data_root=benchmark_root, duplicates="lst")


def test_a_comparison_is_that_of_the_command(
    runs: list[api.Run], benchmark_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = api.compare(*runs, data_root=benchmark_root)
    paths = [one.path for one in runs]
    assert found.result == json.loads(printed(capsys, "compare", *paths, "--data-root", benchmark_root, "--json"))
    first, second = (one.scores["modes"]["direct"]["aggregate"] for one in runs[:2])
    row = next(row for row in found.rows if row["metric"] == "mIoU" and row["run"] == str(paths[1]))
    assert (row["A"], row["B"], row["n"]) == (f"{first['mIoU']:.2f}", f"{second['mIoU']:.2f}", "36")
    assert row["B - A"] == f"{second['mIoU'] - first['mIoU']:+.2f}"
    assert {row["run"] for row in found.rows} == set(map(str, paths[1:]))


def test_what_is_forced_or_cut_is_said(runs: list[api.Run], benchmark_root: Path, tmp_path: Path) -> None:
    part = api.run("oracle", "synthetic", output=tmp_path / "part", data_root=benchmark_root, limit=5, protocol="default")
    with pytest.raises(InputError, match="same task, split and protocol"):
        api.compare(runs[0], part, data_root=benchmark_root)
    found = api.compare(runs[0], part, data_root=benchmark_root, force=True)
    for shown in (repr(found), parsed(found._repr_html_()).text):
        assert "5 queries of 5 videos, LIMITED" in shown
        assert "FORCED although these differ: protocol" in shown


def test_hostile_names_stay_text(benchmark_root: Path, tmp_path: Path) -> None:
    replies = tmp_path / f"{HOSTILE.replace('/', '')}.jsonl"
    replies.write_text('{"id": "nobody", "text": "1 to 2"}\n')
    one = api.run(f"replay:{replies}", "synthetic", output=tmp_path / HOSTILE, data_root=benchmark_root)
    two = api.run("whole-video", "synthetic", output=tmp_path / f"{HOSTILE}b", data_root=benchmark_root)
    for page in (one._repr_html_(), api.compare(one, two, data_root=benchmark_root)._repr_html_()):
        found = parsed(page)
        assert found.tags <= {"p", "br", "table", "thead", "tbody", "tr", "th", "td"}
        assert "script>&amp;" in found.text


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: api.run("whole-video", "synthetic,charades", data_root="x"), "one task"),
        (lambda: api.run("whole-video", "synthetc"), "nearest: synthetic"),
        (lambda: api.compare("nowhere"), "no nowhere"),
        (lambda: api.compare("x", "./x"), "each run once"),
        (lambda: api.load_run("nowhere"), "no nowhere"),
        (lambda: api.score("nowhere.jsonl", task="synthetic"), "no nowhere.jsonl"),
    ],
)
def test_bad_input_is_refused(call: object, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=words):
        call()  # type: ignore[operator]
    assert capsys.readouterr() == ("", "")


def test_a_wrong_dtype_is_refused(benchmark_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch, extra hf, is not installed")
    weak = Path(trainers.__file__).parent / "base" / "weak"
    (tmp_path / "test_0000.mp4").touch()
    with pytest.raises(InputError, match="a dtype: auto, bfloat16"):
        api.run(str(weak), "synthetic", dtype="float8", output=tmp_path / "run", data_root=benchmark_root, videos=tmp_path)


def test_an_unfinished_run_is_refused_by_load_and_counted_by_score(runs: list[api.Run], benchmark_root: Path) -> None:
    whole = runs[0]
    recorded = json.loads((whole.path / "run.json").read_text())
    (whole.path / "run.json").write_text(json.dumps({**recorded, "status": "running"}))
    lines = (whole.path / "samples.jsonl").read_text().splitlines(keepends=True)
    (whole.path / "samples.jsonl").write_text("".join(lines[:10]))
    with pytest.raises(InputError, match="is running"):
        api.load_run(whole.path, data_root=benchmark_root)
    counts = api.score(whole.path, data_root=benchmark_root).scores["modes"]["direct"]["counts"]
    assert counts["errors"] == {"not-run": 26}
