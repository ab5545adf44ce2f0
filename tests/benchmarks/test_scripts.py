"""The scripts that write docs/measurements.md run, at sizes that say nothing of speed, and the page holds what they wrote."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "measurements.md"
SCRIPTS = ("against_official", "growth", "score_one_gigabyte", "against_lmms_eval", "against_trl", "server_concurrency")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs_and_leaves_the_page_alone(name: str) -> None:
    before = PAGE.read_bytes()
    command = [sys.executable, str(HERE / f"{name}.py"), "--tiny"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^## \S", done.stdout, re.MULTILINE) and "| " in done.stdout
    assert PAGE.read_bytes() == before


def test_every_section_of_the_page_is_that_of_a_script_which_names_itself_and_the_machine() -> None:
    page = PAGE.read_text(encoding="utf-8")
    blocks = dict(re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- end -->", page, re.DOTALL))
    assert set(blocks) == set(SCRIPTS)
    for name, block in blocks.items():
        assert block.startswith("## ") and f"python tests/benchmarks/{name}.py --write" in block
        assert re.search(r"\d+ cores of .*, no GPU; Python 3", block)
