"""`harness submit` and `harness board --verify`: honest runs pass, and whatever was changed by hand is refused."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.arguments import parser
from harness.cli import main as harness
from leaderboards.results import SUBMISSION, without_paths

Change = Callable[[Any], object]


@pytest.fixture
def run(benchmark_root: Path, tmp_path: Path) -> Path:
    """A finished run of a model that answers at random."""
    folder = tmp_path / "somewhere" / "run"
    typed = ["run", "--model", "random", "--tasks", "synthetic", "--protocol", "default", "--modes", "direct,cot"]
    assert harness([*typed, "--data-root", str(benchmark_root), "--output", str(folder)]) == 0
    change(folder / "run.json", lambda d: d["sessions"][0].update(command=["harness", *typed, "--output", str(folder)]))
    return folder


@pytest.fixture
def submitted(run: Path, benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The same run in a folder of results."""
    capsys.readouterr()
    assert harness(["submit", str(run), "--to", str(tmp_path / "results"), "--data-root", str(benchmark_root)]) == 0
    return Path(capsys.readouterr().out.strip())


@pytest.fixture
def verify(benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[int, str]]:
    """Exit code and output of the command that a repository of results runs."""

    def verified() -> tuple[int, str]:
        capsys.readouterr()
        code = harness(["board", str(tmp_path / "results"), "--verify", "--data-root", str(benchmark_root)])
        written = capsys.readouterr()
        return code, written.out + written.err

    return verified


def change(file: Path, how: Change) -> None:
    """Change a JSON document, or the last of JSON lines."""
    *lines, last = file.read_text().splitlines() if file.suffix == ".jsonl" else [file.read_text()]
    document = json.loads(last)
    how(document)
    file.write_text("\n".join([*lines, json.dumps(document)]) + "\n")


def rehash(folder: Path) -> None:
    """Make the hashes of a submission those of its files, as a forger would."""

    def told(document: Any) -> None:
        document["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in document["files"]}

    change(folder / SUBMISSION, told)


def test_honest_runs_pass_and_lie_where_everyone_looks(
    submitted: Path, verify: Callable[[], tuple[int, str]], tmp_path: Path
) -> None:
    place = submitted.relative_to(tmp_path / "results").parts
    assert place[0] == "synthetic@test" and place[1].startswith("default-") and place[2].startswith("random-")
    assert sorted(file.name for file in submitted.iterdir()) == ["run.json", "samples.jsonl", "scores.json", SUBMISSION]
    code, said = verify()
    assert code == 0 and "random" in said


def test_no_path_of_the_machine_is_submitted(
    run: Path, benchmark_root: Path, tmp_path: Path, verify: Callable[[], tuple[int, str]]
) -> None:
    change(run / "run.json", lambda d: d["spec"]["model"].update(name=f"{tmp_path}/sft", options={"cache": f"{tmp_path}/cache"}))
    why = f"no file in {tmp_path}/my films, C:\\Users\\{tmp_path.name}\\films or file://{tmp_path}/more"
    change(run / "samples.jsonl", lambda d: d.update(text=None, error={"type": "missing-video", "message": why}))
    assert str(tmp_path) in (run / "run.json").read_text() + (run / "samples.jsonl").read_text()
    assert harness(["submit", str(run), "--to", str(tmp_path / "results"), "--data-root", str(benchmark_root)]) == 0
    for file in (tmp_path / "results").rglob("*"):
        assert not file.is_file() or tmp_path.name not in file.read_text(), file
        assert tmp_path.name not in str(file.relative_to(tmp_path)), file
    assert verify()[0] == 0


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        ("~/a/b", "b"),
        ("/a/b/", "b"),
        ("/b", "b"),
        ("--output=/a/b", "--output=b"),
        ("k=/a/b,n=1", "k=b,n=1"),
        ("replay:/a/b.jsonl", "replay:b.jsonl"),
        *((same, same) for same in ("http://a/b", "Qwen/Qwen3-VL-2B", "charades@test,anet", "runs/a")),
    ],
)
def test_of_a_path_the_last_part_stays(typed: str, left: str) -> None:
    told = without_paths({"spec": {"model": {"name": typed}}, "sessions": [{"command": [typed]}]})
    assert told == {"spec": {"model": {"name": left}}, "sessions": [{"command": [left]}]}


