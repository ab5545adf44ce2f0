"""`harness compare`."""

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from harness import sessions, store
from harness.commands import score
from harness.plan import Plan
from harness.predictions.collect import LAST
from harness.records import Record
from harness.scoring import judge
from leaderboards.compare.result import SCHEMA, System, compare
from leaderboards.compare.text import letters, render
from tasks import protocol as protocols
from tasks.errors import InputError
from tasks.protocol import Protocol
from tasks.sample import Sample
from tasks.statistics import RESAMPLES

USAGE = "harness compare RUN RUN"
SEPARATOR = ","


class Loaded(NamedTuple):
    """A run, or a file of predictions.

    Attributes:
        path: Where it lies.
        plan: What was asked, and the rules it is scored under.
        records: Its replies by sample id and mode.
        identity: What must agree before two numbers are compared, in words.
        asked: The protocol whose prompt and frames it was asked with, in words.
        differ: In what the sessions differ in which it was made, in words.
    """

    path: Path
    plan: Plan
    records: Mapping[tuple[str, str], Record]
    identity: Mapping[str, str]
    asked: str
    differ: str = ""


def main(options: Namespace) -> int:
    """Compare every run with the first, paired by sample, and type the errors of each; a single run is diagnosed alone."""
    result = compared(options)
    sys.stdout.write(json.dumps(result, indent=1) + "\n" if options.json else _text(result, options.runs))
    return 0


def compared(options: Namespace) -> dict[str, Any]:
    """What `--json` prints. Raises InputError."""
    paths = {argument: _paths(argument) for argument in options.runs}
    places = [path.resolve() for argument in options.runs for path in paths[argument]]
    if len(set(places)) < len(places):
        raise InputError("each run once", " ".join(options.runs), USAGE)
    groups = {argument: [load(options, path) for path in some] for argument, some in paths.items()}
    every = [loaded for group in groups.values() for loaded in group]
    samples, modes, different = together(every, options.force)
    result: dict[str, Any] = {"schema": SCHEMA, **every[0].identity, "forced": different}
    result["sessions_differ"] = {str(loaded.path): loaded.differ for loaded in every if loaded.differ}
    result["asked_under"] = list(dict.fromkeys(loaded.asked for loaded in every))
    result |= {"n": len(samples), "videos": len({sample.video for sample in samples})}
    result |= {"limited": any(len(loaded.plan.samples) > len(samples) or _is_limited(loaded.plan) for loaded in every)}
    result |= {"resamples": RESAMPLES, "modes": {mode: _compare(groups, samples, mode) for mode in modes}}
    return result


def together(every: Sequence[Loaded], force: bool) -> tuple[list[Sample], list[str], list[str]]:
    """The samples and the modes that every run was asked, and what differs between runs all the same.

    Raises:
        InputError: They differ in task, split or protocol without `force`, or have no sample or mode in common.
    """
    different = _differences(every)
    if different and not force:
        step = "--protocol NAME scores all under one protocol; --force compares all the same, and says so"
        raise InputError("runs of the same task, split and protocol", "; ".join(different), step)
    return _common(every), _modes(every), different


def _paths(argument: str) -> list[Path]:
    """The runs that an argument names: one, or the seeds of one recipe joined by commas."""
    try:
        is_one = Path(argument).exists()
    except OSError:  # several names together can be longer than a name may be
        is_one = False
    return [Path(argument)] if is_one else [Path(part) for part in argument.split(SEPARATOR)]


def load(options: Namespace, path: Path, keep_texts: bool = False) -> Loaded:
    """Read a finished run, or a file of predictions where the options name a task.

    Args:
        options: Those of `harness compare`.
        path: The run folder or the file.
        keep_texts: Whether the records of a file hold its texts; those of a run always do.

    Raises:
        InputError: It is neither, or cannot be read.
    """
    run = store.read_run(path)
    defaults = {**dict.fromkeys(("split", "modes", "limit", "reply_key")), "duplicates": LAST, "videos": (), "seed": 0}
    own = Namespace(**{**defaults, **vars(options)})
    if run is None:
        if not path.is_file() or not options.task:
            found = f"{path}" if path.is_file() else f"no run.json in {path}" if path.is_dir() else f"no {path}"
            raise InputError("run folders, or files of predictions with --task", found, USAGE)
        plan = score.plan_of(own, options.task)
        records = score.predictions(plan, path, own, keep_texts)
        return Loaded(path, plan, records, _identity(plan, plan.task.version), _named(plan.protocol))
    _check_whole(path, run)
    plan, records = score.run_of(own, path, run["spec"])
    missing = sum((sample.id, mode) not in records for sample in plan.samples for mode in plan.modes)
    if missing:
        raise InputError(
            f"a reply or an error for every question in {path / store.SAMPLES}", f"{missing:,} lack one", _again(run)
        )
    asked = protocols.from_dict(run["spec"]["protocol"])
    plan = plan if options.protocol else replace(plan, protocol=asked)
    identity = _identity(plan, run["spec"]["task_version"])
    return Loaded(path, plan, records, identity, _named(asked), sessions.differences(run["sessions"]))


