"""What users add from outside: found without running it, under a name of its own, and refused with the line where it is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import api
from harness.cli import main as harness
from tasks import kinds, outside, protocol, task
from tasks.errors import InputError
from tasks.parsers import parser
from trainers import recipe, rewards

WHATS = ("task", "protocol", "kind", "reward", "recipe")
Wrong = Callable[[str, str], str]


@pytest.fixture(autouse=True)
def nothing_included(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(outside.VARIABLE, "")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """One of each, as `harness new` writes them."""
    for what in WHATS:
        assert harness(["new", what, f"my_{what}", "--to", str(tmp_path / "own" / what)]) == 0
    return tmp_path / "own"


def test_the_tests_of_the_examples_pass(own: Path) -> None:
    assert harness(["new", "model", "my_model", "--to", str(own / "model")]) == 0
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", str(own)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), outside.VARIABLE: "", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=own, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout


def test_each_is_known_where_its_folder_is_included_and_not_before(own: Path) -> None:
    def known() -> list[bool]:
        named = [task.all_tasks(), protocol.names(), kinds.names(), rewards.names(), recipe.names()]
        return [f"my_{what}" in names for what, names in zip(WHATS, named, strict=True)]

    assert known() == [False] * 5
    outside.include([str(own)])
    assert known() == [True] * 5
    os.environ[outside.VARIABLE] = ""
    assert known() == [False] * 5


@pytest.mark.parametrize(("listed", "name"), [("tasks", "my_task"), ("protocols", "my_protocol"), ("rewards", "my_reward")])
def test_lists_say_where_it_comes_from(own: Path, listed: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert harness(["ls", listed, "--include", str(own)]) == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith(f"{name} "))
    assert row.endswith(f"--include {own}")


def test_a_run_names_the_files_it_rests_on_and_does_not_go_on_with_others(
    own: Path, benchmark_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["run", "--model", "oracle", "--tasks", "synthetic", "--protocol", "my_protocol", "--data-root", str(benchmark_root)]
    typed += ["--output", str(tmp_path / "run"), "--include", str(own)]
    assert harness(typed) == 0
    file = own / "protocol" / "my_protocol_parser.py"
    spec = json.loads((tmp_path / "run" / "run.json").read_text())["spec"]
    thing = outside.added("parsers", ())["my_protocol_parser"]
    assert spec["outside"] == {"parsers/my_protocol_parser": thing.sha256}
    file.write_text(file.read_text() + "\n# changed\n")
    capsys.readouterr()
    assert harness(typed) == 2 and "outside.parsers/my_protocol_parser was" in capsys.readouterr().err


def test_a_protocol_is_a_file_as_well(own: Path) -> None:
    assert protocol.load(str(own / "protocol" / "my_protocol.toml")).name == "my_protocol"
    assert "my_protocol" in protocol.names()


def test_processes_that_are_started_know_it_too(own: Path) -> None:
    outside.include([str(own)])
    code = "from tasks import protocol; print(protocol.load('my_protocol').answer.parser)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.check_output([sys.executable, "-c", code], env=environment, text=True) == "my_protocol_parser\n"


@pytest.fixture
def wrong(tmp_path: Path) -> Wrong:
    """What is said of an included file, of whatever is asked first."""

    def said(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError) as caught:
            outside.include([str(tmp_path / name)])
            for group in (task.all_tasks, protocol.names, kinds.names, rewards.names, recipe.names):
                for found in group():
                    if group is protocol.names:
                        protocol.load(found)
            kinds.find(Path(name).stem)
        return str(caught.value)

    return said


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("x.py", "TASK = (\n", "x.py, line 1"),
        ("x.py", "import os\nTASK = os.nothing\n", "x.py, line 2: AttributeError"),
        ("x.py", "import nothing_of_the_kind\nTASK = 1\n", "x.py, line 1: ModuleNotFoundError"),
        ("x.py", "TASK = 1\n", "TASK in"),
        (
            "x.py",
            "from tasks.task import Task\nTASK = Task(\n    nme='x')\n",
            "line 2: TypeError: Task.__init__() got an unexpected keyword argument 'nme' (nearest: name)",
        ),
        ("x.py", "TASKS = (1,)\n", "a tuple of one Task or more"),
        ("x.py", "TASKS = ()\n", "a tuple of one Task or more"),
        ("x.py", "TASK = '\0'\n", "x.py: source code string cannot contain null bytes"),
        ("x.py", "KIND = 1\n", "KIND in"),
        ("x.py", "raise SystemExit\nKIND = 1\n", "line 1: SystemExit"),
        ("x.py", "print()\n", "nothing of the kind"),
        ("x.toml", "[prompt\n", "line 1"),
        ("x.txt", "", "a file that ends in .py"),
        ("default.toml", "[prompt]\n[answer]\n", "'default': a file of the harness"),
        ("iou.py", "def iou(completions): ...\n", "'iou': a file of the harness"),
        ("grpo.yaml", "method: grpo\n", "'grpo': a file of the harness"),
        ("moment.py", "KIND = 1\n", "'moment': a file of the harness"),
    ],
)
def test_what_cannot_be_included_is_refused_with_its_place(name: str, text: str, expected: str, wrong: Wrong) -> None:
    assert expected in wrong(name, text)


def test_a_parser_of_a_known_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "careful.py").write_text("def parse(text, where): ...\n")
    outside.include([str(tmp_path)])
    with pytest.raises(InputError, match="'careful': a file of the harness"):
        parser(protocol.load("default").answer)


def test_a_task_of_a_known_name_is_refused(own: Path) -> None:
    file = own / "task" / "my_task.py"
    file.write_text(file.read_text().replace('name="my_task"', 'name="charades"'))
    outside.include([str(own)])
    with pytest.raises(InputError, match=r"'charades': an earlier one and .*my_task\.py"):
        task.all_tasks()


def test_a_model_of_a_known_name_is_refused(tmp_path: Path, benchmark_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "oracle.py").write_text("class Model:\n    def answer(self, frames, questions): ...\n")
    typed = ["run", "--model", "oracle", "--tasks", "synthetic", "--data-root", str(benchmark_root)]
    assert harness([*typed, "--output", str(tmp_path / "run"), "--include", str(tmp_path / "oracle.py")]) == 2
    assert "'oracle': a file of the harness" in capsys.readouterr().err


def test_two_files_of_one_name_are_refused(own: Path) -> None:
    (own / "more").mkdir()
    (own / "more" / "my_recipe.yaml").write_text("base: grpo\n")
    outside.include([str(own)])
    with pytest.raises(InputError, match=r"'my_recipe': .*my_recipe\.yaml and .*my_recipe\.yaml"):
        recipe.names()


def test_an_unknown_rule_has_its_line_and_the_nearest(own: Path) -> None:
    file = own / "protocol" / "my_protocol.toml"
    text = file.read_text().replace("max_new_tokens", "max_new_token")
    file.write_text(text)
    line = 1 + text.splitlines().index("max_new_token = 64")
    with pytest.raises(InputError, match=rf"my_protocol\.toml line {line}: 'max_new_token' \(nearest: max_new_tokens\)"):
        protocol.load(str(file))


def test_nothing_is_written_over(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert harness(["new", "task", "my_task", "--to", str(own / "task")]) == 2
    assert "is there" in capsys.readouterr().err


def test_the_notebook_takes_them_too(own: Path, benchmark_root: Path, tmp_path: Path) -> None:
    outside.include([str(own)])
    run = api.run("oracle", "synthetic", protocol="my_protocol", data_root=benchmark_root, output=tmp_path / "run")
    assert run.scores["protocol"] == "my_protocol"


def test_a_file_that_is_named_is_run_and_one_that_fails_is_not_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the command is about; what lies in a folder may need packages that only other commands need."""
    (tmp_path / "mine.py").write_text("import nothing_of_the_kind\ndef parse(text, where): ...\n")
    assert harness(["ls", "tasks", "--include", str(tmp_path / "mine.py")]) == 2
    assert "mine.py, line 1: ModuleNotFoundError" in capsys.readouterr().err
    assert harness(["ls", "tasks"]) == harness(["ls", "tasks", "--include", str(tmp_path)]) == 0


def test_an_edited_file_is_run_anew_by_the_next_call(tmp_path: Path) -> None:
    hashes, made = [], []
    for text in ("def parse(text, where): return 1\n", "def parse(text, where): return 2\n"):
        (tmp_path / "mine.py").write_text(text)
        outside.include([str(tmp_path / "mine.py")])
        thing = outside.added("parsers", ())["mine"]
        (tmp_path / "mine.py").write_text("edited while the run goes on")
        hashes.append(thing.sha256)
        made.append(thing.load().parse("", ""))
    assert made == [1, 2] and hashes[0] != hashes[1]
