"""`harness show`."""

import json
import sys
from argparse import Namespace
from dataclasses import asdict

import yaml

from harness import extras
from harness.arguments import given
from harness.data.notes import video_notes
from harness.frames import Job
from harness.models.options import Options
from harness.plan import Plan, make_plan
from harness.report import floor_rows, heading, render
from tasks import protocol, task
from tasks.anomalies import anomalies
from tasks.describe import describe
from tasks.errors import Failure, InputError
from tasks.sample import Sample
from tasks.splits import DERIVED
from tasks.words import counted

PROTOCOL = "protocol:"
SHOWN = 3


def main(options: Namespace) -> int:
    """Show a protocol, a recipe with every key that --set takes, or the card of a task.

    A card holds baselines and upper bounds, and one sample as a model would be asked it.
    """
    name = options.name.removeprefix(PROTOCOL)
    own = name.endswith(protocol.SUFFIX)
    if own or name != options.name or (name in protocol.names() and name not in task.all_tasks()):
        sys.stdout.write("\n".join(describe(protocol.load(name))) + "\n")
        return 0
    if name in _recipes() and name not in task.all_tasks():
        sys.stdout.write(_recipe(name))
        return 0
    plan = make_plan(**given(make_plan, options))
    floors = [heading(plan), render(floor_rows(plan))]
    sys.stdout.write("\n".join([*_card(plan), "", *floors, "", *_sample(plan, options)]) + "\n")
    return 0


def _recipes() -> list[str]:
    """Names of recipes; what they bring with them is imported for this alone."""
    from trainers import recipe

    return recipe.names()


def _recipe(name: str) -> str:
    from trainers import recipe

    plain = json.loads(json.dumps(asdict(recipe.load(name))))  # without types of our own, which YAML would tag
    return str(yaml.safe_dump(plain, sort_keys=False, width=130, allow_unicode=True))


def _card(plan: Plan) -> list[str]:
    benchmark = plan.task
    published = {name: split.counts() for name, split in benchmark.splits(plan.data_root).items()}
    lines = [
        f"{benchmark.name} v{benchmark.version}: {benchmark.title}",
        *(f"  {name}: {counts}" for name, counts in published.items()),
        *([f"  derived from train: {', '.join(DERIVED)} …"] if "train" in published else []),
        f"  kinds of question: {', '.join(benchmark.kinds)}",
        f"  licence: {benchmark.licence}",
        f"  source: {benchmark.homepage}",
        f"  citation: {benchmark.citation}",
        *(f"  note: {note}" for note in benchmark.notes),
        f"{plan.name}: {counted(len(plan.samples), 'query')}, sha256 {plan.split_sha256}",
    ]
    for name, (first, *others) in anomalies(plan.samples).items():
        example = f"{first.id} {_truth(first, SHOWN)} of {first.duration_s} s"
        lines.append(f"  kept as published: {1 + len(others):,} x {name}, e.g. {example}")
    return lines + video_notes(plan)


def _sample(plan: Plan, options: Namespace) -> list[str]:
    identifier, model = options.sample, options.model
    by_id = {sample.id: sample for sample in plan.samples}
    if identifier is not None and identifier not in by_id:
        raise InputError(f"the id of a sample of {plan.name}", repr(identifier), f"harness show {plan.typed}")
    found = (sample for sample in plan.samples if sample.video in plan.videos)
    sample = by_id[identifier] if identifier is not None else next(found, plan.samples[0])
    lines = [
        f"sample {sample.id}",
        f"  query: {sample.query!r}",
        *([f"  options: {', '.join(sample.options)}"] if sample.options else []),
        f"  ground truth: {_truth(sample)} of {sample.duration_s} s",
        *(f"  {name}: {value}" for name, value in sample.labels),
    ]
    lines += [f"  {mode} prompt: {plan.protocol.question(sample, mode)}" for mode in plan.protocol.prompt.modes]
    if sample.video not in plan.videos:
        return [*lines, "  frames: the video is missing"]
    with extras.needed("video"):
        from harness.video.pool import FramePool

    path = plan.videos[sample.video]
    shown = None
    if model is not None:
        with extras.needed("hf"):
            from harness.models.shown import Shown
        shown = Shown(model, Options(trust_remote_code=options.trust_remote_code))
    with FramePool(plan.protocol.video, 28 if shown is None else shown.pixel_factor) as pool:
        ((_, frames),) = pool.frames([Job(sample.id, path, sample.clip)])
    if isinstance(frames, Failure):
        step = f"replace the file, then: harness data check --task {plan.typed}"
        raise InputError(f"a video that can be read: {path}", f"{frames.type}: {frames.message}", step)
    times = " ".join(f"{time:.2f}" for time in frames.time_s)
    lines += [f"  frames: {frames.fingerprint()}", f"  times in seconds: {times}"]
    if shown is None:
        return lines
    for mode in plan.protocol.prompt.modes:
        told = shown.prompt(frames, plan.protocol.prompt, plan.protocol.question(sample, mode))
        lines += [f"  {mode} prompt as it reaches {model}:", *(f"    {line}" for line in told.splitlines())]
    return lines


def _truth(sample: Sample, most: int | None = None) -> str:
    """What is true of a sample, in words: the option, its spans (at most so many), and how many clips have scores."""
    truth = sample.truth
    parts = [truth.option] if truth.option is not None else []
    parts += [f"[{span.start_s}, {span.end_s}]" for span in truth.spans[:most]]
    parts += [f"{more:,} more"] if most is not None and (more := len(truth.spans) - most) > 0 else []
    parts += [f"scores of {len(truth.clips)} clips"] if truth.clips is not None else []
    return ", ".join(parts) or "nothing"
