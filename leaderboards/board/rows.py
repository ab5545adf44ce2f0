"""Rows of a board, as numbers: from recorded runs, and from rules that need no model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from harness import report, sessions
from harness.models import naming, verdict
from harness.plan import Plan
from harness.scores import ORACLE_MODE
from tasks.protocol import from_dict

RUN, PUBLISHED, TRIVIAL, CEILING = "run", "published", "trivial", "ceiling"
UNKNOWN, NO_REPLY = "unknown", "no reply to"

HIGHLIGHTS = "HL-min-VeryGood-mAP"
HEADINGS_1 = {"MR-full-mAP": "MR-mAP", HIGHLIGHTS: "HL-mAP", "HL-min-VeryGood-Hit1": "HIT@1"}
"""What version 1 of `scores.json` called `qvhighlights`: the official metrics that tables show."""


class Number(NamedTuple):
    """A number of a board.

    Attributes:
        value: In percent, higher is better; None where there is none.
        interval: Its 95 % interval.
        sd: Standard deviation over the seeds whose mean it is; None for one run.
        printed: As a paper prints it, without its mark; empty for numbers of this project.
        mark: `bold`, `underlined` or empty: the paper's own mark.
        flag: Why it may be a misprint, or empty.
    """

    value: float | None
    interval: tuple[float, float] | None = None
    sd: float | None = None
    printed: str = ""
    mark: str = ""
    flag: str = ""


class Identity(NamedTuple):
    """What two numbers must share to stand in one ranking, besides task and split."""

    task_version: int
    split_sha256: str
    protocol: str
    protocol_sha256: str

    @property
    def rules(self) -> str:
        """Protocol with the beginning of its hash."""
        return f"{self.protocol} ({self.protocol_sha256[:8]})"


@dataclass(frozen=True)
class Row:
    """One line of a board.

    Attributes:
        kind: `run`, `published`, `trivial` or `ceiling`.
        split: `unknown` where a paper does not say.
        mode: `-` where there is none.
        metrics: Numbers by the heading of their column, in order.
        main: Heading of the metric that ranks; empty for papers.
        identity: Of the numbers of a run or of a rule; None for papers.
        counts: `n`, `answered`, `asked`, `cut off` questions; `coverage`, `parsed` as shares; query `gap`; `seconds` of training.
            What is not known is absent.
        trained_on: Split, or what a paper says.
        commit: Of the harness.
        source: Run folders, or the table of a paper.
        reasons: Why it belongs in no ranking, whatever stands beside it.
        place: Of a published row in its paper, so that rows below a ranking keep the paper's order.
        group: What runs share that differ in their seed alone; empty for a row that stands alone.
        seed: Of the training, None where it is not known.
        seeds: Runs that it is the mean of.
        folders: Of its runs, or the file of its predictions; none for what has no replies.
        url: Of the paper.
    """

    kind: str
    task: str
    split: str
    model: str
    mode: str
    metrics: Mapping[str, Number]
    main: str = ""
    identity: Identity | None = None
    counts: Mapping[str, Number] = field(default_factory=dict)
    protocol: str = "-"
    trained_on: str = "-"
    commit: str = "-"
    source: str = "-"
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    place: int = 0
    group: str = ""
    seed: int | None = None
    seeds: int = 1
    folders: tuple[Path, ...] = ()
    url: str = ""


class Judged(NamedTuple):
    """What a `scores.json` says, whichever version wrote it: the metric that ranks, the headings of those shown, each mode."""

    main: str
    headings: Mapping[str, str]
    modes: Mapping[str, Mapping[str, Any]]


def judged(scores: Mapping[str, Any], rules: Mapping[str, Any]) -> Judged:
    """What `scores.json` says, by the `score` rules of the protocol: version 1 told neither the main metric nor the headings."""
    if "headings" in scores:
        return Judged(scores["main"], scores["headings"], scores["modes"])
    prefix = "set-" if rules.get("iou") == "merged-set" else ""
    headings: dict[str, str] = {}
    modes = {}
    for mode, entry in scores["modes"].items():
        headings |= {name: f"{prefix}{name}" for name in entry["aggregate"] if name != "n"}
        headings |= HEADINGS_1 if "qvhighlights" in entry else {}
        modes[mode] = {**entry, "aggregate": {**entry["aggregate"], **entry.get("qvhighlights", {})}}
    main = HIGHLIGHTS if HIGHLIGHTS in headings and rules.get("saliency", "none") != "none" else "mIoU"
    return Judged(main, headings, modes)


def of_run(run: Mapping[str, Any], scores: Mapping[str, Any], folder: Path) -> list[Row]:
    """Rows of the `run.json` and `scores.json` of a folder, one a mode.

    Raises KeyError or TypeError if a file is not as the harness writes it.
    """
    spec, model = run["spec"], run["spec"]["model"]
    rules, trained = spec["protocol"], model.get("trained_on") or {}
    found, trivial = judged(scores, rules["score"]), model["backend"] == "trivial"
    # Of the rules themselves: a run of version 0.1 has another hash in its file, and the same rules.
    identity = Identity(spec["task_version"], spec["split_sha256"], rules["name"], from_dict(rules).sha256)
    called, commit, differ = naming.title(model), sessions.commits(run["sessions"]), sessions.differences(run["sessions"])
    told = model.get("clock_verdict")
    notes = {f"clock: {told}": verdict.limits(told), f"made in sessions that differ: {differ}": differ}
    return [
        Row(
            kind=(CEILING if model["name"] in report.CEILINGS else TRIVIAL) if trivial else RUN,
            task=spec["task"],
            split=spec["split"],
            model=called,
            mode=mode,
            metrics=_metrics(entry, found.headings),
            main=found.headings[found.main],
            identity=identity,
            counts=_counts(entry, trained.get("seconds")),
            protocol=rules["name"],
            trained_on="-" if trivial else _trained_on(trained),
            commit=commit,
            source=folder.resolve().name,
            folders=(folder,),
            reasons=(*_reasons(run), *_incomplete(mode, entry)),
            notes=tuple(note for note, holds in notes.items() if holds),
            group=trained.get("training_sha256", ""),
            seed=trained.get("seed"),
        )
        for mode, entry in found.modes.items()
    ]


def of_floors(plan: Plan, whole_seconds: bool = False) -> list[Row]:
    """Rows of models that do not look, and ceilings, on the samples and under the rules of a plan, as `harness.report.floors`."""
    protocol = plan.protocol
    return [
        Row(
            kind=kind,
            task=plan.task.name,
            split=plan.split,
            model=name,
            mode="-",
            metrics=_metrics(entry, entry["headings"]),
            main=entry["headings"][entry["main"]],
            identity=Identity(plan.task.version, plan.split_sha256, protocol.name, protocol.sha256),
            counts=_counts(entry, None),
            protocol=protocol.name,
        )
        for name, kind, entry in report.floors(plan, whole_seconds)
    ]


def _metrics(entry: Mapping[str, Any], headings: Mapping[str, str]) -> dict[str, Number]:
    intervals = {name: pair for name, pair in entry["interval_95"].items() if None not in pair}
    return {
        heading: Number(entry["aggregate"].get(name), tuple(intervals[name]) if name in intervals else None)
        for name, heading in headings.items()
    }


def _counts(entry: Mapping[str, Any], seconds: float | None) -> dict[str, Number]:
    counts = entry.get("counts", {})
    found = {
        "n": entry["aggregate"]["n"],
        "answered": (answered := counts.get("answered")),
        "asked": None if answered is None else answered + sum(counts.get("errors", {}).values()),
        "coverage": entry.get("coverage"),
        "parsed": entry.get("parse_rate"),
        "cut off": counts.get("truncated", 0),
        "gap": entry.get("query_gap"),
        "seconds": seconds,
    }
    return {name: Number(value) for name, value in found.items() if value is not None}


def _incomplete(mode: str, entry: Mapping[str, Any]) -> list[str]:
    if mode == ORACLE_MODE:
        return ["mixed modes: the better reply is chosen with the ground truth"]
    if entry["coverage"] is not None and entry["coverage"] >= 1:
        return []
    lacking = sum(entry["counts"]["errors"].values())
    return [f"{NO_REPLY} {lacking:,} of {lacking + entry['counts']['answered']:,} questions"]


def _reasons(run: Mapping[str, Any]) -> list[str]:
    spec, wrong = run["spec"], run.get("counts", {}).get("wrong_clock")
    ids, trained = spec.get("ids_sha256"), spec["model"].get("trained_on") or {}
    reasons = {
        f"limited to {spec['limit']} samples": spec["limit"] is not None,
        f"only the samples of --ids ({str(ids)[:8]})": ids is not None,
        "trained on the split it is tested on": spec["split_sha256"] in (trained.get("split_sha256"), trained.get("used_sha256")),
        f"wrong times told in {wrong} replies": wrong,
    }
    return [reason for reason, holds in reasons.items() if holds]


def _trained_on(trained: Mapping[str, Any]) -> str:
    """How, and on how many samples of which split, this project trained a checkpoint; of other models nobody knows."""
    return f"{trained['split']} ({trained['samples']}), {trained.get('recipe', 'recipe unknown')}" if trained else UNKNOWN
