"""`harness train`."""

import shlex
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import environment
from harness.api.training import planned
from harness.arguments import given
from harness.evaluate import evaluate, notes_before, taken_for
from harness.models.options import Options
from harness.paths import run_beside
from harness.plan import Plan, listed, make_plan
from harness.summary import conclusion, usage
from tasks.errors import InputError
from tasks.words import counted
from trainers.mix import Part

if TYPE_CHECKING:
    from trainers.training import Training

SETTINGS = ("seed", "skip_missing", "dtype", "attn", "dev_every", "dev_limit", "load_in_4bit")


def main(options: Namespace) -> int:
    """Train one checkpoint, or continue; with `--dry-run`, say what would happen."""
    training = planned(**given(planned, options), **{name: getattr(options, name) for name in SETTINGS})
    options.protocol = options.protocol or training.recipe.protocol
    evaluation = evaluations(options)
    if not options.output and not options.dry_run:
        raise InputError("a folder for the trained model", "none", "--output ckpts/NAME")
    from trainers.dry_run.plan import forecast
    from trainers.train import train

    if options.dry_run:
        sys.stdout.write(forecast(training))
        return 0
    if environment.launch().rank == 0:
        sys.stderr.write("".join(f"{note}\n" for note in taken_for(options.model)))
    record = train(training)
    if environment.launch().rank == 0:
        sys.stdout.write(summary(training, record) + ("" if evaluation else f"next:  {next_step(options, training.parts)}\n"))
    return int(max((_evaluate(options, folder, plan) for folder, plan in evaluation.items()), default=False))


def summary(training: "Training", record: Mapping[str, Any]) -> str:
    """What was trained, and where it lies."""
    seconds = sum(session.get("seconds", 0.0) for session in record["sessions"])
    replaced = f", {counted(len(record['replaced']), 'video')} replaced" if record["replaced"] else ""
    samples = record["trained_on"]["samples"]
    head = f"{training.recipe.name} on {training.name}: {counted(record['steps'], 'step')}, {seconds:,.1f} s"
    return f"{head}, {counted(samples, 'sample')}{replaced}\nmodel: {training.folder}\n"


def next_step(options: Namespace, parts: Sequence[Part]) -> str:
    """The command that asks the trained model what it was trained for: its tasks, protocol and folders."""
    # Own data without a test split name no split by themselves.
    named_splits = (part.plan.task.typed + ("" if part.plan.task.default_split else f"@{part.plan.split}") for part in parts)
    tasks = ",".join(dict.fromkeys(named_splits))
    command = ["harness", "run", "--model", options.output, "--tasks", tasks]
    named = {"--protocol": [options.protocol], "--videos": options.videos, "--data-root": [options.data_root]}
    named |= {"--annotations": options.annotations, "--include": options.include}
    words = (word for flag, values in named.items() for value in values if value for word in (flag, value))
    return shlex.join([*command, *words])


def evaluations(options: Namespace) -> dict[Path, Plan]:
    """What is evaluated, by run folder: each split of `--evaluate`, planned here so that bad input stops before training."""
    asked = {**given(make_plan, options), "split": None, "ids": (), "seed": 0}
    folder = Path(options.output or "")
    found = {run_beside(folder, name): make_plan(name, **asked) for name in listed(options.evaluate)}
    for plan in found.values():
        plan.check_clear()
    return found


def _evaluate(options: Namespace, folder: Path, plan: Plan) -> bool:
    """Ask the trained model one split. Whether its code raised."""
    model, dtype = options.output, "auto" if options.dtype == "mixed" else options.dtype
    sys.stderr.write("".join(f"{note}\n" for note in notes_before(model, [plan])))
    ((_, summary),) = evaluate([plan], model, Options(dtype=dtype, attn=options.attn), output=str(folder))
    sys.stdout.write(conclusion(model, plan, summary) + usage(summary, None))
    return summary.broke
