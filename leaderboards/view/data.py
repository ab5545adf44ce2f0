"""Everything that a page shows of one run, or of two on the same queries, as JSON values. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness import __version__, report, sessions
from harness.models import naming
from harness.models.verdict import limits
from harness.paths import last_part, without_folders
from harness.plan import Plan
from harness.predicted import misread, reads_little
from harness.records import Record
from harness.scores import scores_of
from harness.scoring import Scored, judge
from leaderboards.compare import verdict
from leaderboards.compare.errors import CURVE, curve
from leaderboards.compare.repairs import Repairs, repairs
from leaderboards.compare.result import System, compare, value_name
from leaderboards.compare.strata import strata
from leaderboards.view.answers import answers, asked_and_true, finite
from leaderboards.view.training import Curve
from tasks.protocol import Protocol
from tasks.rules import CLEAN
from tasks.sample import Sample
from tasks.statistics import estimate, interval
from tasks.words import counted

SCHEMA = "vtg-harness/view/1"
BINS = 20
"""Bars of the histogram, besides the one for 0."""
EVERY = ("pairs", "instances", "union", "retrieval")
"""Kinds in which every span of an answer counts alike, not the first alone or most."""


class Shown(NamedTuple):
    """A run that a page shows.

    Attributes:
        plan: What was asked, and the rules it is scored under.
        asked: The protocol whose prompts it was asked with.
        facts: What identifies its numbers, name and value.
        training: Curves of the training that made its model; none where this project did not train it.
        model: What the page calls it; by default its name.
    """

    name: str
    plan: Plan
    asked: Protocol
    records: Mapping[tuple[str, str], Record]
    facts: Sequence[tuple[str, str]]
    training: Sequence[Curve] = ()
    model: str = ""

    @property
    def misread(self) -> str | None:
        """See `harness.predicted.misread`."""
        return misread(self.asked, self.plan.protocol, self.records.values())


def page_data(
    samples: Sequence[Sample], shown: Sequence[Shown], modes: Sequence[str], urls: Mapping[str, str], forced: Sequence[str] = ()
) -> dict[str, Any]:
    """The data of a page; replies are kept whole.

    Args:
        samples: The n queries that every run was asked, in the order of the split.
        shown: One run, or two.
        urls: Address of the file by video key, for the videos that are there.
        forced: What differs between runs that are compared all the same.
    """
    found = {mode: [judge(samples, run.records, run.plan.protocol, mode) for run in shown] for mode in modes}
    errors = {mode: [repairs(one) for one in every] for mode, every in found.items()}
    every, first = [one for of_mode in errors.values() for one in of_mode], found[modes[0]][0]
    meanings = {name: meaning for one in reversed(every) for name, meaning in one.meanings.items()}
    plan = replace(shown[0].plan, samples=samples)
    videos = list(dict.fromkeys(sample.video for sample in samples))
    names = called(shown)
    named, floors = verdict.called(names), report.floors(plan)
    scores = [scores_of({mode: found[mode][i] for mode in modes}) for i in range(len(shown))]
    summaries = {mode: _summary(samples, names, found[mode], errors[mode]) for mode in modes}
    return {
        "schema": SCHEMA,
        "harness": __version__,
        "title": f"{plan.name}: {' against '.join(named)}",
        "heading": report.heading(plan),
        "warnings": [f"FORCED although these differ: {difference}" for difference in forced]
        + _warnings(samples, shown, named)
        + _lacking(named, [{mode: one["modes"][mode] for mode in modes} for one in scores]),
        "verdicts": [] if any(run.misread for run in shown) else _verdicts(names, scores[0], summaries, floors),
        "runs": [
            {"name": name, "label": label, "facts": run.facts, "training": [curve._asdict() for curve in run.training]}
            for run, name, label in zip(shown, names, named, strict=True)
        ],
        "scores": [
            *({**row, "model": label} for i, label in enumerate(named) for row in report.rows(label, scores[i])),
            *report.floor_rows(plan, floors),
        ],
        "kind": first.protocol.kind,
        "metric": value_name(first),
        "main": first.headings.get(first.main, first.main),
        "headings": first.headings,
        "metrics": list(first.headings.values()),
        "every_span_counts": first.protocol.kind in EVERY,
        "thresholds": CURVE,
        "types": meanings,
        "repaired": list(dict.fromkeys(metric for one in every for metric in one.points)),
        "modes": summaries,
        "questions": [_question(samples, run.asked) for run in shown],
        "videos": {"name": videos, "url": [urls.get(video) for video in videos]},
        "samples": asked_and_true(samples, videos),
        "answers": [
            {mode: answers(run.records, mode, found[mode][i], errors[mode][i].types, list(meanings)) for mode in modes}
            for i, run in enumerate(shown)
        ],
    }


def facts(run: Mapping[str, Any], plan: Plan, asked: Protocol) -> list[tuple[str, str]]:
    """What identifies the numbers of a run; raises KeyError or TypeError if `run.json` is not as the harness writes it."""
    spec, session = run["spec"], run["sessions"][-1]
    model, environment = spec["model"], session["environment"]
    trained = model.get("trained_on")
    named = {
        "model": naming.title(model),
        "backend": model["backend"],
        "revision": model.get("revision"),
        "sight": model.get("sight"),
        "clock": model.get("clock_verdict"),
        "trained on": f"{trained['split']} ({trained['samples']} samples)" if trained else None,
        "asked with": f"{asked.name} ({asked.sha256[:8]})",
        "scored under": f"{plan.protocol.name} ({plan.protocol.sha256[:8]})",
        "split": f"{plan.name} v{spec['task_version']} ({plan.split_sha256[:8]})",
        "seed": spec["seed"],
        "harness": f"{environment['harness']}, commit {sessions.commits(run['sessions'])}",
        "sessions differ": sessions.differences(run["sessions"]) or None,
        "started": session["started"],
        "command": shlex.join(map(last_part, session["command"])),
    }
    return [(key, without_folders(str(value))) for key, value in named.items() if value is not None]


def called(shown: Sequence[Shown]) -> list[str]:
    """What runs are called: by their models, and where two have the same model also by their folders, without their paths."""
    models = [run.model or Path(run.name).name for run in shown]
    if len(set(models)) == len(models):
        return models
    folders = [Path(run.name).name for run in shown]
    if len(set(folders)) < len(folders):
        folders = [name.partition(" ")[2] for name in verdict.called([run.name for run in shown])]
    return [f"{model} ({folder})" for model, folder in zip(models, folders, strict=True)]


def _verdicts(
    called: Sequence[str],
    scores: Mapping[str, Any],
    summaries: Mapping[str, Mapping[str, Any]],
    floors: Sequence[report.Floor],
) -> list[str]:
    """What may be said, a sentence a mode: of two runs against each other, of one against what does not look at the video."""
    before, main = {mode: f"{mode}: " if len(summaries) > 1 else "" for mode in summaries}, scores["main"]
    if len(called) > 1:
        return [before[mode] + said for mode, one in summaries.items() if (said := one["comparison"]["verdict"])]
    trivial = ((floor["aggregate"].get(main), rule) for rule, kind, floor in floors if kind == "trivial")
    blind = [(value, rule) for value, rule in trivial if value is not None]
    best, metric = max(blind, default=None), scores["headings"].get(main, main)
    entries = {mode: scores["modes"][mode] for mode in summaries}
    return [
        before[mode] + verdict.alone(called[0], metric, entry["aggregate"][main], entry["interval_95"].get(main), best)
        for mode, entry in entries.items()
    ]


def _warnings(samples: Sequence[Sample], shown: Sequence[Shown], named: Sequence[str]) -> list[str]:
    found = []
    for run, name in zip(shown, named, strict=True):
        if len(run.plan.samples) > len(samples) or run.plan.is_part:
            found.append(f"{name}: only {counted(len(samples), 'sample', 'is', 'are')} shown, not a whole split")
        if run.misread:
            found.append(f"No verdict: {name}: {run.misread}")
        if wrong := sum("wrong_clock_s" in record for record in run.records.values()):
            found.append(f"{name}: wrong times were told in {counted(wrong, 'reply')}")
        if limits(told := dict(run.facts).get("clock")):
            found.append(f"{name}: clock: {told}")
    return found


def _lacking(named: Sequence[str], scores: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where many questions score 0 for another reason than a wrong answer."""
    found = []
    for name, of_run in zip(named, scores, strict=True):
        for mode, entry in of_run.items():
            said, counts = f"{name}, mode {mode}" if len(of_run) > 1 else name, entry["counts"]
            if lacking := sum(counts["errors"].values()):
                found.append(f"{said}: no reply to {lacking:,} of {lacking + counts['answered']:,} questions")
            if reads_little(entry["parse_rate"]):
                found.append(f"{said}: {counts['parsed']:,} of {counts['answered']:,} replies could be read")
    return found


