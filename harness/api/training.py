"""`train`: one training, from names to a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness import extras, named_files
from harness.named_files import Paths
from harness.paths import AnyPath
from harness.plan import make_plan
from tasks.errors import InputError, quoted
from tasks.own import ONE_SPLIT
from tasks.words import counted
from trainers import recipe as recipes
from trainers.mix import Part, parse

if TYPE_CHECKING:
    from trainers.training import Training


@dataclass(frozen=True, repr=False)
class Trained:
    """A trained checkpoint; stands wherever a model is named: `api.run(trained, "charades")`.

    Attributes:
        path: The folder of the checkpoint.
        record: The content of `train.json`.
    """

    path: Path
    record: Mapping[str, Any]

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        name, on = self.record["spec"]["recipe"]["name"], self.record["trained_on"]
        done = f"{counted(self.record['steps'], 'step')}, {counted(on['samples'], 'sample')}"
        return f"{name} on {on['split']}: {done}\nmodel: {self.path}"


def train(
    recipe: AnyPath,
    model: AnyPath,
    task: str,
    *,
    output: AnyPath,
    split: str | None = None,
    protocol: str | None = None,
    set: Sequence[str] = (),
    lora: int | None = None,
    load_in_4bit: bool = False,
    videos: AnyPath | Sequence[AnyPath] = (),
    ids: AnyPath | Sequence[AnyPath] = (),
    seed: int = 0,
    skip_missing: bool = False,
    dtype: Literal["auto", "mixed", "float32", "bfloat16"] = "auto",
    attn: str = "sdpa",
    deadline: float = 120,
    dev_every: int = 0,
    dev_limit: int = 100,
    data_root: AnyPath | None = None,
    annotations: Paths = (),
    include: Paths = (),
) -> Trained:
    """Train a model by a recipe, as `harness train` does; the same call continues an interrupted training.

    Args:
        task: One split or a mix of several: `charades@train,nextgqa@train:0.5`.
        set: Changes of the recipe: `["learning_rate=1e-6"]`.

    Raises:
        InputError: The command would refuse the same.
    """
    named_files.use(include, annotations)
    training = planned(
        *(recipe, model, task, output, split, protocol, set, lora, videos, ids, data_root, deadline),
        seed=seed,
        skip_missing=skip_missing,
        dtype=dtype,
        attn=attn,
        dev_every=dev_every,
        dev_limit=dev_limit,
        load_in_4bit=load_in_4bit,
    )
    from trainers.train import train as start

    return Trained(training.folder, start(training))


def planned(
    recipe: AnyPath,
    model: AnyPath,
    task: str,
    output: AnyPath | None,
    split: str | None,
    protocol: str | None,
    set: Sequence[str],
    lora: int | None,
    videos: AnyPath | Sequence[AnyPath],
    ids: AnyPath | Sequence[AnyPath],
    data_root: AnyPath | None,
    deadline: float,
    **settings: Any,
) -> Training:
    """The training that options of `train` ask for, checked as far as no model is needed; `settings` are of `Training`."""
    rank = [] if lora is None else [f"lora={{r: {lora}, lora_alpha: {2 * lora}}}"]
    rules = recipes.load(fspath(recipe), [*rank, *set])
    named = parse(task)
    if split and len(named) > 1:
        raise InputError("--split with one task", task, "write task@split for each")
    asked = (split, protocol or rules.protocol, tuple(dict.fromkeys(rules.epochs)), data_root, videos)
    parts = tuple(Part(make_plan(name, *asked, ids=ids), weight) for name, weight in named)
    for plan, _ in parts:
        whole = bool(plan.task.own_path) and plan.split == ONE_SPLIT
        if not whole and not plan.split.startswith(("train", "fit", "fewshot")):
            step = f"--tasks {quoted(f'{plan.task.typed}@train')}"
            raise InputError("a split to train on: train, fit, fewshot-K-seedN", plan.name, step)
    with extras.needed("train"):
        import trainers.train  # noqa: F401 - every package that a training needs, before anything is written
        from trainers.training import Training
    folder = Path(output or ".")
    return Training(rules, parts, fspath(model), folder, deadline_s=deadline, **settings)
