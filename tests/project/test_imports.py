"""Who may import whom, what starts light, and how long files and functions are."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MAY_IMPORT = {
    "tasks": {"tasks"},
    "harness": {"tasks", "harness"},
    "trainers": {"tasks", "harness", "trainers"},
    "leaderboards": {"tasks", "harness", "leaderboards"},
}
VERBS, API = "harness.commands", "harness.api"
REACH_EVERYTHING = (VERBS, API)
"""The verbs and what notebooks call; so only verbs import the API, and only the command line imports verbs."""

HEAVY = ("torch", "torchvision", "transformers", "av", "decord", "torchcodec")
LONGEST_FILE, LONGEST_FUNCTION = 300, 60


def sources(project: Path) -> Iterator[tuple[Path, str]]:
    for folder in MAY_IMPORT:
        for path in sorted((project / folder).rglob("*.py")):
            yield path.relative_to(project), path.read_text(encoding="utf-8")


def modules(tree: ast.AST) -> Iterator[str]:
    """Absolute names of imported modules; relative imports stay inside their folder."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def wrong_imports(path: Path, text: str) -> list[str]:
    own = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    allowed = MAY_IMPORT.keys() if any(is_in(own, top) for top in REACH_EVERYTHING) else MAY_IMPORT[path.parts[0]]
    refused = {*MAY_IMPORT, "tests"} - set(allowed)
    refused |= {VERBS} if own != "harness.cli" else set()
    refused |= {API} if not any(is_in(own, top) for top in REACH_EVERYTHING) else set()
    return [f"{path} imports {name}" for name in modules(ast.parse(text)) if any(is_in(name, one) for one in refused)]


def test_imports_go_in_one_direction(project: Path) -> None:
    assert [wrong for path, text in sources(project) for wrong in wrong_imports(path, text)] == []


@pytest.mark.parametrize(
    ("path", "text", "count"),
    [
        ("tasks/x.py", "import harness.run", 1),
        ("tasks/x.py", "def f():\n    from trainers import y", 1),
        ("tasks/x.py", "from tasks import y\nfrom . import z", 0),
        ("harness/x.py", "import numpy, leaderboards", 1),
        ("harness/x.py", "import tests.conftest", 1),
        ("harness/commands/x.py", "import trainers, leaderboards", 0),
        ("leaderboards/x.py", "import trainers", 1),
        ("harness/api/x.py", "from leaderboards.compare.runs import compare_runs", 0),
        ("harness/cli.py", "from harness import commands\nimport harness.commands.run", 0),
        ("harness/api/x.py", "from harness.commands.run import main", 1),
        ("harness/commands/x.py", "from harness.commands import run", 1),
        ("leaderboards/x.py", "import harness.commands.run", 1),
        ("trainers/x.py", "from harness import commands", 1),
        ("harness/commands/x.py", "from harness import api", 0),
        ("harness/x.py", "from harness import api", 1),
    ],
)
def test_a_wrong_import_is_seen(path: str, text: str, count: int) -> None:
    assert len(wrong_imports(Path(path), text)) == count


def test_nothing_prints(project: Path) -> None:
    calls = ((path, node) for path, text in sources(project) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    assert [f"{path}:{node.lineno}" for path, node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"] == []


def test_files_and_functions_stay_short(project: Path) -> None:
    long = []
    for path, text in sources(project):
        if (length := len(text.splitlines())) > LONGEST_FILE:
            long.append(f"{path}: {length} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long.append(f"{path}:{node.lineno} {node.name}: {length} lines")
    assert long == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["ls", "tasks"],
        ["ls", "protocols"],
        ["ls", "models"],
        ["ls", "recipes"],
        ["ls", "rewards"],
        ["board", "--layout", "tempsamp-4"],
        ["score", "{replies}", "--task", "synthetic@test", "--data-root", "{data_root}"],
        ["run", "--model", "whole-video", "--tasks", "synthetic@test", "--data-root", "{data_root}", "--output", "{run}"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_commands_that_need_no_model_import_no_heavy_package(arguments: list[str], data_root: Path, tmp_path: Path) -> None:
    replies = tmp_path / "replies.jsonl"
    replies.write_text(json.dumps({"video": "d", "query": "a red circle", "text": "1 to 3"}) + "\n", encoding="utf-8")
    typed = [part.format(replies=replies, data_root=data_root, run=tmp_path / "run") for part in arguments]
    code = f"import sys; from harness.cli import main\ntry: code = main({typed!r})\nexcept SystemExit as end: code = end.code\n"
    code += f"sys.stderr.write('\\nheavy: ' + ' '.join(sorted(sys.modules.keys() & {set(HEAVY)!r})))\nsys.exit(code)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "heavy: "