def _summary(
    samples: Sequence[Sample], called: Sequence[str], found: Sequence[Scored], every: Sequence[Repairs]
) -> dict[str, Any]:
    """Histogram, curve, errors and breakdown of one mode, and the comparison of two runs."""
    systems = []
    for one, errors in zip(found, every, strict=True):
        main = one.columns[one.main]
        values = main[~np.isnan(main)]
        counts, _ = np.histogram(values[values > 0], bins=BINS, range=(0.0, 1.0))
        points = curve(one)[one.kept] if one.kind.single else np.zeros((0, len(CURVE)))
        systems.append(
            {
                "n": len(values),
                "histogram": [int((values <= 0).sum()), *counts.tolist()],
                "curve": [finite(point, 4) for point in points.mean(axis=0).tolist()] if len(points) else [],
                "errors": [
                    {"type": name, "n": n, **{metric: points[name] for metric, points in errors.points.items()}}
                    for name, n in errors.count.items()
                    if n
                ],
                "clock": None if errors.clock is None else {"reads": errors.clock, "mIoU": errors.clock_gain},
            }
        )
    if len(called) < 2:
        return {"systems": systems, "breakdown": _breakdown(samples, found[0]), "comparison": None}
    pair = [System(name, (one,)) for name, one in zip(called, found, strict=True)]
    (comparison,) = compare(samples, pair)["comparisons"]
    changes = {key: comparison[key] for key in ("metrics", "failure_changes", "verdict")} | {"primary": found[0].main}
    return {"systems": systems, "breakdown": comparison["breakdown"], "comparison": changes}


