"""Nothing that axe-core calls serious or critical on any page, light, dark or on a phone."""

from argparse import Namespace
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.commands import view
from tasks.question import Question

LIGHT, DARK, PHONE = {"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}
LOOKS: dict[str, dict[str, Any]] = {"light": LIGHT, "dark": DARK, "phone": {**LIGHT, **PHONE}, "dark phone": {**DARK, **PHONE}}
FOUND = """
async () => {
  const {passes, violations} = await axe.run();
  const bad = violations.filter(rule => ['serious', 'critical'].includes(rule.impact));
  return [passes.length, bad.map(rule => [rule.id, rule.nodes.map(node => node.html.slice(0, 100))])];
}
"""


def quarters(question: Question) -> str:
    return f"{question.sample.duration_s / 4} to {question.sample.duration_s / 2}"


@pytest.fixture
def pages(said_run: Callable[..., Path], benchmark_root: Path, tmp_path: Path) -> list[Path]:
    """A page of each sort, from two runs of which one has replies that nobody can read."""
    runs = [said_run(benchmark_root, say, name) for name, say in (("runs/a", quarters), ("runs/b", lambda _: "never"))]
    given = {"protocol": None, "videos": [], "force": False, "data_root": str(benchmark_root)}
    for output, shown in ((tmp_path / "run.html", runs[:1]), (tmp_path / "two.html", runs), (None, [tmp_path / "runs"])):
        named = None if output is None else str(output)
        assert view.main(Namespace(**given, output=named, runs=[str(path) for path in shown])) == 0
    typed = ["board", str(tmp_path / "runs"), "--format", "html", "--output", str(tmp_path / "board.html")]
    assert main([*typed, "--data-root", str(benchmark_root)]) == 0
    return [*(tmp_path / f"{name}.html" for name in ("run", "two", "board")), tmp_path / "runs" / "index.html"]


def test_axe_finds_nothing_serious(pages: list[Path], opened: Callable[..., Any]) -> None:
    axe = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    for file in pages:
        for look, options in LOOKS.items():
            page = opened(file, **options)
            page.evaluate(axe)
            passed, found = page.evaluate(FOUND)
            assert passed > 10 and found == [], (file.name, look)
