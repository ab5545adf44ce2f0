"""`harness compare` for a terminal and for a notebook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tabulate import tabulate

from harness import extras
from harness.recorded import html
from leaderboards.compare.errors import THRESHOLD
from leaderboards.compare.paired import SEEDS
from leaderboards.compare.words import chance, detectable, interval, letters, points, signed
from tasks.statistics import RESAMPLES
from tasks.words import counted

LONGEST = 60
"""Characters of a query that are shown."""
MEANINGS = """* not corrected for the number of metrics: the primary one alone is a test
detectable: the smallest true difference that 80 % of such comparisons find
better, same, worse: queries; over several runs their mean is compared"""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Runs against the first of them; shows itself in a notebook as a table of differences in points.

    Attributes:
        result: What `harness compare --json` prints.
        notes: How files of predictions were read, a line each.
    """

    result: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> list[dict[str, str]]:
        """The table: one row for each mode, later run and metric; p is corrected (Holm) for the number of later runs."""
        return [
            {
                "mode": mode,
                "run": pair["b"],
                "metric": metric,
                **_pair(found, "B"),
                "p": _chance(found["p_holm"], metric == one["main"]),
            }
            for mode, one in self.result["modes"].items()
            for pair in one["comparisons"]
            for metric, found in pair["metrics"].items()
        ]

    def to_pandas(self) -> Any:
        """The differences as `pandas.DataFrame`, a row for each mode, later run and metric, in percent and points.

        Columns `low_95` and `high_95` bound the difference; what cannot be told is missing. Raises InputError without the extra
        `train`.
        """
        found = [
            {"mode": mode, "first": pair["a"], "run": pair["b"], "metric": metric, **figures}
            | dict(zip(("low_95", "high_95"), figures["interval_95"], strict=True))
            for mode, one in self.result["modes"].items()
            for pair in one["comparisons"]
            for metric, figures in pair["metrics"].items()
        ]
        return extras.package("pandas", "train").DataFrame(found).drop(columns="interval_95", errors="ignore")

    def __repr__(self) -> str:
        return "\n".join([*self._heading(), _table(self.rows)])

    def _repr_html_(self) -> str:
        return html(self._heading(), self.rows)

    def _heading(self) -> list[str]:
        modes = self.result["modes"].values()
        return [*verdicts(self.result), *heading(self.result), f"A  {next(iter(modes))['systems'][0]['name']}"]


def report(result: Mapping[str, Any]) -> str:
    """The whole JSON result as text."""
    found = result["modes"]
    names = [system["name"] for system in next(iter(found.values()))["systems"]]
    lines = [*heading(result), *(f"{letter}  {name}" for letter, name in zip(letters(len(names)), names, strict=True))]
    said = ["\n".join(verdicts(result))] if verdicts(result) else []
    return "\n\n".join([*said, "\n".join(lines), *(render(mode, one) for mode, one in found.items())]) + "\n"


def verdicts(result: Mapping[str, Any]) -> list[str]:
    """What may be said of each later system, a line each; with several modes, their names stand before it."""
    modes, doubt = result["modes"], "FORCED: " if result["forced"] else ""
    if result["misread"]:
        return [f"No verdict: {path}: {why}." for path, why in result["misread"].items()]
    where = f"Only of {counted(result['n'], 'query')}: " if result["limited"] else ""
    return [
        f"{f'{mode}: ' if len(modes) > 1 else ''}{doubt}{where}{pair['verdict']}"
        for mode, one in modes.items()
        for pair in one["comparisons"]
        if pair["verdict"] is not None
    ]


def heading(result: Mapping[str, Any]) -> list[str]:
    """What was compared, and what a reader of the numbers must know, a line each."""
    limited = ", LIMITED to what every run was asked" if result["limited"] else ""
    head = f"{result['task']}, split {result['split']}, protocol {result['protocol']}: "
    lines = [f"{head}{counted(result['n'], 'query')} of {counted(result['videos'], 'video')}{limited}"]
    lines += [f"FORCED although these differ: {difference}" for difference in result["forced"]]
    if len(result["asked_under"]) > 1:
        lines.append(f"asked under different protocols: {', '.join(result['asked_under'])}")
    lines += [f"{path}: clock: {clock}" for path, clock in result["clocks"].items()]
    return lines + [f"{path}: made in sessions that differ: {differ}" for path, differ in result["sessions_differ"].items()]


def render(mode: str, found: Mapping[str, Any]) -> str:
    """The content of one mode of the JSON result, as text; systems are called A, B, C … in their order."""
    systems, comparisons = found["systems"], found["comparisons"]
    named, parts = letters(len(systems)), [f"mode {mode}"]
    parts += [_seeds(named, systems)] if any(system["runs"] > 1 for system in systems) else []
    for comparison, letter in zip(comparisons, named[1:], strict=True):
        parts += _comparison(comparison, found["main"], letter, len(comparisons) > 1)
    parts += [] if comparisons else [_table([{name: points(value) for name, value in systems[0]["means"].items()}])]
    parts += _whole(named, systems)
    parts += _errors(named, systems, found["value"])
    return "\n\n".join(parts)