def _breakdown(samples: Sequence[Sample], found: Scored) -> list[dict[str, Any]]:
    """The main metric by parts of the split, with 95 % intervals."""
    if not (parts := strata(samples)):
        return []
    table = np.stack([np.where(part.members, 100 * found.columns[found.main], np.nan) for part in parts], axis=1)
    videos = [sample.video for sample in samples]
    weights = np.stack([found.weights[found.main]] * len(parts), axis=1) if found.kind.weights else None
    counts, means = (~np.isnan(table)).sum(axis=0).tolist(), estimate(table, videos, weights).mean.tolist()
    rows = zip(parts, counts, means, interval(table, videos, weights=weights).tolist(), strict=True)
    return [
        {"feature": part.feature, "range": part.label, "n": n, "a": finite(value, 4)}
        | {"interval_95": [finite(bound, 4) for bound in bounds]}
        for part, n, value, bounds in rows
    ]


def _question(samples: Sequence[Sample], asked: Protocol) -> dict[str, Any]:
    """What a run was asked: the texts of the modes, and each sentence as it stood in them."""
    clean = CLEAN[asked.prompt.clean]
    sentences = [clean(sample.query) for sample in samples]
    lists = [list(map(clean, sample.queries)) if len(sample.queries) > 1 else [] for sample in samples]
    told = {key: getattr(asked.prompt, key) for key in ("modes", "order", "system", "prefill")}
    return told | {
        "sentences": None if sentences == [sample.query for sample in samples] else sentences,
        "queries": lists if any(lists) else None,
    }
