"""Tables of scores for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from harness.models.trivial import trivial
from harness.plan import Plan
from harness.scoring import ORACLE_MODE, means
from tasks.prediction import Prediction

FLOORS = {"whole-video": "trivial", "middle-half": "trivial", "oracle-grid": "ceiling", "oracle-clamped": "ceiling"}


def rows(model: str, scores: Mapping[str, Any]) -> list[dict[str, str]]:
    """Table rows of a `scores.json`, one a mode."""
    return [_row(model, mode, entry) for mode, entry in scores["modes"].items()]


def floor_rows(plan: Plan) -> list[dict[str, str]]:
    """Rows of models that do not look and of ceilings, on the same samples: no number stands without them."""
    mode, table = plan.modes[0], []
    for name, kind in FLOORS.items():
        model = trivial(name, plan.protocol, lambda: (), plan.seed)
        if model is None:
            raise ValueError(name)
        read = {(s.id, mode): {"error": None, "prediction": Prediction((model.span_of(s),))} for s in plan.samples}
        aggregate = means(plan.samples, read, plan.protocol, mode)
        entry = {"aggregate": aggregate, "interval_95": {}, "counts": {"answered": aggregate["n"]}, "coverage": 1.0}
        table.append({**_row(name, mode, entry), "mode": kind})
    return table


def render(table: Sequence[Mapping[str, str]]) -> str:
    """A table as text, numbers aligned on the point."""
    return str(tabulate(table, headers="keys", tablefmt="simple", disable_numparse=True, stralign="right"))


def heading(plan: Plan) -> str:
    """The identity of the numbers below it."""
    limited = f", LIMITED to {len(plan.samples)} samples: not for a leaderboard" if plan.limit is not None else ""
    return (
        f"{plan.name} v{plan.task.version} ({plan.split_sha256[:8]}), "
        f"protocol {plan.protocol.name} ({plan.protocol.sha256[:8]}), 95 % intervals clustered by video{limited}"
    )


def _row(model: str, mode: str, entry: Mapping[str, Any]) -> dict[str, str]:
    aggregate, interval = entry["aggregate"], entry["interval_95"]
    row = {"model": _short(model), "mode": "mixed (oracle)" if mode == ORACLE_MODE else mode}
    answered = entry["counts"]["answered"] if "counts" in entry else None
    row["coverage"] = "-" if answered is None else f"{answered}/{aggregate['n']} ({_percent(entry['coverage'])})"
    row["parsed"] = _percent(entry.get("parse_rate"))
    for name, value in aggregate.items():
        if name not in ("n", "parsed"):
            row[name] = "-" if value is None else f"{value:.2f}"
            if name == "mIoU":
                low, high = interval.get(name, (None, None))
                row["95 %"] = "-" if low is None else f"{low:.1f}-{high:.1f}"
    gap = entry.get("query_gap")
    row["gap"] = "-" if gap is None else f"{round(gap, 1) + 0.0:.1f}"
    return row


def _short(model: str) -> str:
    return model if len(model) <= 40 else f"…{model[-39:]}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}%" if 0 < share < 0.01 else f"{100 * share:.1f}%"