def _seeds(named: Sequence[str], systems: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        {"": letter, "runs": str(system["runs"])}
        | {m: f"{points(mean)} ± {points(system['sd_over_runs'][m])}" for m, mean in system["means"].items()}
        for system, letter in zip(systems, named, strict=True)
    ]
    note = f"from {SEEDS} runs on, this spread is part of the uncertainty; fewer runs say nothing of other seeds"
    return f"mean ± standard deviation over runs\n{_table(rows)}\n{note}"


def _whole(named: Sequence[str], systems: Sequence[Mapping[str, Any]]) -> list[str]:
    """Metrics that are no mean over queries, side by side."""
    rows = [
        {"metric": metric} | {letter: points(one["corpus"].get(metric)) for letter, one in zip(named, systems, strict=True)}
        for metric in systems[0]["corpus"]
    ]
    return [f"over all queries at once, so neither with an interval nor compared\n{_table(rows)}"] if rows else []


def _comparison(found: Mapping[str, Any], main: str, letter: str, several: bool) -> list[str]:
    rows = [
        {"metric": f"{metric} (primary)" if metric == main else metric, **_pair(figures, letter)}
        | {"p": _chance(figures["p"], metric == main)}
        | ({"p (Holm)": _chance(figures["p_holm"], metric == main)} if several else {})
        | {"detectable": detectable(figures)}
        | {key: f"{figures[key]:,}" for key in ("better", "same", "worse")}
        for metric, figures in found["metrics"].items()
    ]
    parts = [f"{letter} - A, in points, {RESAMPLES:,} draws of whole videos\n{_table(rows)}\n{MEANINGS}"]
    if found["breakdown"]:
        named = ((f"{part['feature']}: {part['range']}", part) for part in found["breakdown"])
        parts.append(_table([{f"{main} by": name, **_pair(part, letter)} for name, part in named]))
    if found["curve"]:
        sides = (("A", "a"), (letter, "b"))
        rows = [{"R1 at IoU": name} | {f"{at['IoU']:g}": points(at[key], 1) for at in found["curve"]} for name, key in sides]
        parts.append(_table(rows))
    if found["failure_changes"]:
        rows = [{"A": c["a"] or "read", letter: c["b"] or "read", "n": f"{c['n']:,}"} for c in found["failure_changes"]]
        parts.append(f"failures that changed\n{_table(rows)}")
    if found["movers"]:
        rows = [
            {"largest movers": mover["id"], "truth, s": _said(mover["targets"], mover.get("option"))}
            | {"A": _answer(mover["a"]), letter: _answer(mover["b"]), "query": repr(mover["query"][:LONGEST])}
            for mover in found["movers"]
        ]
        parts.append(_table(rows, left=True))
    return parts


def _chance(p: float | None, primary: bool) -> str:
    return chance(p) if primary or p is None else f"{chance(p)}*"


def _errors(named: Sequence[str], systems: Sequence[Mapping[str, Any]], value: str) -> list[str]:
    rows = []
    for name in systems[0]["errors"]:
        if not any(system["errors"][name]["n"] for system in systems):
            continue
        row = {"answers": name}
        for letter, system in zip(named, systems, strict=True):
            figures = system["errors"][name]
            row[f"{letter}: n"] = f"{figures['n']:,.4g}" if figures["n"] < 1000 else f"{figures['n']:,.0f}"
            row |= {f"{letter}: {metric}": signed(points) for metric, points in figures.items() if metric != "n"}
        rows.append(row)
    title = f"by how many points a score would rise if the answers of one type alone were perfect (right: {value} >= {THRESHOLD})"
    lines = [title, _table(rows)] if rows else []
    for letter, system in zip(named, systems, strict=True):
        if system["truncated"]:
            lines.append(f"{letter}: replies that the length limit cut off: {system['truncated']:,.4g}")
        for clock in system["clocks"]:
            lines.append(f"WRONG CLOCK: read as {clock['reads']}, all answers of {letter} would gain {clock['mIoU']:.2f} mIoU")
    return ["\n".join(lines)] if lines else []


def _table(rows: Sequence[Mapping[str, str]], left: bool = False) -> str:
    return str(tabulate(rows, headers="keys", disable_numparse=True, stralign="left" if left else "right"))


def _pair(figures: Mapping[str, Any], letter: str) -> dict[str, str]:
    """A later system against A, in one metric."""
    shown = {"n": f"{figures['n']:,}", "A": points(figures["a"]), letter: points(figures["b"])}
    return shown | {f"{letter} - A": signed(figures["difference"]), "95 %": interval(figures)}


def _span(span: Sequence[float]) -> str:
    return "-".join(f"{round(time, 2):.12g}" for time in span)


def _answer(answer: Mapping[str, Any]) -> str:
    said = _said(answer["spans"], answer.get("option")) or answer["failure"] or "no span"
    return f"{said} ({100 * answer['value']:.0f} %)"


def _said(spans: Sequence[Sequence[float]], option: str | None) -> str:
    return " ".join([*([] if option is None else [f"({option})"]), ", ".join(map(_span, spans))]).strip()[:LONGEST]
