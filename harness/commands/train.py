"""`harness train`."""

import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import environment, extras
from harness.arguments import given
from harness.evaluate import evaluate, notes_before, taken_for
from harness.models.options import Options
from harness.paths import run_beside
from harness.plan import Plan, listed, make_plan
from harness.summary import conclusion, usage
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

    asked = {**given(Training, options), "recipe": recipe, "plan": plan, "deadline_s": options.deadline}
    training = Training(**asked, folder=Path(options.output or "."))
    if options.dry_run:
        sys.stdout.write(forecast(training))
        return 0
    if environment.launch().rank == 0:
        sys.stderr.write("".join(f"{note}\n" for note in taken_for(options.model)))
    record = train(training)
    if environment.launch().rank == 0:
        sys.stdout.write(summary(training, record, evaluated=bool(evaluation)))
    return int(max((_evaluate(options, folder, plan) for folder, plan in evaluation.items()), default=False))


def summary(training: "Training", record: Mapping[str, Any], evaluated: bool) -> str:
    """What was trained, where it lies, and what to type next."""
    seconds = sum(session.get("seconds", 0.0) for session in record["sessions"])
    replaced = f", {len(record['replaced'])} videos replaced" if record["replaced"] else ""
    samples = record["trained_on"]["samples"]
    head = f"{training.recipe.name} on {training.plan.name}: {record['steps']:,} steps, {seconds:,.1f} s"
    step = "" if evaluated else f"next:  harness run --model {training.folder} --tasks {training.plan.task.name}\n"
    return f"{head}, {samples:,} samples{replaced}\nmodel: {training.folder}\n{step}"


def evaluations(options: Namespace) -> dict[Path, Plan]:
    """What is evaluated, by run folder: each split of `--evaluate`, planned here so that bad input stops before training."""
    asked = {**given(make_plan, options), "split": None, "ids": (), "seed": 0}
    folder = Path(options.output or "")
    return {run_beside(folder, name): make_plan(name, **asked) for name in listed(options.evaluate)}


def _evaluate(options: Namespace, folder: Path, plan: Plan) -> bool:
    """Ask the trained model one split. Whether its code raised."""
    model, dtype = options.output, "auto" if options.dtype == "mixed" else options.dtype
    sys.stderr.write("".join(f"{note}\n" for note in notes_before(model, [plan])))
    ((_, summary),) = evaluate([plan], model, Options(dtype=dtype, attn=options.attn), output=str(folder))
    sys.stdout.write(conclusion(model, plan, summary) + usage(summary, None))
    return summary.broke


def plan_of(options: Namespace, modes: tuple[str, ...]) -> Plan:
    """The train split under its protocol. Raises InputError where it is one that models are tested on."""
    plan = make_plan(options.task, **{**given(make_plan, options), "modes": modes, "seed": 0})
    if not plan.split.startswith(("train", "fit", "fewshot")) and not plan.task.name.endswith(".jsonl"):
        raise InputError("a split to train on: train, fit, fewshot-K-seedN", plan.name, f"--task {plan.task.name}@train")
    return plan
