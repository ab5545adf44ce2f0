"""Everything that a page shows of one run, or of two on the same queries, as JSON values. Pure."""

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from harness import __version__, report, sessions
from harness.models import naming
from harness.plan import Plan
from harness.records import Record
from harness.scores import scores_of
from harness.scoring import Scored, judge
from leaderboards.compare.errors import CURVE, TYPES, curve, diagnose
from leaderboards.compare.result import System, compare
from leaderboards.compare.strata import strata
from leaderboards.compare.text import letters
from leaderboards.view.training import Curve
from tasks.kinds.highlights import clip_scores
from tasks.protocol import Protocol
from tasks.rules import CLEAN
from tasks.sample import Sample
from tasks.statistics import estimate, interval

SCHEMA = "vtg-harness/view/1"
BINS = 20
"""Bars of the IoU histogram, besides the one for an IoU of 0."""


class Shown(NamedTuple):
    """A run that a page shows.

    Attributes:
        plan: What was asked, and the rules it is scored under.
        asked: The protocol whose prompts it was asked with.
        facts: What identifies its numbers, name and value.
        training: Curves of the training that made its model; none where this project did not train it.
    """

    name: str
    plan: Plan
    asked: Protocol
    records: Mapping[tuple[str, str], Record]
    facts: Sequence[tuple[str, str]]
    training: Sequence[Curve] = ()


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
    types = {mode: [_diagnosed(one) for one in every] for mode, every in found.items()}
    plan = replace(shown[0].plan, samples=samples)
    videos = list(dict.fromkeys(sample.video for sample in samples))
    called = labels([run.name for run in shown])
    return {
        "schema": SCHEMA,
        "harness": __version__,
        "title": f"{plan.name}: {' against '.join(called)}",
        "heading": report.heading(plan),
        "warnings": [f"FORCED although these differ: {difference}" for difference in forced] + _warnings(samples, shown),
        "runs": [
            {"name": run.name, "label": label, "facts": run.facts, "training": [curve._asdict() for curve in run.training]}
            for run, label in zip(shown, called, strict=True)
        ],
        "scores": [
            *(row for i, label in enumerate(called) for row in report.rows(label, scores_of({m: found[m][i] for m in modes}))),
            *report.floor_rows(plan),
        ],
        "metric": metric_name(found[modes[0]][0].main),
        "thresholds": CURVE,
        "types": TYPES,
        "modes": {mode: _summary(samples, shown, found[mode], types[mode]) for mode in modes},
        "questions": [_question(samples, run.asked) for run in shown],
        "videos": {"name": videos, "url": [urls.get(video) for video in videos]},
        "samples": _columns(samples, videos),
        "answers": [
            {mode: _answers(run, mode, found[mode][i], types[mode][i]["types"]) for mode in modes} for i, run in enumerate(shown)
        ],
    }


def facts(run: Mapping[str, Any], plan: Plan, asked: Protocol) -> list[tuple[str, str]]:
    """What identifies the numbers of a run; raises KeyError or TypeError if `run.json` is not as the harness writes it."""
    spec, session = run["spec"], run["sessions"][-1]
    model, environment = spec["model"], session["environment"]
    trained = model.get("trained_on")
    named = {
        "model": naming.shown(model),
        "backend": model["backend"],
        "revision": model.get("revision"),
        "sight": model.get("sight"),
        "trained on": f"{trained['split']} ({trained['samples']} samples)" if trained else None,
        "asked with": f"{asked.name} ({asked.sha256[:8]})",
        "scored under": f"{plan.protocol.name} ({plan.protocol.sha256[:8]})",
        "split": f"{plan.name} v{spec['task_version']} ({plan.split_sha256[:8]})",
        "seed": spec["seed"],
        "harness": f"{environment['harness']}, commit {sessions.commits(run['sessions'])}",
        "sessions differ": sessions.differences(run["sessions"]) or None,
        "started": session["started"],
        "command": shlex.join(session["command"]),
    }
    return [(key, str(value)) for key, value in named.items() if value is not None]


def labels(names: Sequence[str]) -> list[str]:
    """What runs are called in charts: a single one by its path, several by a letter and the part in which their paths differ."""
    if len(names) < 2:
        return list(names)
    parts = [name.split("/") for name in names]
    for end in (0, -1):
        while min(map(len, parts)) > 1 and len({part[end] for part in parts}) == 1:
            for part in parts:
                del part[end]
    return [f"{letter} {'/'.join(part)}" for letter, part in zip(letters(len(parts)), parts, strict=True)]


def metric_name(main: str) -> str:
    """What the value of one sample is called: no mean, the IoU itself."""
    return main.replace("mIoU", "IoU")


def finite(number: float, digits: int) -> float | None:
    """A rounded number; JSON has neither NaN nor infinity, they are null."""
    return round(number, digits) if math.isfinite(number) else None


def _warnings(samples: Sequence[Sample], shown: Sequence[Shown]) -> list[str]:
    found = []
    for run in shown:
        if len(run.plan.samples) > len(samples) or run.plan.is_part:
            found.append(f"{run.name}: only {len(samples):,} samples are shown, not a whole split")
        if wrong := sum("wrong_clock_s" in record for record in run.records.values()):
            found.append(f"{run.name}: wrong times were told in {wrong:,} replies")
    return found


