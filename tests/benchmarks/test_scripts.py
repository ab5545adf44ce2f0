"""The scripts that write docs/measurements.md run, at sizes that say nothing of speed, and the page holds what they wrote."""

import importlib.util
import re
import runpy
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "measurements.md"
SCRIPTS = (
    "against_official",
    "growth",
    "score_one_gigabyte",
    "against_lmms_eval",
    "against_trl",
    "loss_by_layout",
    "sft_rows",
    "server_concurrency",
    "generic_families",
    "vllm_against_hf",
)
NEEDS_VLLM = (
    pytest.mark.vllm,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed: it brings a torch of its own"),
)


@pytest.mark.parametrize("name", [pytest.param(n, marks=NEEDS_VLLM if n == "vllm_against_hf" else ()) for n in SCRIPTS])
def test_a_script_runs_and_leaves_the_page_alone(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = PAGE.read_bytes()
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setattr(sys, "argv", [name, "--tiny"])
    runpy.run_path(str(HERE / f"{name}.py"), run_name="__main__")
    shown = capsys.readouterr().out
    assert re.search(r"^## \S", shown, re.MULTILINE) and "| " in shown
    assert PAGE.read_bytes() == before


def test_every_section_of_the_page_is_that_of_a_script_which_names_itself_and_the_machine() -> None:
    page = PAGE.read_text(encoding="utf-8")
    blocks = dict(re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- end -->", page, re.DOTALL))
    assert set(blocks) == set(SCRIPTS)
    for name, block in blocks.items():
        assert block.startswith("## ") and f"python tests/benchmarks/{name}.py --write" in block
        assert re.search(r"\d+ cores of .*, no GPU; Python 3", block)
