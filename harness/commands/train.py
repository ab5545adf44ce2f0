"""`harness train`."""

import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import environment, extras
from harness.arguments import parser
from harness.commands import run
from harness.commands.plans import plans
from harness.paths import data_root, run_beside
from harness.plan import Plan, make_plan, read_ids
from tasks.errors import InputError

if TYPE_CHECKING:
    from trainers.training import Training


def main(options: Namespace) -> int:
    """Train one checkpoint, or continue; with `--dry-run`, say what would happen."""
    from trainers import recipe as recipes

    recipe = recipes.load(options.recipe, options.set)
    evaluation = evaluations(options)
    plan = plan_of(options, tuple(dict.fromkeys(recipe.epochs)))
    if not options.output and not options.dry_run:
        raise InputError("a folder for the trained model", "none", "--output ckpts/NAME")
    with extras.needed("train"):
        from trainers.dry_run.plan import forecast
        from trainers.train import train
        from trainers.training import Training

    training = Training(
        recipe=recipe,
        plan=plan,
        model=options.model,
        folder=Path(options.output or "."),
        seed=options.seed,
        skip_missing=options.skip_missing,
        dtype=options.dtype,
        attn=options.attn,
        deadline_s=options.deadline,
        dev_every=options.dev_every,
        dev_limit=options.dev_limit,
    )
    if options.dry_run:
        sys.stdout.write(forecast(training))
        return 0
    if environment.launch().rank == 0:
        sys.stderr.write(run.taken_for(options.model))
    record = train(training)
    if environment.launch().rank == 0:
        sys.stdout.write(summary(training, record, evaluated=bool(evaluation)))
    return max((run.main(arguments) for arguments in evaluation), default=0)


def summary(training: "Training", record: Mapping[str, Any], evaluated: bool) -> str:
    """What was trained, where it lies, and what to type next."""
    seconds = sum(session.get("seconds", 0.0) for session in record["sessions"])
    replaced = f", {len(record['replaced'])} videos replaced" if record["replaced"] else ""
    samples = record["trained_on"]["samples"]
    head = f"{training.recipe.name} on {training.plan.name}: {record['steps']:,} steps, {seconds:,.1f} s"
    step = "" if evaluated else f"next:  harness run --model {training.folder} --tasks {training.plan.task.name}\n"
    return f"{head}, {samples:,} samples{replaced}\nmodel: {training.folder}\n{step}"


def evaluations(options: Namespace) -> list[Namespace]:
    """What `harness run` would be given for each split of `--evaluate`; planned here, so that bad input stops before training."""
    names = ("data_root", "protocol", "modes", "attn")
    same = ["--dtype", "auto" if options.dtype == "mixed" else options.dtype]
    same += [part for name in names if (value := getattr(options, name)) for part in (f"--{name.replace('_', '-')}", value)]
    same += [part for folder in options.videos for part in ("--videos", folder)]
    model, given = options.output or "", []
    for split in options.evaluate.split(",") if options.evaluate else ():
        output = str(run_beside(Path(model), split))
        given.append(parser().parse_args(["run", "--model", model, "--tasks", split, "--output", output, *same]))
        plans(given[-1], split)
    return given


def plan_of(options: Namespace, modes: tuple[str, ...]) -> Plan:
    """The train split under its protocol. Raises InputError where it is one that models are tested on."""
    plan = make_plan(
        options.task,
        split=options.split,
        protocol=options.protocol,
        modes=modes,
        data_root=data_root(options.data_root),
        video_folders=[Path(folder) for folder in options.videos],
    )
    if not plan.split.startswith(("train", "fit", "fewshot")) and not plan.task.name.endswith(".jsonl"):
        raise InputError("a split to train on: train, fit, fewshot-K-seedN", plan.name, f"--task {plan.task.name}@train")
    return plan.only(read_ids(map(Path, options.ids))) if options.ids else plan