def _diagnosed(scored: Scored) -> dict[str, Any]:
    if not scored.kind.single:
        return {"rows": [], "clock": None, "types": [None] * len(scored.samples)}
    errors = diagnose(scored)
    rows = [{"type": name, "n": errors.count[name], "mIoU": errors.miou[name], "R1": errors.r1[name]} for name in TYPES]
    clock = None if errors.clock is None else {"reads": errors.clock, "mIoU": errors.clock_gain}
    return {"rows": [row for row in rows if row["n"]], "clock": clock, "types": errors.types}


def _summary(
    samples: Sequence[Sample], shown: Sequence[Shown], found: Sequence[Scored], types: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Histogram, curve, errors and breakdown of one mode, and the comparison of two runs."""
    systems = []
    for one, errors in zip(found, types, strict=True):
        main = one.columns[one.main]
        values = main[~np.isnan(main)]
        counts, _ = np.histogram(values[values > 0], bins=BINS, range=(0.0, 1.0))
        points = curve(one)[one.kept] if one.kind.single else np.zeros((0, len(CURVE)))
        systems.append(
            {
                "n": len(values),
                "histogram": [int((values <= 0).sum()), *counts.tolist()],
                "curve": [finite(point, 4) for point in points.mean(axis=0).tolist()] if len(points) else [],
                "errors": errors["rows"],
                "clock": errors["clock"],
            }
        )
    if len(shown) < 2:
        return {"systems": systems, "breakdown": _breakdown(samples, found[0]), "comparison": None}
    pair = [System(run.name, (one,)) for run, one in zip(shown, found, strict=True)]
    (comparison,) = compare(samples, pair)["comparisons"]
    changes = {key: comparison[key] for key in ("metrics", "failure_changes")}
    return {"systems": systems, "breakdown": comparison["breakdown"], "comparison": changes}


def _breakdown(samples: Sequence[Sample], found: Scored) -> list[dict[str, Any]]:
    """The main metric by parts of the split, with 95 % intervals."""
    if not (parts := strata(samples)):
        return []
    table = np.stack([np.where(part.members, 100 * found.columns[found.main], np.nan) for part in parts], axis=1)
    videos = [sample.video for sample in samples]
    mean = estimate(table, videos)
    rows = zip(parts, mean.n.tolist(), mean.mean.tolist(), interval(table, videos).tolist(), strict=True)
    return [
        {"feature": part.feature, "range": part.label, "n": int(n), "a": finite(value, 4)}
        | {"interval_95": [finite(bound, 4) for bound in bounds]}
        for part, n, value, bounds in rows
    ]


def _question(samples: Sequence[Sample], asked: Protocol) -> dict[str, Any]:
    """What a run was asked: the texts of the modes, and each sentence as it stood in them."""
    sentences = [CLEAN[asked.prompt.clean](sample.query) for sample in samples]
    same = sentences == [sample.query for sample in samples]
    told = {key: getattr(asked.prompt, key) for key in ("modes", "order", "system", "prefill")}
    return told | {"sentences": None if same else sentences}


def _columns(samples: Sequence[Sample], videos: Sequence[str]) -> dict[str, Any]:
    place = {video: i for i, video in enumerate(videos)}
    has_clips = any(sample.clip for sample in samples)
    # Mean score of the annotators for each clip.
    liked = [[round(sum(scores) / len(scores), 2) for scores in one.truth.clips or () if scores] for one in samples]
    return {
        "id": [sample.id for sample in samples],
        "video": [place[sample.video] for sample in samples],
        "query": [sample.query for sample in samples],
        "duration_s": [finite(float(sample.duration_s), 3) for sample in samples],
        "from_s": [float(one.clip.start_s) if one.clip else 0 for one in samples] if has_clips else None,
        "targets": [_flat(sample.truth.spans) for sample in samples],
        "saliency": liked if any(sample.truth.clips for sample in samples) else None,
    }


def _answers(run: Shown, mode: str, found: Scored, types: Sequence[str | None]) -> dict[str, Any]:
    samples, protocol, names = found.samples, found.protocol, list(TYPES)
    records: list[Record] = [run.records.get((sample.id, mode), {}) for sample in samples]
    clips = None
    if protocol.score.saliency != "none":
        pairs = zip(found.outcomes, samples, strict=True)
        clips = [[finite(x, 2) for x in clip_scores(protocol, o.answer, sample.duration_s)] for o, sample in pairs]
    return {
        "value": [finite(value, 4) for value in found.columns[found.main].tolist()],
        "spans": [_flat(outcome.answer.spans) for outcome in found.outcomes],
        "type": [None if name is None else names.index(name) for name in types],
        "failure": [outcome.failure for outcome in found.outcomes],
        "text": [record.get("text") for record in records],
        "error": [record["error"]["message"] if record.get("error") else None for record in records],
        "cut_off": [outcome.cut_off for outcome in found.outcomes],
        "tokens": [record["tokens"]["new"] if record.get("tokens") else None for record in records],
        "seconds": [finite(float(record.get("seconds", 0)), 2) for record in records],
        "clips": clips,
    }


def _flat(spans: Iterable[Iterable[Any]]) -> list[float | None]:
    """Starts and ends in turn, in seconds."""
    return [finite(float(time), 3) for span in spans for time in span]
