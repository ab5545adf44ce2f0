"""Which run folders boards and lists find."""

from pathlib import Path

import pytest

from leaderboards.board.runs import find
from tasks.errors import InputError


def test_runs_below_a_folder_once_each_and_hidden_ones_apart(tmp_path: Path) -> None:
    """What an experiment tries first lies in a hidden folder: one sample is no result. A hidden folder that is named counts."""
    for name in ("b", "a/c", ".rehearsal/d"):
        (folder := tmp_path / name).mkdir(parents=True)
        (folder / "run.json").write_text("{}")
    assert find([tmp_path, tmp_path / "a"]) == [(tmp_path / name).resolve() for name in ("a/c", "b")]
    assert find([tmp_path / ".rehearsal"]) == [(tmp_path / ".rehearsal" / "d").resolve()]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="harness run --model MODEL"):
        find([tmp_path / "empty"])
