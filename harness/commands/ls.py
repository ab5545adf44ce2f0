"""`harness ls`."""

import sys
from argparse import Namespace

from tabulate import tabulate

from harness.lmms_tasks import write
from harness.models.trivial import NAMES
from tasks import protocol
from tasks.protocol import form
from tasks.splits import DERIVED
from tasks.task import all_tasks

CHECKPOINTS = "Qwen2-VL, Qwen2.5-VL and Qwen3-VL checkpoints, and PEFT adapters of them: a folder or a hub id"
OWN = "a model of your own: --model FILE.py:CLASS (docs/own-model.md)"
LMMS = "any model of lmms-eval: --backend lmms:NAME --model CHECKPOINT (names: python -m lmms_eval models)"


def main(options: Namespace) -> int:
    """List tasks, protocols, models, recipes or rewards, or print the folder of our tasks for lmms-eval."""
    listings = {"tasks": _tasks, "protocols": _protocols, "recipes": _recipes, "rewards": _rewards}
    listings |= {
        "models": lambda: "\n".join([*NAMES, "replay:FILE", CHECKPOINTS, OWN, LMMS]),
        "lmms-path": lambda: str(write.folder()),
    }
    sys.stdout.write(listings[options.what]() + "\n")
    return 0


def _tasks() -> str:
    headers = ["task", "also", "kinds", "default split", "protocol", "title"]
    table = [
        [t.name, ", ".join(t.aliases), ", ".join(t.kinds), t.default_split, form(t.protocol, t.kinds).name, t.title]
        for t in all_tasks().values()
    ]
    return f"{tabulate(table, headers=headers)}\nderived splits: {', '.join(DERIVED)} …"


def _protocols() -> str:
    table = [[p.name, p.kind, p.sha256[:8], p.summary] for p in map(protocol.load, protocol.names())]
    return str(tabulate(table, headers=["protocol", "kind", "hash", "summary"]))


def _recipes() -> str:
    from trainers import recipe

    table = [[r.name, r.method, " ".join(r.epochs), r.summary] for r in map(recipe.load, recipe.names())]
    return str(tabulate(table, headers=["recipe", "method", "epochs", "summary"]))


def _rewards() -> str:
    from trainers import rewards

    table = [[name, (rewards.find(name).__doc__ or "").splitlines()[0]] for name in rewards.names()]
    return str(tabulate(table, headers=["reward", "summary"]))
