"""A model of one's own in a file: asked like any other, and every mistake in it named with its line."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import api
from harness.cli import main
from harness.models import own, tiny
from harness.synthetic.make import make
from tasks.errors import InputError

PAGE = Path(__file__).parents[2] / "docs" / "own-model.md"
RIGHT = """
class Mine:
    def describe(self):
        return {"weights": [1, 2]}

    def answer(self, frames, questions):
        self.told_s = frames.time_s.tolist()
        return [f"from 1.0 to {frames.time_s[-1]:.1f}" for question in questions]
"""
Write = Callable[[str], str]


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make(root, 0, {"train": 1, "test": 2})
    return root


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> str:
        (tmp_path / "mine.py").write_text(text, encoding="utf-8")
        return f"{tmp_path / 'mine.py'}:Mine"

    return write


@pytest.fixture
def ask(data_root: Path, tmp_path: Path) -> Callable[..., int]:
    def ask(model: str, *more: str) -> int:
        options = ["--tasks", "synthetic", "--data-root", str(data_root), "--output", str(tmp_path / "run")]
        return main(["run", "--model", model, *options, *more])

    return ask


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run" / "samples.jsonl").read_text().splitlines()]


def identity(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "run" / "run.json").read_text())["spec"]["model"])


def test_a_class_in_a_file_is_a_model(
    write: Write, ask: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write(RIGHT)
    assert ask(name) == 0
    found = records(tmp_path)
    assert len(found) == 6 and all(re.fullmatch(r"from 1\.0 to \d+\.\d", record["text"]) for record in found)
    assert all(record["frames"]["count"] >= 16 and "wrong_clock_s" not in record for record in found)
    assert len({record["prompt_sha256"] for record in found}) == 6
    told = identity(tmp_path)
    assert (told["name"], told["backend"], told["class"], told["described"]) == (name, "own", "Mine", {"weights": [1, 2]})
    assert told["fingerprint"] == own.fingerprint(name)
    capsys.readouterr()
    write(RIGHT.replace("class Mine", "raise SystemExit\nclass Mine"))
    write(RIGHT)
    assert ask(name) == 0
    assert "nothing was asked" in capsys.readouterr().out
    write(RIGHT + "# another model\n")
    assert ask(name) == 2
    assert "model.fingerprint was" in capsys.readouterr().err


def test_the_example_of_the_page(data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    checkpoint = tiny.build(tmp_path / "tiny", "qwen2_5_vl")
    (tmp_path / "mine.py").write_text(code.replace("owner/name", str(checkpoint)), encoding="utf-8")
    assert len(code.splitlines()) <= 40
    run = api.run(f"{tmp_path / 'mine.py'}:Mine", "synthetic", output=tmp_path / "run", data_root=data_root, limit=2)
    assert [record["error"] for record in run.records.values()] == [None, None]
    assert identity(tmp_path)["described"] == {"checkpoint": str(checkpoint), "dtype": "torch.float32"}


def test_wrong_times_are_seen(write: Write, ask: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # As if the frames were 24 a second.
    assert ask(write(RIGHT.replace("frames.time_s.tolist()", "[i / 24 for i in range(len(frames.time_s))]"))) == 0
    assert "WRONG CLOCK" in capsys.readouterr().out
    assert all(record["wrong_clock_s"] > 5 for record in records(tmp_path))


def test_what_a_class_does_to_its_arguments_hides_nothing(write: Write, ask: Callable[..., int], tmp_path: Path) -> None:
    changed = RIGHT.replace("        self.told_s", "        frames.time_s[:] += 4\n        self.told_s")
    taken = changed.replace("for question in questions]", "for question in [questions.pop() for _ in range(len(questions))]]")
    assert ask(write(taken)) == 0
    assert [record["wrong_clock_s"] for record in records(tmp_path)] == [4.0] * 6


def test_a_model_that_reads_the_file_itself(write: Write, ask: Callable[..., int], tmp_path: Path) -> None:
    text = """
class Mine:
    pixel_factor = None

    def answer(self, frames, questions):
        assert frames is None
        return [question.video.name for question in questions]