FORGED: dict[str, tuple[str, Change, str]] = {
    "a metric": ("scores.json", lambda d: d["modes"]["direct"]["aggregate"].update(mIoU=99.0), "modes"),
    "the score of a sample": ("scores.json", lambda d: d["modes"]["cot"]["samples"][0].update(value=1.0), "modes"),
    "a count": ("scores.json", lambda d: d["modes"]["direct"]["counts"].update(parsed=1), "modes"),
    "a reply": ("samples.jsonl", lambda d: d.update(text="from 1.00 to 2.00"), "modes"),
    "an error that was a reply": ("samples.jsonl", lambda d: d.update(text=None, error={"type": "oom", "message": ""}), "modes"),
    "a reply that is gone": ("samples.jsonl", lambda d: d.update(id="another"), "lack a record"),
    "the rules": ("run.json", lambda d: d["spec"]["protocol"]["score"].update(failure="skip"), "protocol"),
    "spans instead of a reply": ("samples.jsonl", lambda d: d.update(prediction={"spans": [[1, 4]]}), "rows of predictions"),
    "scores of another shape": ("scores.json", dict.clear, "schema"),
    "the version of the task": ("run.json", lambda d: d["spec"].update(task_version=99), "task_version"),
    "the modes": ("run.json", lambda d: d["spec"].update(modes=[]), "modes"),
    "a model that is none": ("run.json", lambda d: d["spec"].update(model=None), "run.json"),
    "the hash of the rules": ("run.json", lambda d: d["spec"]["protocol"].update(sha256="0" * 64), "another run"),
    "the split": ("run.json", lambda d: d["spec"].update(split_sha256="0" * 64), "00000000"),
}


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.parametrize("hashes", ["left", "forged", "removed"])
def test_what_was_forged_is_refused(name: str, hashes: str, submitted: Path, verify: Callable[[], tuple[int, str]]) -> None:
    file, how, told = FORGED[name]
    change(submitted / file, how)
    if hashes == "forged":
        rehash(submitted)
    elif hashes == "removed":
        (submitted / SUBMISSION).unlink()
    code, said = verify()
    assert code == 2 and submitted.name in said, said
    assert (f"{file} is not the file that was submitted" if hashes == "left" else told) in said, said


@pytest.mark.parametrize(
    ("line", "told"), [({}, "1 questions with several replies"), ({"id": "other"}, "1 records of no question")]
)
def test_replies_that_could_be_chosen_from_are_refused(
    line: dict[str, str], told: str, submitted: Path, verify: Callable[[], tuple[int, str]]
) -> None:
    first = (file := submitted / "samples.jsonl").read_text().splitlines()[0]
    file.write_text(f"{json.dumps({**json.loads(first), **line})}\n{file.read_text()}")
    rehash(submitted)
    code, said = verify()
    assert code == 2 and told in said


def test_a_run_stands_once_and_under_the_name_of_its_model(submitted: Path, verify: Callable[[], tuple[int, str]]) -> None:
    """Another name, a copy, a run that was not submitted, and a link out of the folder."""
    results = submitted.parents[2]
    change(submitted / "run.json", lambda d: d["spec"]["model"].update(name="best"))
    rehash(submitted)
    code, said = verify()
    assert code == 2 and f"belong in synthetic@test/{submitted.parent.name}/best-" in said
    change(submitted / "run.json", lambda d: d["spec"]["model"].update(name="random"))
    rehash(submitted)
    assert verify()[0] == 0
    copy = shutil.copytree(submitted, submitted.with_name(submitted.name.replace("random", "best")))
    change(copy / "run.json", lambda d: d["spec"]["model"].update(name="best"))
    rehash(copy)
    code, said = verify()
    assert code == 2 and "the same replies as" in said
    shutil.move(copy, results / "mine")
    (results / "mine" / SUBMISSION).unlink()
    code, said = verify()
    assert code == 2 and f"mine: no {SUBMISSION}" in said
    shutil.move(results / "mine" / "samples.jsonl", results.parent / "elsewhere.jsonl")
    shutil.rmtree(results / "mine")
    (submitted / "samples.jsonl").unlink()
    (submitted / "samples.jsonl").symlink_to(results.parent / "elsewhere.jsonl")
    code, said = verify()
    assert code == 2 and "samples.jsonl is a link" in said


def test_the_same_run_twice_is_one_and_another_is_not_written_over_it(
    submitted: Path, run: Path, benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = ["submit", str(run), "--to", str(tmp_path / "results"), "--data-root", str(benchmark_root)]
    assert harness(again) == 0
    change(submitted / "scores.json", lambda d: d.update(seed=7))
    before = (submitted / "scores.json").read_bytes()
    assert harness(again) == 2 and "another scores.json" in capsys.readouterr().err
    assert (submitted / "scores.json").read_bytes() == before


def test_a_run_that_is_not_whole_is_not_submitted(run: Path, benchmark_root: Path, tmp_path: Path) -> None:
    change(run / "run.json", lambda d: d.update(status="running"))
    assert harness(["submit", str(run), "--to", str(tmp_path / "results"), "--data-root", str(benchmark_root)]) == 2
    assert not (tmp_path / "results").exists()


def test_the_workflow_of_the_docs_types_commands_that_there_are() -> None:
    """What a repository of results copies is YAML, and every `harness` in it parses."""
    page = (Path(__file__).parents[2] / "docs" / "results-repository.md").read_text()
    steps = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])["jobs"]["board"]["steps"]
    typed = [part.split(" > ")[0] for step in steps for part in step.get("run", "").split(" && ") if part.startswith("harness")]
    typed += [line.split("  #")[0] for line in page.split("```\n")[1].splitlines()]
    assert len(typed) == 5
    for command in typed:
        parser().parse_args(command.split()[1:])
