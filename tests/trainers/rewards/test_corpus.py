"""Every reward against its corpus, and every corpus against its reward: a change of a sign, a bound or a number must show.

`corpus/NAME.jsonl` holds replies with the values they are worth, worked by hand: a number, null, the sum that gives it, or
`refused`. What a row leaves out is `DEFAULTS`.
"""

import ast
import copy
import importlib
import inspect
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from tasks.errors import InputError
from tasks.protocol import load
from trainers.rewards import find, names, settings_of

Row = dict[str, Any]
DEFAULTS: Row = {
    "targets": [[12.5, 17.8]],
    "duration_s": 30.0,
    "mode": "cot",
    "saliency": None,
    "kind": "moment",
    "queries": ["a dog"],
    "options": [],
    "option": None,
    "grid": [],
}
REFUSED = "refused"
FOLDER = Path(__file__).parent / "corpus"
CORPUS: dict[str, list[Row]] = {
    path.stem: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] for path in FOLDER.glob("*.jsonl")
}
CASES = [pytest.param(name, row, id=f"{name}: {row['why']}") for name in sorted(CORPUS) for row in CORPUS[name]]


def value(reward: Callable[..., list[Any]], row: Row) -> float | None:
    """The value of a row, which must not depend on the form of the completion."""
    columns = {name: [row.get(name, default)] * 2 for name, default in DEFAULTS.items()}
    settings = dict(row.get("settings", {}))
    if "protocol" in settings:
        settings["protocol"] = load(settings["protocol"])
    text, conversation = reward([row["completion"], [{"role": "assistant", "content": row["completion"]}]], **columns, **settings)
    assert text == conversation
    return text


def refused(reward: Callable[..., list[Any]], row: Row) -> bool:
    try:
        value(reward, row)
    except InputError:
        return True
    return False


def expected(row: Row) -> float | None:
    written = row["expected"]
    # The sums are ours, and stand in this folder.
    return eval(written, {"exp": math.exp, "log": math.log}) if isinstance(written, str) else written


def agrees(reward: Callable[..., list[Any]], row: Row) -> bool:
    if row["expected"] == REFUSED:
        return refused(reward, row)
    found, wanted = value(reward, row), expected(row)
    return found is None if wanted is None else found is not None and math.isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-12)


def keeps_its_maximum(module: ModuleType, name: str) -> bool:
    """Whether rows that say so earn what the reward gives at most, and no row earns more."""
    said = getattr(module, "maximum", lambda kind, **_: 1.0)
    for row in CORPUS[name]:
        if row["expected"] != REFUSED and (wanted := expected(row)) is not None:
            most = said(row.get("kind", "moment"), **{k: v for k, v in row.get("settings", {}).items() if k != "protocol"})
            if wanted > most + 1e-9 or (row.get("best") and wanted < most - 1e-5):
                return False
    return True


def refuses_uneven_columns(reward: Callable[..., list[Any]]) -> bool:
    """Also holds of a reward that asks for none."""
    try:
        found = reward(["", ""], **{name: [default] for name, default in DEFAULTS.items()})
    except ValueError:
        return True
    return inspect.getfullargspec(reward).kwonlyargs == settings_of(reward) and len(found) == 2


def test_every_reward_has_a_corpus() -> None:
    assert sorted(CORPUS) == names()


@pytest.mark.parametrize(("name", "row"), CASES)
def test_value(name: str, row: Row) -> None:
    if row["expected"] == REFUSED:
        assert refused(find(name), row)
        return
    found, wanted = value(find(name), row), expected(row)
    assert found == (None if wanted is None else pytest.approx(wanted, rel=1e-9, abs=1e-12))


@pytest.mark.parametrize("name", names())
def test_columns_of_another_length_are_refused(name: str) -> None:
    assert refuses_uneven_columns(find(name))


@pytest.mark.parametrize("name", names())
def test_no_row_earns_more_than_the_maximum(name: str) -> None:
    assert keeps_its_maximum(importlib.import_module(f"trainers.rewards.{name}"), name)


READERS = ("time_r1", "tempsamp", "timelens", "temporal_r1", "videochat_r1_5", "museg", "videochat_gqa")
MODULES = [
    "tasks.parsers.reading.form",
    *(f"tasks.parsers.rewards.{name}" for name in READERS),
    *(f"trainers.rewards.{n}" for n in ("common", "shape", *names())),
]
"""In an order in which each finds the ones it imports."""

SOURCES = {name: Path(str(importlib.import_module(name).__file__)).read_text(encoding="utf-8") for name in MODULES}
ORIGINALS = {name: compile(source, name, "exec") for name, source in SOURCES.items()}

PAIRS = (
    (ast.Eq, ast.NotEq),
    (ast.In, ast.NotIn),
    (ast.Is, ast.IsNot),
    (ast.And, ast.Or),
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div),
)
SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {a: (b,) for pair in PAIRS for a, b in (pair, pair[::-1])}
SWAPS |= {ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE)}
SWAPS |= {ast.Pow: (ast.Mult,), ast.BitAnd: (ast.BitOr,)}
NAMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "any": "all", "all": "any"}
NAMES |= {"startswith": "endswith", "endswith": "startswith"}


