"""Recorded runs compared: what they share, what differs, and every figure of `harness compare`."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.models.verdict import limits
from harness.recorded import Recorded, named
from harness.scoring import judge
from leaderboards.compare.result import SCHEMA, System, compare
from tasks.errors import InputError
from tasks.sample import Sample
from tasks.statistics import RESAMPLES


def compare_runs(groups: Mapping[str, Sequence[Recorded]], force: bool = False) -> dict[str, Any]:
    """What `harness compare --json` prints, all systems against the first: one run, or one for each seed of a recipe.

    Raises InputError as `together`.
    """
    every = [run for group in groups.values() for run in group]
    samples, modes, different = together(every, force)
    result: dict[str, Any] = {"schema": SCHEMA, **every[0].identity, "forced": different}
    result["sessions_differ"] = {str(run.path): run.differ for run in every if run.differ}
    result["clocks"] = {str(run.path): run.clock for run in every if limits(run.clock)}
    result["misread"] = {str(run.path): run.misread for run in every if run.misread}
    result["asked_under"] = list(dict.fromkeys(named(run.asked) for run in every))
    result |= {"n": len(samples), "videos": len({sample.video for sample in samples})}
    result |= {"limited": any(len(run.plan.samples) > len(samples) or run.plan.is_part for run in every)}
    result |= {"resamples": RESAMPLES, "modes": {}}
    for mode in modes:
        systems = [
            System(name, tuple(judge(samples, run.records, run.plan.protocol, mode) for run in group))
            for name, group in groups.items()
        ]
        found = compare(samples, systems)
        # A difference between replies in the form of the protocol and others says nothing of their models.
        unsaid = {"comparisons": [{**pair, "verdict": None} for pair in found["comparisons"]]} if result["misread"] else {}
        result["modes"][mode] = {**found, **unsaid}
    return result


def together(every: Sequence[Recorded], force: bool) -> tuple[list[Sample], list[str], list[str]]:
    """The samples and the modes that every run was asked, in the order of the first, and what differs between runs all the same.

    Raises:
        InputError: They differ in task, split or protocol without `force`, or have no sample or mode in common.
    """
    first = every[0]
    different = [
        f"{key} {first.identity[key]} in {first.path}, {value} in {run.path}"
        for run in every[1:]
        for key, value in run.identity.items()
        if value != first.identity[key]
    ]
    if different and not force:
        step = "--protocol NAME scores all under one protocol; --force compares all the same, and says so"
        raise InputError("runs of the same task, split and protocol", "; ".join(different), step)
    ids = set.intersection(*({sample.id for sample in run.plan.samples} for run in every))
    if not ids:
        found = ", ".join(f"{len(run.plan.samples):,} of {run.plan.name} in {run.path}" for run in every)
        raise InputError("runs with samples in common", f"none: {found}", "run both on the same split, --limit and --seed")
    modes = [mode for mode in first.plan.modes if all(mode in run.plan.modes for run in every)]
    if not modes:
        found = ", ".join(f"{'+'.join(run.plan.modes)} in {run.path}" for run in every)
        raise InputError("a prompt mode that every run was asked in", found, "harness run … --modes direct,cot")
    return [sample for sample in first.plan.samples if sample.id in ids], modes, different
