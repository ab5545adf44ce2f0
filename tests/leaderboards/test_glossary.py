"""Every column of a board, and every row without a model, says what it means where one points at it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import main
from harness.models import trivial
from leaderboards.board.glossary import meaning
from leaderboards.board.request import layouts
from tasks.answer import Answer
from tasks.kinds import NAMES


@pytest.mark.parametrize("kind", NAMES)
def test_a_board_explains_every_column_and_every_row_without_a_model(
    kind: str, kind_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = kind_run(kind, lambda sample: Answer(sample.truth.spans))
    monkeypatch.chdir(tmp_path)
    assert main(["board", str(run), "--output", "board.html", "--data-root", str(tmp_path)]) == 0
    page = (tmp_path / "board.html").read_text()
    heads = re.findall(r'<th scope="col"([^>]*)>([^<]*)</th>', page)
    rows = re.findall(r'<tr data-kind="blind"><th scope="row" title="([^"]*)"><bdi>(.*?)</bdi>', page)
    assert len(heads) > 4 and rows
    assert [name for told, name in heads if "title=" not in told] == []
    assert [name for told, name in rows if told in ("", name.replace("<wbr>", ""))] == []


@pytest.mark.parametrize("layout", layouts())
def test_a_board_of_a_paper_explains_every_column(layout: str, tmp_path: Path) -> None:
    assert main(["board", "--layout", layout, "--output", str(tmp_path / "board.html"), "--data-root", str(tmp_path)]) == 0
    heads = re.findall(r'<th scope="col"([^>]*)>([^<]*)</th>', (tmp_path / "board.html").read_text())
    assert heads and [name for told, name in heads if "title=" not in told] == []


def test_every_rule_without_a_model_has_a_meaning() -> None:
    assert [name for name in trivial.NAMES if not meaning(name)] == []
    assert "4 s" in meaning("tiles:4") and "0.7" in meaning("mAP@0.3:0.7 (class given)") and meaning("no such term") == ""
