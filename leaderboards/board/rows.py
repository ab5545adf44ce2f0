"""Rows of a board, from recorded runs, from rules that need no model, and from papers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harness import sessions
from harness.models import naming
from harness.plan import Plan
from harness.report import CUT_OFF, FLOORS, floor_rows
from harness.report import rows as shown_rows
from harness.scoring import ORACLE_MODE
from leaderboards.board.published import UNKNOWN, Printed, Published

RUN, PUBLISHED, TRIVIAL, CEILING = "run", "published", "trivial", "ceiling"
FACTS = ("n", "coverage", "parsed", "gap", "protocol", "trained on", "commit", "source")
_NO_METRICS = ("model", "mode", "coverage", "parsed", CUT_OFF, "95 %", "gap")


class Identity(NamedTuple):
    """What two numbers must share to stand in one ranking, besides task and split."""

    task_version: int
    split_sha256: str
    protocol: str
    protocol_sha256: str


@dataclass(frozen=True)
class Row:
    """One line of a board.

    Attributes:
        kind: `run`, `published`, `trivial` or `ceiling`.
        task: Benchmark.
        split: Split, `unknown` where a paper does not say.
        model: Model or method.
        mode: Prompt mode, `-` where there is none.
        metrics: Numbers by metric, higher is better.
        intervals: 95 % interval by metric, as text.
        identity: Of the numbers of a run or of a rule; None for papers.
        facts: The columns of `FACTS`, as text.
        reasons: Why it belongs in no ranking, whatever stands beside it.
        notes: What a reader must know.
        place: Of a published row in its paper, so that rows below a ranking keep the paper's order.
    """

    kind: str
    task: str
    split: str
    model: str
    mode: str
    metrics: Mapping[str, Printed]
    intervals: Mapping[str, str]
    identity: Identity | None
    facts: Mapping[str, str]
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    place: int = 0


def of_run(run: Mapping[str, Any], scores: Mapping[str, Any], folder: Path) -> list[Row]:
    """Rows of a run, one a mode; raises KeyError or TypeError if a file is not as the harness writes it.

    Args:
        run: Content of `run.json`.
        scores: Content of `scores.json`; per-sample values are not looked at.
        folder: The run folder; its name is the source.
    """
    spec, model = run["spec"], run["spec"]["model"]
    rules = spec["protocol"]
    called, differ = naming.shown(model), sessions.differences(run["sessions"])
    reasons = _reasons(run)
    trivial = model["backend"] == "trivial"
    common = {
        "protocol": _hashed(rules["name"], rules["sha256"]),
        "trained on": "-" if trivial else _trained_on(model),
        "commit": sessions.commits(run["sessions"]),
        "source": folder.resolve().name,
    }
    rows = []
    for (mode, entry), shown in zip(scores["modes"].items(), shown_rows(called, scores), strict=True):
        own = [*reasons]
        if mode == ORACLE_MODE:
            own.append("mixed modes: the better reply is chosen with the ground truth")
        elif entry["coverage"] is None or entry["coverage"] < 1:
            own.append(f"coverage {shown['coverage']}")
        rows.append(
            Row(
                kind=FLOORS.get(model["name"], TRIVIAL) if trivial else RUN,
                task=spec["task"],
                split=spec["split"],
                model=called,
                mode=mode,
                metrics=_metrics(shown, rules["score"]),
                intervals=_intervals(entry["interval_95"], rules["score"]),
                identity=Identity(spec["task_version"], spec["split_sha256"], rules["name"], rules["sha256"]),
                facts=common | {key: shown[key] for key in ("coverage", "parsed", "gap")} | {"n": str(entry["aggregate"]["n"])},
                reasons=tuple(own),
                notes=_notes(shown, mode, differ),
            )
        )
    return rows


def _notes(shown: Mapping[str, str], mode: str, differ: str) -> tuple[str, ...]:
    """What a reader of a row must know besides its numbers."""
    cut_off = f"replies that the length limit cut off: {shown[CUT_OFF]} in mode {mode}" if CUT_OFF in shown else ""
    return tuple(note for note in (cut_off, f"made in sessions that differ: {differ}" if differ else "") if note)


def of_floors(plan: Plan) -> list[Row]:
    """Rows of models that do not look, and ceilings, on the samples and under the rules of a plan."""
    protocol = plan.protocol
    common = dict.fromkeys(FACTS, "-") | {"protocol": _hashed(protocol.name, protocol.sha256), "n": str(len(plan.samples))}
    return [
        Row(
            kind=shown["mode"],
            task=plan.task.name,
            split=plan.split,
            model=shown["model"],
            mode="-",
            metrics=_metrics(shown, protocol.rules()["score"]),
            intervals={},
            identity=Identity(plan.task.version, plan.split_sha256, protocol.name, protocol.sha256),
            facts=common | {key: shown[key] for key in ("coverage", "parsed", "gap")},
        )
        for shown in floor_rows(plan)
    ]


def of_published(rows: Sequence[Published]) -> list[Row]:
    """Rows of papers, in their order."""
    return [
        Row(
            kind=PUBLISHED,
            task=row.benchmark,
            split=row.split,
            model=row.name,
            mode="-",
            metrics=row.values,
            intervals={},
            identity=None,
            facts=dict.fromkeys(FACTS, "-")
            | {
                "protocol": row.protocol,
                "trained on": _trained(row),
                "source": f"{row.paper}, Table {row.table}" if row.table.isdigit() else f"{row.paper}, {row.table}",
            },
            reasons=("chosen with the ground truth",) if row.oracle else (),
            notes=row.notes,
            place=place,
        )
        for place, row in enumerate(rows)
    ]


def _reasons(run: Mapping[str, Any]) -> list[str]:
    spec = run["spec"]
    reasons = []
    if spec["limit"] is not None:
        reasons.append(f"limited to {spec['limit']} samples")
    if (ids := spec.get("ids_sha256")) is not None:
        reasons.append(f"only the samples of --ids ({ids[:8]})")
    trained = spec["model"].get("trained_on") or {}
    if spec["split_sha256"] in (trained.get("split_sha256"), trained.get("used_sha256")):
        reasons.append("trained on the split it is tested on")
    if wrong := run.get("counts", {}).get("wrong_clock"):
        reasons.append(f"wrong times told in {wrong} replies")
    return reasons


def _trained_on(model: Mapping[str, Any]) -> str:
    """How, and on how many samples of which split, this project trained a checkpoint; of other models nobody knows."""
    trained = model.get("trained_on")
    return f"{trained['split']} ({trained['samples']}), {trained.get('recipe', 'recipe unknown')}" if trained else UNKNOWN


def _trained(row: Published) -> str:
    """Whether a paper's model saw the train split; a run says which split it was."""
    return {"yes": "train split", "no": "not this benchmark"}.get(row.trained, UNKNOWN) + (
        " (zero-shot)" if row.zero_shot == "yes" else ""
    )


def _hashed(name: str, sha256: str) -> str:
    return f"{name} ({sha256[:8]})"


def _metrics(shown: Mapping[str, str], rules: Mapping[str, Any]) -> dict[str, Printed]:
    values = {_named(name, rules): text for name, text in shown.items() if name not in _NO_METRICS}
    return {name: Printed(text, None if text == "-" else float(text), "", "") for name, text in values.items()}


def _intervals(bounds: Mapping[str, Any], rules: Mapping[str, Any]) -> dict[str, str]:
    known = {name: pair for name, pair in bounds.items() if None not in pair}
    return {_named(name, rules): f"{low:.1f}-{high:.1f}" for name, (low, high) in known.items()}


def _named(metric: str, rules: Mapping[str, Any]) -> str:
    """Under a protocol that compares merged sets, IoU is another metric."""
    return f"set-{metric}" if rules.get("iou") == "merged-set" and metric.startswith(("mIoU", "R1@")) else metric
