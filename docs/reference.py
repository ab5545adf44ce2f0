"""Reference pages out of the code, made while the site is built (`make site`): hooks of MkDocs over pure functions."""

import argparse
import ast
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from harness import api  # noqa: E402 - MkDocs runs this file, wherever the project lies
from harness.arguments import parser  # noqa: E402
from harness.recorded import Recorded  # noqa: E402
from leaderboards.board import request  # noqa: E402
from leaderboards.compare.text import Comparison  # noqa: E402
from tasks import kinds, protocol, rules, task  # noqa: E402
from tasks.describe import describe  # noqa: E402
from trainers import experiment, recipe, rewards  # noqa: E402

WIDTH = 100
"""Columns of the help of a command."""
SHIM = re.compile(r'<script src="?https://unpkg\.com/iframe-worker/shim"?></script>')
SCHEMAS = ("run", "samples", "scores")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fences as GitHub reads them: what stands behind the language is no option of ours, but for a title. Called by MkDocs."""
    return re.sub(r"^```(\w+) (?!title=).*$", r"```\1", markdown, flags=re.MULTILINE)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Material's stand-in for workers, on pages opened from disk, comes from our own folder. Called by MkDocs."""
    own = f'<script src="{"../" * page.url.count("/")}assets/worker.js"></script>'
    return SHIM.sub(own, output)


