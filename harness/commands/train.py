"""`harness train`."""

import sys
from argparse import Namespace
from pathlib import Path

from harness.paths import data_root
from harness.plan import Plan, make_plan, read_ids
from tasks.errors import InputError


def main(options: Namespace) -> int:
    """Train one checkpoint, or continue; with `--dry-run`, say what would happen."""
    from trainers import recipe as recipes

    recipe = recipes.load(options.recipe, options.set)
    plan = plan_of(options, tuple(dict.fromkeys(recipe.epochs)))
    if not options.output and not options.dry_run:
        raise InputError("a folder for the trained model", "none", "--output ckpts/NAME")
    from trainers.train import Training, train

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
        from trainers.forecast import forecast

        sys.stdout.write(forecast(training))
        return 0
    record = train(training)
    seconds = sum(session.get("seconds", 0.0) for session in record["sessions"])
    sys.stdout.write(
        f"{recipe.name} on {plan.name}: {record['steps']:,} steps, {seconds:,.1f} s, {record['trained_on']['samples']:,} samples"
        f"{', ' + str(len(record['replaced'])) + ' videos replaced' if record['replaced'] else ''}\n"
        f"model: {training.folder}\nnext:  harness run --model {training.folder} --tasks {plan.task.name}\n"
    )
    return 0


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
