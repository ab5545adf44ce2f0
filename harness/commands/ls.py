"""`harness ls`."""

import sys
from argparse import Namespace
from collections.abc import Mapping

from tabulate import tabulate

from harness.lmms_tasks import write
from harness.models import families, own
from harness.models.trivial import NAMES
from tasks import outside, protocol
from tasks.protocol import form
from tasks.splits import DERIVED
from tasks.task import all_tasks, tasks_of

OWN = "a model of your own: --model FILE.py:CLASS (docs/own-model.md)"
LMMS = "any model of lmms-eval: --backend lmms:NAME --model CHECKPOINT (names: python -m lmms_eval models)"


def main(options: Namespace) -> int:
    """List tasks, protocols, models, recipes or rewards, or print the folder of our tasks for lmms-eval."""
    listings = {"tasks": _tasks, "protocols": _protocols, "recipes": _recipes, "rewards": _rewards}
    listings |= {
        "models": lambda: "\n".join([*NAMES, *_own(), "replay:FILE", _checkpoints(), OWN, LMMS]),
        "lmms-path": lambda: str(write.folder()),
    }
    sys.stdout.write(listings[options.what]() + "\n")
    return 0


def _own() -> list[str]:
    return [f"{name}, from {thing.origin}" for name, thing in own.added().items()]


def _checkpoints() -> str:
    titles = ", ".join(family.title for family in families.every())
    return f"checkpoints, a folder or a hub id, of these families: {titles}"


def _tasks() -> str:
    headers = ["task", "also", "kinds", "default split", "protocol", "title"]
    table = [
        [t.name, ", ".join(t.aliases), ", ".join(t.kinds), t.default_split, form(t.protocol, t.kinds).name, t.title]
        for t in all_tasks().values()
    ]
    origins = {t.name: thing.origin for thing in outside.added("tasks", ()).values() for t in tasks_of(thing)}
    return f"{_table(table, headers, origins)}\nderived splits: {', '.join(DERIVED)} …"


def _protocols() -> str:
    table = [[p.name, p.kind, p.sha256[:8], p.summary] for p in map(protocol.load, protocol.names())]
    return _table(table, ["protocol", "kind", "hash", "summary"], _origins("protocols"))


def _recipes() -> str:
    from trainers import recipe

    table = [[r.name, r.method, " ".join(r.epochs), r.summary] for r in map(recipe.load, recipe.names())]
    return _table(table, ["recipe", "method", "epochs", "summary"], _origins("recipes"))


def _rewards() -> str:
    from trainers import rewards

    table = [[name, (rewards.find(name).__doc__ or "").splitlines()[0]] for name in rewards.names()]
    return _table(table, ["reward", "summary"], _origins("rewards"))


def _origins(group: str) -> dict[str, str]:
    return {name: thing.origin for name, thing in outside.added(group, ()).items()}


def _table(rows: list[list[str]], headers: list[str], origins: Mapping[str, str]) -> str:
    """A table whose last column says where what is from outside comes from, if anything is."""
    if origins:
        rows, headers = [[*row, origins.get(row[0], "")] for row in rows], [*headers, "from"]
    return str(tabulate(rows, headers=headers))
