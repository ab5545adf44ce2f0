"""The docs show what their commands write."""

import runpy
from pathlib import Path


def test_the_board_of_the_docs_is_that_of_the_recorded_runs(project: Path) -> None:
    shown = (
        (project / "docs" / "demo.md").read_text(encoding="utf-8").split("<!-- make board -->\n")[1].split("\n<!-- end -->")[0]
    )
    made = runpy.run_path(str(project / "docs" / "figures.py"))["_board"]()
    assert shown == made, "next: make board"
    assert made.count("synthetic@fewshot-200-seed0") == 3