def _check_whole(folder: Path, run: Mapping[str, Any]) -> None:
    """Refuse a run that is still going on or was cut off, before anything opens its files for writing. Raises InputError."""
    if run["status"] != "finished":
        raise InputError("a finished run", f"{folder} is {run['status']}", _again(run))
    file = folder / store.SAMPLES
    if not file.is_file():
        raise InputError(f"the replies of the run in {file}", "no such file", _again(run))
    with file.open("rb") as lines:
        lines.seek(max(0, file.stat().st_size - 1))
        if lines.read(1) != b"\n":
            raise InputError(f"whole lines in {file}", "its last line is cut short", _again(run))


def _again(run: Mapping[str, Any]) -> str:
    return f"{' '.join(run['sessions'][-1]['command'])} (it continues where it stopped)"


def _identity(plan: Plan, task_version: int) -> dict[str, str]:
    return {
        "task": f"{plan.task.name} v{task_version}",
        "split": f"{plan.split} ({plan.split_sha256[:8]})",
        "protocol": _named(plan.protocol),
    }


def _named(protocol: Protocol) -> str:
    return f"{protocol.name} ({protocol.sha256[:8]})"


def _differences(every: Sequence[Loaded]) -> list[str]:
    first = every[0]
    return [
        f"{key} {first.identity[key]} in {first.path}, {value} in {loaded.path}"
        for loaded in every[1:]
        for key, value in loaded.identity.items()
        if value != first.identity[key]
    ]


def _common(every: Sequence[Loaded]) -> list[Sample]:
    """The samples that every run was asked, in the order of the first. Raises InputError if there are none."""
    ids = set.intersection(*({sample.id for sample in loaded.plan.samples} for loaded in every))
    if not ids:
        found = ", ".join(f"{len(loaded.plan.samples):,} of {loaded.plan.name} in {loaded.path}" for loaded in every)
        raise InputError("runs with samples in common", f"none: {found}", "run both on the same split, --limit and --seed")
    return [sample for sample in every[0].plan.samples if sample.id in ids]


def _modes(every: Sequence[Loaded]) -> list[str]:
    modes = [mode for mode in every[0].plan.modes if all(mode in loaded.plan.modes for loaded in every)]
    if not modes:
        found = ", ".join(f"{'+'.join(loaded.plan.modes)} in {loaded.path}" for loaded in every)
        raise InputError("a prompt mode that every run was asked in", found, "harness run … --modes direct,cot")
    return modes


def _is_limited(plan: Plan) -> bool:
    return plan.limit is not None or plan.ids_sha256 is not None


def _compare(groups: Mapping[str, Sequence[Loaded]], samples: Sequence[Sample], mode: str) -> dict[str, Any]:
    systems = [
        System(name, tuple(judge(samples, loaded.records, loaded.plan.protocol, mode) for loaded in group))
        for name, group in groups.items()
    ]
    return compare(samples, systems)


def _text(result: Mapping[str, Any], names: Sequence[str]) -> str:
    limited = ", LIMITED to what every run was asked" if result["limited"] else ""
    head = f"{result['task']}, split {result['split']}, protocol {result['protocol']}: "
    lines = [f"{head}{result['n']:,} queries of {result['videos']:,} videos{limited}"]
    lines += [f"FORCED although these differ: {difference}" for difference in result["forced"]]
    if len(result["asked_under"]) > 1:
        lines.append(f"asked under different protocols: {', '.join(result['asked_under'])}")
    lines += [f"{path}: made in sessions that differ: {differ}" for path, differ in result["sessions_differ"].items()]
    lines += [f"{letter}  {name}" for letter, name in zip(letters(len(names)), names, strict=True)]
    return "\n\n".join(["\n".join(lines), *(render(mode, found) for mode, found in result["modes"].items())]) + "\n"