class Mutant(NamedTuple):
    module: str
    change: str
    tree: ast.Module


def label(module: str) -> str:
    return module.removeprefix("trainers.rewards.").removeprefix("tasks.parsers.").removeprefix("reading.")


def mutants(module: str) -> Iterator[Mutant]:
    tree = ast.parse(SOURCES[module])
    skipped = {id(part) for node in ast.walk(tree) for part in _prose(node)}
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in skipped:
            continue
        for change in _changes(node):
            mutated = copy.deepcopy(tree)
            target = list(ast.walk(mutated))[index]
            before = ast.unparse(target)
            change(target)
            line = SOURCES[module].splitlines()[node.lineno - 1].strip()
            yield Mutant(module, f"{label(module)}: {line} [{before} => {ast.unparse(target)}]", mutated)


def _prose(node: ast.AST) -> Iterator[ast.AST]:
    """Annotations, which nobody runs."""
    for field in ("annotation", "returns"):
        if (found := getattr(node, field, None)) is not None:
            yield from ast.walk(found)


def _changes(node: ast.AST) -> Iterator[Callable[[Any], None]]:
    if isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            for other in SWAPS.get(type(operator), ()):
                yield lambda target, i=i, other=other: target.ops.__setitem__(i, other())
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign):
        for other in SWAPS.get(type(node.op), ()):
            yield lambda target, other=other: setattr(target, "op", other())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield lambda target: setattr(target, "op", ast.UAdd())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield lambda target: setattr(target, "operand", ast.UnaryOp(ast.Not(), target.operand))
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda target: setattr(target, "value", not target.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield lambda target: setattr(target, "value", target.value + 1)
        yield lambda target: setattr(target, "value", target.value - 1)
    if isinstance(node, ast.Name) and node.id in NAMES:
        yield lambda target: setattr(target, "id", NAMES[target.id])
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield lambda target: setattr(target, "attr", NAMES[target.attr])


def survives(mutant: Mutant) -> bool:
    """Whether no row of any corpus that the module bears on sees the change. The modules of the project stay as they are."""
    own = mutant.module.removeprefix("trainers.rewards.")
    changed = [mutant.module] if own in names() else MODULES[MODULES.index(mutant.module) :]
    kept = {name: sys.modules[name] for name in changed}
    try:
        for name in changed:
            code = compile(mutant.tree, name, "exec") if name == mutant.module else ORIGINALS[name]
            _place(name, module := ModuleType(name))
            exec(code, module.__dict__)
        for name in [own] if own in names() else names():
            reward = getattr(module := sys.modules[f"trainers.rewards.{name}"], name)
            if (
                not keeps_its_maximum(module, name)
                or not refuses_uneven_columns(reward)
                or not all(agrees(reward, row) for row in CORPUS[name])
            ):
                return False
        return True
    except Exception:  # noqa: BLE001 - a change that raises is seen
        return False
    finally:
        for name, module in kept.items():
            _place(name, module)


def _place(name: str, module: ModuleType) -> None:
    package, _, leaf = name.rpartition(".")
    sys.modules[name] = module
    setattr(sys.modules[package], leaf, module)


MIRRORED = "the sign of the gap plays no part"
EQUIVALENT = {
    "rewards.tempsamp: return read(pairs or in_pairs(_BOUNDED.findall(found))[:1]) [1 => 2]": "the reward takes the first span",
    "rewards.temporal_r1: if not all(abs(time) <= LARGEST for time in times): [all => any]": "the infinite has IoU 0 anyway",
    "rewards.temporal_r1: if not all(abs(time) <= LARGEST for time in times): [abs(time) <= LARGEST => abs(time) < LARGEST]": (
        "a span of 1e300 s has IoU 0 anyway"
    ),
    'common: return [completion if isinstance(completion, str) else completion[0]["content"] for completion in completions]'
    " [0 => -1]": "a completion is a conversation of one message",
    "shape: if reward >= tau: [reward >= tau => reward > tau]": "the two branches meet at tau",
    "wasserstein: after = gap + slope * (at - before) [gap + slope * (at - before) => gap - slope * (at - before)]": MIRRORED,
    "wasserstein: gap, slope, before = after, slope + change, at [slope + change => slope - change]": MIRRORED,
    "museg_format: if timestamps and not all(1 <= mentions(time, thought, MOST + 1) <= MOST for time in times): [1 => 2]": (
        "counting goes one further before it stops"
    ),
}
"""Changes that no reply can show, and why."""


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("module", MODULES, ids=label)
def test_every_change_is_seen(module: str) -> None:
    lines = [mutant.change for mutant in mutants(module) if survives(mutant)]
    assert sorted(set(lines)) == sorted(change for change in EQUIVALENT if change.startswith(f"{label(module)}: "))