"""
    assert ask(write(text)) == 0
    assert all(record["text"].endswith(".mp4") and record["frames"] is None for record in records(tmp_path))
    assert "the class's own" in identity(tmp_path)["sampling"]


def test_an_exception_costs_its_video(write: Write, ask: Callable[..., int], tmp_path: Path) -> None:
    name = write(
        RIGHT.replace(
            "        self.told_s",
            "        self.asked = getattr(self, 'asked', 0) + 1\n        1 / (2 - self.asked)\n        self.told_s",
        )
    )
    assert ask(name) == 1
    errors = [record["error"] for record in records(tmp_path)]
    assert errors[:3] == [None] * 3 and {error["type"] for error in errors[3:]} == {"model-error"}
    assert errors[3]["message"].startswith(f"{tmp_path / 'mine.py'}, line 8: ZeroDivisionError: division by zero")
    assert ask(name) == 0
    assert [record["error"] for record in records(tmp_path)[6:]] == [None] * 3


ANSWER = 'return [f"from 1.0 to {frames.time_s[-1]:.1f}" for question in questions]'


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        (ANSWER, "return 'from 1.0 to 2.0'", "one reply for each of 3 questions.*line 6: a str"),
        (ANSWER, "return ['from 1.0 to 2.0']", "line 6: 1 in a list"),
        (ANSWER, "return [None] * 3", "line 6: a NoneType"),
        (ANSWER, "return [(1.0, 2.0)] * 3", "line 6: a tuple"),
        (ANSWER, "return (x for x in 'abc')", "line 6: a generator"),
        ("frames.time_s.tolist()", "frames.time_s[::2]", r"told_s: \d+ finite seconds.*line 6: values of shape"),
        ("frames.time_s.tolist()", "['early'] * 16", "told_s: seconds.*line 6: list"),
        ("frames.time_s.tolist()", "[float('nan')] * len(frames.time_s)", "finite seconds"),
        ("class Mine", "class Other", r"a class of .*mine\.py: Other.*'Mine'"),
        ("answer(self, frames, questions)", "reply(self)", "line 2: Mine has none"),
        ("answer(self, frames, questions)", "answer(self, frames)", r"answer\(self, frames, questions\).*line 6: too many"),
        ("    def answer", "    async def answer", "line 6: one with `async`"),
        ("describe(self):", "__init__(self):\n        1 / 0\n    def describe(self):", "line 4: ZeroDivisionError"),
        ("describe(self):", "__init__(self, weights):", r"Mine\(\), which takes no arguments.*weights"),
        ("[1, 2]}", "{1, 2}}", "mapping of texts and numbers.*not JSON"),
        ("return {", "return not {", r"describe\(\) gave a bool"),
        ("class Mine:", "class Mine:\n    pixel_factor = '28'\n", "pixel_factor of Mine: an integer.*'28'"),
        ("class Mine:", "class Mine:\n    needs_video = 'yes'\n", "needs_video of Mine: true or false"),
        ("class Mine", "import nothing_there\nclass Mine", "line 2: ModuleNotFoundError"),
        ("class Mine:", "class Mine", "line 2: SyntaxError"),
        ("class Mine", "raise SystemExit(3)\nclass Mine", "line 2: SystemExit: 3"),
    ],
)
def test_mistakes_stop_the_command_with_their_line(
    was: str, becomes: str, words: str, write: Write, ask: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert was in RIGHT
    assert ask(write(RIGHT.replace(was, becomes))) == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message and "expected:" in message and "next:" in message
    assert re.search(words, message, re.DOTALL), message
    samples = tmp_path / "run" / "samples.jsonl"
    assert not samples.exists() or samples.read_text() == ""


def test_what_is_no_file_or_names_no_class(write: Write, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a Python file with a model"):
        own.load(str(tmp_path / "mine.py:Mine"))
    name = write(RIGHT + RIGHT.replace("Mine", "Other"))
    with pytest.raises(InputError, match=r"mine\.py: Mine, Other"):
        own.load(name.removesuffix(":Mine"))
    assert own.load(name).pixel_factor == 28
    (tmp_path / "beside.py").write_text("WORD = 'beside'\n", encoding="utf-8")
    text = RIGHT.replace("class Mine", "from beside import WORD\n\nclass Mine").replace("[1, 2]", "WORD")
    assert own.load(write(text).removesuffix(":Mine")).describe()["described"] == {"weights": "beside"}
