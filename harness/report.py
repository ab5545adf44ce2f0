"""Tables of scores for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from harness.models.trivial import PRIORS, best_constant_span, share, trivial
from harness.plan import Plan
from harness.scoring import OFFICIAL, ORACLE_MODE, means_of, qvhighlights
from tasks import task as tasks
from tasks.answer import Answer
from tasks.errors import InputError
from tasks.span import Span

CUT_OFF = "cut off"
"""Column of replies that the length limit ended; only where there are any."""

FLOORS = {
    "whole-video": "trivial",
    "middle-half": "trivial",
    "train-prior": "trivial",
    "zero-saliency": "trivial",
    "oracle": "ceiling",
    "oracle-grid": "ceiling",
    "oracle-rounded": "ceiling",
    "oracle-clamped": "ceiling",
}


def rows(model: str, scores: Mapping[str, Any]) -> list[dict[str, str]]:
    """Table rows of a `scores.json`, one a mode."""
    return [_row(model, mode, entry) for mode, entry in scores["modes"].items()]


def floor_rows(plan: Plan) -> list[dict[str, str]]:
    """Rows of models that do not look and of ceilings, on the same samples: no number stands without them.

    Left out are `train-prior` without a train split, `zero-saliency` without highlights, and a ceiling that is 100 in every
    column or the same as one above it.
    """
    table: list[dict[str, str]] = []
    ceilings: list[dict[str, str]] = []
    for name, kind in FLOORS.items():
        if (entry := _floor(name, plan)) is None:
            continue
        if kind == "ceiling":
            metrics = _metrics(entry)
            if metrics in ceilings or set(metrics.values()) <= {"100.00", "-"}:
                continue
            ceilings.append(metrics)
        counts = {"answered": entry["aggregate"]["n"]}
        table.append(_row(name, kind, {**entry, "interval_95": {}, "counts": counts, "coverage": 1.0}))
    return table


def render(table: Sequence[Mapping[str, str]]) -> str:
    """A table as text, numbers aligned on the point."""
    return str(tabulate(table, headers="keys", tablefmt="simple", disable_numparse=True, stralign="right", missingval="-"))


def heading(plan: Plan) -> str:
    """The identity of the numbers below it."""
    limited = f", LIMITED to {len(plan.samples)} samples: not for a leaderboard" if plan.limit is not None else ""
    return (
        f"{plan.name} v{plan.task.version} ({plan.split_sha256[:8]}), "
        f"protocol {plan.protocol.name} ({plan.protocol.sha256[:8]}), 95 % intervals clustered by video{limited}"
    )


def _floor(name: str, plan: Plan) -> dict[str, Any] | None:
    """`aggregate` and, for tasks with saliency, `qvhighlights` of a row; None where it does not apply."""
    samples, rules = plan.samples, plan.protocol
    if name == "zero-saliency":
        if any(sample.truth.clips is None for sample in samples):
            return None
        zeros = [Answer(clips=((0.0,),) * len(sample.truth.clips or ())) for sample in samples]
        ranked = {key: value for key, value in qvhighlights(samples, zeros, rules).items() if key.startswith("HL")}
        return {"aggregate": {"n": len(samples)}, "qvhighlights": ranked}
    spans = _spans(name, plan)
    if spans is None:
        return None
    measured = qvhighlights(samples, (Answer((span,)) for span in spans), rules)
    return {"aggregate": means_of(samples, spans, rules), **({"qvhighlights": measured} if measured else {})}


def _spans(name: str, plan: Plan) -> list[Span] | None:
    if name == "train-prior":
        prior = PRIORS.get(plan.task.name) or _prior(plan)
        return None if prior is None else [share(*prior, sample.duration_s) for sample in plan.samples]
    model = trivial(name, plan.protocol, list, plan.seed)
    if model is None:
        raise ValueError(name)
    return [model.span_of(sample) for sample in plan.samples]


def _prior(plan: Plan) -> tuple[float, float] | None:
    if "train" not in plan.task.splits(plan.data_root):
        return None
    try:
        train = tasks.load(plan.task, "train", plan.data_root)
    except InputError:
        return None  # scores do not need the train split, and `harness data check` says what is wrong with it
    return best_constant_span(train, relative=True) if train else None


def _row(model: str, mode: str, entry: Mapping[str, Any]) -> dict[str, str]:
    aggregate, interval = entry["aggregate"], entry["interval_95"]
    row = {"model": _short(model), "mode": "mixed (oracle)" if mode == ORACLE_MODE else mode}
    answered = entry["counts"]["answered"] if "counts" in entry else None
    row["coverage"] = "-" if answered is None else f"{answered}/{aggregate['n']} ({_percent(entry['coverage'])})"
    row["parsed"] = _percent(entry.get("parse_rate"))
    if cut_off := entry.get("counts", {}).get("truncated", 0):
        row[CUT_OFF] = str(cut_off)
    for name, value in _metrics(entry).items():
        row[name] = value
        if name == "mIoU":
            low, high = interval.get(name, (None, None))
            row["95 %"] = "-" if low is None else f"{low:.1f}-{high:.1f}"
    gap = entry.get("query_gap")
    row["gap"] = "-" if gap is None else f"{round(gap, 1) + 0.0:.1f}"
    return row


def _metrics(entry: Mapping[str, Any]) -> dict[str, str]:
    """Columns of percentages, with those of `OFFICIAL` for tasks with saliency."""
    values = {name: value for name, value in entry["aggregate"].items() if name != "n"}
    if "qvhighlights" in entry:
        values |= {column: entry["qvhighlights"].get(name) for column, name in OFFICIAL.items()}
    return {name: "-" if value is None else f"{value:.2f}" for name, value in values.items()}


def _short(model: str) -> str:
    return model if len(model) <= 40 else f"…{model[-39:]}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}%" if 0 < share < 0.01 else f"{100 * share:.1f}%"