def on_post_template(output_content: str, **_: Any) -> str:
    """The page of a missing address is never opened from disk. Called by MkDocs."""
    return SHIM.sub("", output_content)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages. Called by MkDocs."""
    from mkdocs.structure.files import File

    for name, text in pages().items():
        files.append(File.generated(config, name, content=text))
    return files


def pages() -> dict[str, str]:
    """Every page that is made, by its path."""
    makers: dict[str, Callable[[], str]] = {
        "commands": _commands,
        "tasks": _tasks,
        "protocols": _protocols,
        "kinds": _kinds,
        "recipes": _recipes,
        "rewards": _rewards,
        "python": _python,
        "keys": _keys,
        "files": _files,
    }
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("](docs/", "](")
    return {"changelog.md": changes, **{f"reference/{name}.md": make() for name, make in makers.items()}}


def helps(command: argparse.ArgumentParser | None = None) -> Iterator[tuple[str, str]]:
    """Every command with its help, as a terminal of `WIDTH` columns shows it."""
    command = command or parser()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(WIDTH)
    try:
        text = command.format_help()
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)
    yield command.prog, text
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from helps(below)


def _commands() -> str:
    return "# Commands\n\n" + "\n".join(f"## {name}\n\n```text\n{text.rstrip()}\n```\n" for name, text in helps())


def _tasks() -> str:
    parts = ["# Tasks\n\n`harness show TASK` prints the card of a task with its baselines and upper bounds.\n"]
    for one in sorted(task.all_tasks().values(), key=lambda one: one.name):
        told = {"splits": _splits(one), "default split": one.default_split, "protocol": one.protocol}
        told |= {"kinds": ", ".join(one.kinds), "other names": ", ".join(one.aliases), "annotations": one.obtain}
        told |= {"licence": one.licence, "source": one.homepage, "citation": one.citation}
        notes = "".join(f"- **note**: {_text(note)}\n" for note in one.notes)
        parts.append(f"## {one.name}\n\n{_text(one.title)}.\n\n{_facts(told)}\n{notes}")
    return "\n".join(parts)


def _splits(one: task.Task) -> str:
    if callable(one.published):
        return "its own manifest says"
    return "; ".join(f"{name}: {split.counts()}" for name, split in one.published.items())


def _protocols() -> str:
    loaded = list(map(protocol.load, protocol.names()))
    head = "# Protocols\n\nEach page of rules below is what `harness show protocol:NAME` prints.\n"
    return "\n".join([head, *(f"## {one.name}\n\n```text\n{chr(10).join(describe(one))}\n```\n" for one in loaded)])


def _kinds() -> str:
    parts = ["# Kinds\n"]
    for name in kinds.names():
        one = kinds.find(name)
        told = {"needs": ", ".join(one.needs), "main metric": one.main}
        parts.append(f"## {name}\n\n{_doc(inspect.getmodule(one.values))}\n\n{_facts(told)}\n")
    return "\n".join(parts)


def _recipes() -> str:
    parts = ["# Recipes\n\n[Recipes, value by value](../papers.md) says where each value comes from.\n"]
    for one in map(recipe.load, recipe.names()):
        file = (recipe.FOLDER / f"{one.name}.yaml").read_text(encoding="utf-8").rstrip()
        parts.append(f"## {one.name}\n\n{_text(one.summary)}\n\n```yaml\n{file}\n```\n")
    return "\n".join(parts)


def _rewards() -> str:
    found = [f"## {name}\n\n{_doc(rewards.find(name))}\n" for name in rewards.names()]
    return "\n".join(["# Rewards\n\nA recipe names rewards; `harness rewards check` tests one of your own.\n", *found])


def _python() -> str:
    parts = ["# Python\n\nThe import is `from harness import api`. [Notebooks and export](../api.md) has examples.\n"]
    for name in dir(api):
        one = getattr(api, name)
        shown = _signature(name, one) if inspect.isfunction(one) else f"class {name}"
        parts.append(f"## {name}\n\n```python\n{shown}\n```\n\n{_doc(one)}\n")
        public = [(key, value) for key, value in vars(one).items() if not key.startswith("_") and value.__doc__]
        if one in (Recorded, Comparison, api.Board, api.Finished):
            parts += [f"- `{key}`: {_text((value.__doc__ or '').splitlines()[0])}" for key, value in public if _is_made(value)]
            parts.append("")
    return "\n".join(parts)


def _is_made(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, property) or type(value).__name__ == "cached_property"


def _signature(name: str, function: Callable[..., Any]) -> str:
    """A line for each argument, with short names of types."""
    found = inspect.signature(function)
    lines, starred = [], False
    for one in found.parameters.values():
        starred = starred or one.kind is one.VAR_POSITIONAL
        if one.kind is one.KEYWORD_ONLY and not starred:
            lines, starred = [*lines, "*"], True
        lines.append(re.sub(r": (['\"])(.+?)\1(?= = |$)", r": \2", str(one)))
    text = "".join(
        [
            f"{name}(\n",
            *(f"    {line},\n" for line in lines),
            f") -> {found.return_annotation}",
        ]
    )
    return re.sub(r"\b(?:[a-z_]+\.)+([A-Z]\w+)", r"\1", text)


def _keys() -> str:
    parts = ["# YAML and TOML keys\n\nDefaults stand in the third column; a key without a default must be given.\n"]
    tables = {
        "A recipe": (recipe.Recipe, "`--recipe FILE.yaml`; `base: NAME` starts from another recipe."),
        "A reward in a recipe": (recipe.RewardPart, "An entry of `rewards`."),
        "An experiment": (experiment.Experiment, "`harness experiment FILE.yaml`; see [Experiments](../experiments.md)."),
        "A recipe in an experiment": (experiment.Variant, "A value of `recipes`."),
        **{f"A protocol: [{name}]": (part, _doc(part)) for name, part in {**rules.PARTS, "about": rules.About}.items()},
    }
    for title, (kind, text) in tables.items():
        rows = [row for row in fields(kind) if row[0] != "`name`" or kind is recipe.RewardPart]
        parts.append(f"## {title}\n\n{text}\n\n{_rows(rows, ('key', 'type', 'default', 'meaning'))}\n")
    said = re.findall(r"^ {8}(\w+): (.+?)(?=^ {8}\w|\Z)", request.Request.__doc__ or "", re.MULTILINE | re.DOTALL)
    rows = [[f"`{key}`", _text(" ".join(text.split()))] for key, text in said]
    parts.append(f"## A board\n\n`harness board board.yaml`.\n\n{_rows(rows, ('key', 'meaning'))}\n")
    return "\n".join(parts)


def fields(kind: type) -> list[list[str]]:
    """Name, type, default and comment of each field of a dataclass, as its source has them."""
    lines = inspect.getsource(kind).splitlines()
    body = next(node for node in ast.parse("\n".join(lines)).body if isinstance(node, ast.ClassDef)).body
    found = []
    for node in (node for node in body if isinstance(node, ast.AnnAssign)):
        end = lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset :].partition("#")[2].strip()
        above = []
        for line in reversed(lines[: node.lineno - 1]):
            if not line.strip().startswith("#"):
                break
            above.insert(0, line.strip().lstrip("# "))
        default = "" if node.value is None else f"`{ast.unparse(node.value)}`"
        default = default.replace("`field(default_factory=dict)`", "`{}`")
        meaning = _text(" ".join([*above, end]).strip())
        found.append([f"`{ast.unparse(node.target)}`", f"`{ast.unparse(node.annotation)}`", default, meaning])
    return found


def _files() -> str:
    parts = [
        "# Files of a run\n\nA run folder holds `run.json`, `samples.jsonl` and `scores.json`; schemas come with the project.\n"
    ]
    for name in SCHEMAS:
        schema = json.loads((ROOT / "harness" / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
        parts.append(f"## {schema['title']}\n\n{_text(schema['description'])}\n")
        parts.append(_properties(schema))
        for part, definition in schema.get("$defs", {}).items():
            if "properties" in definition:
                parts.append(f"### {schema['title']}: {part}\n\n{_properties(definition)}")
    return "\n".join(parts)


def _properties(schema: Mapping[str, Any]) -> str:
    rows = [
        [f"`{key}`", "yes" if key in schema.get("required", ()) else "", _text(one.get("description", one.get("$ref", "")))]
        for key, one in schema.get("properties", {}).items()
    ]
    return _rows(rows, ("key", "always", "meaning")) + "\n"


def _doc(thing: Any) -> str:
    """A docstring as Markdown: its paragraphs as text, and what is indented as a block."""
    parts = (inspect.getdoc(thing) or "").split("\n\n")
    return "\n\n".join(f"```text\n{part}\n```" if re.search(r"^ ", part, re.MULTILINE) else _text(part) for part in parts)


def _text(text: str) -> str:
    """Words in which only backticks and addresses mean something."""
    pieces = re.split(r"(`[^`]*`|https?://\S+)", text)
    marked = [re.sub(r"([\\*_\[\]<>#|])", r"\\\1", piece) if i % 2 == 0 else piece for i, piece in enumerate(pieces)]
    return "".join(f"<{piece}>" if piece.startswith("http") else piece for piece in marked)


def _facts(told: Mapping[str, str]) -> str:
    return "\n".join(f"- **{key}**: {_text(value)}" for key, value in told.items() if value)


def _rows(rows: list[list[str]], headers: tuple[str, ...]) -> str:
    return str(tabulate(rows, headers, "github", disable_numparse=True))
