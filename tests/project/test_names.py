"""Files, modules and commands that pages name in their text are there."""

import ast
import re
from pathlib import Path

import pytest

from harness.arguments import parser

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = "harness|tasks|trainers|leaderboards|docs|tests"


def words(page: Path) -> set[str]:
    """The words of a page, its code among them."""
    return set(re.findall(r"[\w./-]+", page.read_text(encoding="utf-8")))


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, or what a module defines or imports; what lies in a class is taken on trust."""
    parts = name.split(".")
    for depth in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:depth])
        file = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
        if file.is_file():
            left = parts[depth : depth + 1]
            tree = ast.parse(file.read_text(encoding="utf-8"))
            stated = {one.id for one in ast.walk(tree) if isinstance(one, ast.Name)}
            stated |= {one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.ClassDef)}
            stated |= {
                alias.asname or alias.name for one in ast.walk(tree) if isinstance(one, ast.ImportFrom) for alias in one.names
            }
            return stated.issuperset(left)
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    named = {word.rstrip("./-") for word in words(page)}
    paths = [word for word in named if re.match(rf"(?:{FOLDERS})/\w", word)]
    assert [word for word in paths if not (ROOT / word).exists() and not list(ROOT.glob(word + "*"))] == []
    dotted = [word for word in named if re.fullmatch(r"(?:harness|tasks|trainers|leaderboards)(?:\.\w+)+", word)]
    assert [word for word in dotted if not is_there(word)] == []
    verbs = next(action for action in parser()._actions if action.dest == "command").choices or ()
    typed = re.findall(r"`harness ([a-z]+)\b", page.read_text(encoding="utf-8"))
    assert set(typed) <= set(verbs)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links_outside_the_site_lead_somewhere(name: str) -> None:
    """The site checks those of its own pages."""
    for target, _, anchor in (one.partition("#") for one in re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text("utf-8"))):
        assert (ROOT / target).is_file(), target
        titles = re.findall(r"^#+ (.+)$", (ROOT / target).read_text("utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in titles}, anchor


def test_a_name_that_is_not_there_is_seen() -> None:
    assert is_there("harness.data.videos.SUFFIXES") and is_there("leaderboards.compare.verdict")
    assert not is_there("harness.videos.SUFFIXES") and not is_there("harness.data.videos.NO_SUCH")
