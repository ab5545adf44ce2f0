"""What users read is plain English: short sentences, and no pronoun at the beginning whose noun stands elsewhere."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORDS = 25
PAGES = [*(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG"))]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
END = re.compile(r"(?<=[.!?])[\"”)*]*\s+(?=[A-Z`\"“(*\[0-9])")


def sentences(text: str) -> Iterator[str]:
    """The sentences of a Markdown page: of paragraphs, list items and cells of tables, not of blocks, headings or comments."""
    text = re.sub(r"^```.*?^```$|^#.*?$|<!--.*?-->|^\|[\s:|-]+\|$", "\n", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`[^`\n]*`", "`code`", text)
    for line in re.sub(r"\n(?=\s*(?:[-*|]|\d+\.) |\|)", "\n\n", text).split("\n\n"):
        for cell in line.split("|") if line.lstrip().startswith("|") else [line]:
            yield from (found for found in END.split(" ".join(cell.split())) if found)


ALONE = r"(?:This|These|That|Those|Both|Nor) (?:is|are|was|were|has|have|needs|means)"
VAGUE = re.compile(rf"(?:[-*] |\d+\. )?\**(?:It|Its|They|Their|{ALONE})\b")
"""A beginning whose noun stands in another sentence."""
VAGUE_ONE = re.compile(r"^one (?:that|whose)\b|\b(?:another one|that one|none of them|there is none|lack one)\b|\bthem$")
"""In what an error found: a noun that stands in another line."""


def read(page: Path) -> str:
    """A page; of the changes, those that are not released yet."""
    text = page.read_text(encoding="utf-8")
    return text.split("\n## ")[1] if page.name == "CHANGELOG.md" else text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sentences_are_short_and_name_what_they_speak_of(page: Path) -> None:
    said = list(sentences(read(page)))
    assert said, page
    assert [sentence for sentence in said if len(sentence.split()) > WORDS] == []
    assert [sentence for sentence in said if VAGUE.match(sentence)] == []


def test_a_long_sentence_is_seen() -> None:
    long = " ".join(["word"] * 26)
    page = f"# {long}\n\nShort. A {long}.\n- B {long}\n\n| C {long} | d |\n|---|---|\n"
    assert [len(one.split()) for one in sentences(page)] == [1, 27, 28, 27, 1]


def errors() -> Iterator[tuple[str, int, str]]:
    """The texts of every `InputError` in the code: its place, which of the three parts, and the words."""
    for folder in ("tasks", "harness", "trainers", "leaderboards"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "InputError":
                    for part, text in enumerate(map(literal, node.args)):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", part, text


def literal(node: ast.expr) -> str:
    """The words of a text in code; X for what is put in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(part) if isinstance(part, ast.Constant) else "X" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_errors_are_short_and_say_what_to_do_with_what() -> None:
    found = list(errors())
    assert sum(1 for *_, text in found if text) > 500
    for place, part, text in found:
        for sentence in re.split(r"(?<=[.;:]) ", text):
            assert len(sentence.split()) <= WORDS, f"{place}: {sentence}"
            assert re.match(r"(it|its|they|their)\b", sentence, re.IGNORECASE) is None, f"{place}: {sentence}"
            assert part != 1 or VAGUE_ONE.search(sentence) is None, f"{place}: {sentence}"
            assert part < 2 or re.search(r"\b(it|them)\b", sentence) is None, f"{place}: {sentence}"
