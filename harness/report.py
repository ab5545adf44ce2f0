"""Tables of scores for a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tabulate import tabulate

from harness.models.priors import PRIORS
from harness.models.trivial import share, trivial
from harness.plan import Plan
from harness.scores import ORACLE_MODE
from harness.scoring import judge_answers
from tasks import task as tasks
from tasks.answer import Answer
from tasks.errors import InputError
from tasks.parsers import reader
from tasks.sample import Sample
from tasks.say import blind, say, sayable
from tasks.words import counted

PARSE_RATE, QUERY_GAP, BEST = "parse rate", "query gap", "best baseline"
CUT_OFF = "cut off"
"""Column of replies that the length limit ended; only where there are any."""

SETS = ("union", "windows", "choice", "instances", "retrieval")
"""Kinds that take several spans for one sentence."""
EVERY: tuple[str, ...] = ()
"""In place of kinds: all of them, also those from outside."""
FLOORS: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(("whole-video", "middle-half", "train-prior"), ("trivial", EVERY)),
    **dict.fromkeys(("equal-parts", "place-prior"), ("trivial", ("pairs",))),
    **dict.fromkeys(("tiles:4", "tiles:10"), ("trivial", ("instances",))),
    "majority-option": ("trivial", ("choice",)),
    "zero-saliency": ("trivial", ("highlights", "windows", "clips")),
    **dict.fromkeys(("oracle", "oracle-grid", "oracle-rounded", "oracle-seconds", "oracle-clamped"), ("ceiling", EVERY)),
    **dict.fromkeys(("longest-window", "hull"), ("ceiling", SETS)),
}
"""Rows without a model: whether they do not look or know the truth, and for which kinds they stand in a table."""
CALLED = {"trivial": "baseline", "ceiling": "upper bound"}
"""What tables call these two."""
CEILINGS = tuple(name for name, (kind, _) in FLOORS.items() if kind == "ceiling")
OF_SPANS = ("moment", "pairs", "union", "instances", "retrieval")
"""Kinds whose answers are spans alone."""
FROM_TRAIN = ("train-prior", "place-prior", "majority-option")

Floor = tuple[str, str, dict[str, Any]]


def rows(model: str, scores: Mapping[str, Any]) -> list[dict[str, str]]:
    """Table rows of a `scores.json`, one a mode."""
    return [_row(model, mode, entry, scores["headings"], scores["main"]) for mode, entry in scores["modes"].items()]


def floor_rows(plan: Plan, found: Sequence[Floor] | None = None) -> list[dict[str, str]]:
    """Rows of baselines and of upper bounds, on the same samples: no number stands without them."""
    found = floors(plan) if found is None else found
    return [_row(name, CALLED[kind], entry, entry["headings"], entry["main"]) for name, kind, entry in found]


def by_task(tasks_: Iterable[tuple[Plan, Mapping[str, Any], Sequence[Floor]]]) -> list[dict[str, str]]:
    """Rows of one table over several tasks: of each the main metric, beside the best blind baseline."""
    table = []
    for plan, scores, found in tasks_:
        main = scores["main"]
        blind = [(entry["aggregate"].get(main) or 0.0, name) for name, kind, entry in found if kind == "trivial"]
        best = max(blind, default=None)
        for mode, entry in scores["modes"].items():
            row = {"task": plan.name, "protocol": plan.protocol.name, "mode": _mode(mode), "metric": scores["headings"][main]}
            row |= {"value": _two(entry["aggregate"][main]), "95 %": _interval(entry, main)}
            row |= {BEST: "-" if best is None else f"{best[0]:.2f} ({best[1]})"}
            table.append({**row, "coverage": percent(entry.get("coverage")), PARSE_RATE: percent(entry.get("parse_rate"))})
    return table


def floors(plan: Plan, whole_seconds: bool = False) -> list[Floor]:
    """Name, `trivial` or `ceiling`, and an entry as in `scores.json`, with `main` and `headings`, of each row without a model.

    Each answer is what a reader gets of it when it is said in the protocol's words. Left out are rows of the train split where
    there is none, `zero-saliency` without highlights, and a ceiling that is 100 in every column or the same as one above it.
    With `whole_seconds` the ceiling of models that are told these alone stands there in any case.
    """
    found: list[Floor] = []
    ceilings: list[tuple[list[Answer], dict[str, str]]] = []
    truth = {sample.id: sayable(sample, plan.protocol) for sample in plan.samples}
    for name, (kind, asked) in FLOORS.items():
        asked_for = name == "oracle-seconds" and whole_seconds
        if (
            (name == "oracle-seconds" and not asked_for)
            or (asked and plan.protocol.kind not in asked)
            or (answers := _answers(name, plan, truth)) is None
        ):
            continue
        if not asked_for and any(answers == above for above, _ in ceilings):
            continue
        scored = judge_answers(plan.samples, answers, plan.protocol)
        headings, aggregate = scored.headings, scored.means()
        shown = {column: _two(aggregate[column]) for column in headings}
        if kind == "ceiling":
            known = any(shown == above for _, above in ceilings)
            ceilings.append((answers, shown))
            if not asked_for and (known or set(shown.values()) <= {"100.00", "-"}):
                continue
        entry = {"aggregate": aggregate, "interval_95": {}, "counts": {"answered": aggregate["n"]}, "coverage": 1.0}
        found.append((name, kind, {**entry, "main": scored.main, "headings": headings}))
    return found


def render(table: Sequence[Mapping[str, str]]) -> str:
    """A table as text, numbers aligned on the point."""
    return str(tabulate(table, headers="keys", tablefmt="simple", disable_numparse=True, stralign="right", missingval="-"))


def heading(plan: Plan) -> str:
    """The identity of the numbers below it."""
    how = ", those with a video at hand first" if plan.chosen_by_videos else ""
    limited = f", LIMITED to {counted(len(plan.samples), 'sample')}{how}: not for a leaderboard" if plan.limit is not None else ""
    return (
        f"{plan.name} v{plan.task.version} ({plan.split_sha256[:8]}), "
        f"protocol {plan.protocol.name} ({plan.protocol.sha256[:8]}), 95 % intervals clustered by video{limited}"
    )


def _answers(name: str, plan: Plan, truth: Mapping[str, Answer]) -> list[Answer] | None:
    """One answer in seconds a sample; None where the rule does not apply."""
    samples, protocol = plan.samples, plan.protocol
    if name == "zero-saliency":
        rule = protocol.score.saliency
        if (rule == "none" and protocol.kind != "clips") or any(sample.truth.clips is None for sample in samples):
            return None
        return [Answer(clips=((0.0,),) * len(sample.truth.clips or ())) for sample in samples]
    read = reader(protocol)
    # Our parsers read spans of seconds as they were said (tests/tasks/test_say.py), so that they need not.
    exact = protocol.answer.unit == "seconds" and protocol.answer.parser in ("careful", "spans") and protocol.kind in OF_SPANS

    if name == "train-prior" and (prior := PRIORS.get((plan.task.name, protocol.kind))) is not None:
        answers = [blind(share(*prior, s.duration_s, protocol.kind), s, protocol) for s in samples]
    else:
        train = _train(plan) if name in FROM_TRAIN else ()
        if name in FROM_TRAIN and not (train and train[0].truth.spans):
            return None
        model = trivial(name, protocol, lambda: train, plan.seed, lambda sample: truth[sample.id])
        assert model is not None, name
        answers = [model.answer_of(sample) for sample in samples]
    kept = [exact and bool(answer.spans) and all(0 <= start < end for start, end in answer.spans) for answer in answers]
    rows = zip(answers, samples, kept, strict=True)
    return [answer if keep else read(say(answer, s, protocol), s.duration_s) for answer, s, keep in rows]


def _train(plan: Plan) -> Sequence[Sample]:
    """The train split; empty where there is none, or where it cannot be read, of which `harness data check` says why."""
    if "train" not in plan.task.splits(plan.data_root):
        return ()
    try:
        return tasks.load(plan.task, "train", plan.data_root)
    except InputError:
        return ()


def _row(model: str, mode: str, entry: Mapping[str, Any], headings: Mapping[str, str], main: str) -> dict[str, str]:
    aggregate = entry["aggregate"]
    row = {"model": _short(model), "mode": _mode(mode)}
    answered = entry["counts"]["answered"] if "counts" in entry else None
    row["coverage"] = "-" if answered is None else f"{answered}/{aggregate['n']} ({percent(entry['coverage'])})"
    row[PARSE_RATE] = percent(entry.get("parse_rate"))
    if cut_off := entry.get("counts", {}).get("truncated", 0):
        row[CUT_OFF] = str(cut_off)
    for name, title in headings.items():
        row[title] = _two(aggregate.get(name))
        if name == main:
            row["95 %"] = _interval(entry, name)
    gap = entry.get("query_gap")
    row[QUERY_GAP] = "-" if gap is None else f"{round(gap, 1) + 0.0:.1f}"
    return row


def _mode(mode: str) -> str:
    return "mixed (oracle)" if mode == ORACLE_MODE else mode


def _interval(entry: Mapping[str, Any], metric: str) -> str:
    low, high = entry["interval_95"].get(metric, (None, None))
    return "-" if low is None else f"{low:.1f}-{high:.1f}"


def _two(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _short(model: str) -> str:
    return model if len(model) <= 40 else f"…{model[-39:]}"


def percent(share: float | None) -> str:
    """A share in percent for a table; "-" for none."""
    return "-" if share is None else f"{100 * share:.2f}%" if 0 < share < 0.01 else f"{100 * share:.1f}%"
