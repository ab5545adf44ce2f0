"""docs/predictions.md: every example is read, by the command line, to the two moments of its task."""

import json
import re
from pathlib import Path

import pytest

from harness.arguments import parser
from harness.cli import main
from harness.predictions.names import MOMENTS, OFTEN_TRUE_MOMENTS, OFTEN_TRUE_TEXTS, SALIENCY, TEXTS

PAGE = Path(__file__).parents[3] / "docs" / "predictions.md"
BLOCKS = re.findall(r"^```(json|csv) ?(.*)\n((?:.*\n)*?)```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
(TASK,) = [content for _, words, content in BLOCKS if words == "task"]
EXAMPLES = [block for block in BLOCKS if block[1] != "task"]


@pytest.mark.parametrize(("kind", "options", "content"), EXAMPLES)
def test_every_example_is_read(kind: str, options: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.jsonl").write_text(TASK, encoding="utf-8")
    file = tmp_path / f"predictions.{kind}"
    file.write_text(content, encoding="utf-8")
    asked = ["score", str(file), "--task", str(tmp_path / "mine.jsonl"), "--data-root", str(tmp_path), "--json", *options.split()]
    assert main(asked) == 0
    shown = capsys.readouterr()
    samples = json.loads(shown.out)["modes"]["direct"]["samples"]
    # Whole hundredths of the video are as near as percentages come.
    assert [sample["value"] for sample in samples] == pytest.approx([1, 1], abs=0.05 if "percent" in options else 0)
    assert "reply is read from `" in shown.err


def test_there_are_enough_examples() -> None:
    assert len(EXAMPLES) >= 15


def test_the_help_names_forms_keys_and_the_page() -> None:
    (actions,) = [action for action in parser()._actions if action.dest == "command"]
    text = " ".join(actions.choices["score"].format_help().split())
    for word in ("docs/predictions.md", "CSV", "JSON Lines", "qid", "prediction", "--reply-key KEY", "--duplicates"):
        assert word in text


def test_the_page_names_the_doubtful_keys() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for key in (*OFTEN_TRUE_TEXTS[:2], *OFTEN_TRUE_MOMENTS[:6], *TEXTS[:6], *MOMENTS[:2], SALIENCY):
        assert f"`{key}`" in text
