"""Runs in notebooks: what the verbs of the command line do, as objects that show themselves as tables (see docs/api.md)."""

import io
import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from tabulate import tabulate

from harness import export, extras, report, store
from harness.arguments import parser
from harness.commands import compare as compare_command
from harness.commands import run as run_command
from harness.commands import score as score_command
from harness.commands.view import write
from harness.plan import Plan
from harness.records import Record
from harness.run import Summary, judge_plan, score_plan
from tasks.errors import InputError

AnyPath = str | os.PathLike[str]
REPEATED = ("videos", "ids")
"""Options that are typed once a value; several values of others are joined by commas."""


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """The replies to a split, and the rules they are scored under; shows itself as the table of `harness score`.

    Attributes:
        path: Run folder, or file of predictions.
        name: What the table calls it.
        plan: What was asked.
        records: Replies by sample id and mode.
    """

    path: Path
    name: str
    plan: Plan
    records: Mapping[tuple[str, str], Record]

    @cached_property
    def scores(self) -> dict[str, Any]:
        """The content of `scores.json`."""
        return score_plan(self.plan, self.records)

    @cached_property
    def samples(self) -> list[export.Row]:
        """One row a question, as `harness.export.rows` describes it."""
        return export.rows(self.records, judge_plan(self.plan, self.records))

    def to_datasets(self) -> Any:
        """`samples` as `datasets.Dataset`. Raises InputError without the extra `train`."""
        return export.dataset(self.samples)

    def to_pandas(self) -> Any:
        """`samples` as `pandas.DataFrame`. Raises InputError without the extra `train`."""
        extras.package("pandas", "train")
        return self.to_datasets().to_pandas()

    def to_parquet(self, path: AnyPath) -> None:
        """Write `samples` as Parquet. Raises InputError without the extra `train`, or where the file cannot be written."""
        write(Path(path), export.encode(self.samples, "parquet"))

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return run_command.conclusion(self.name, self.plan, Summary(self.path, self.scores, 0)).rstrip("\n")

    def _repr_html_(self) -> str:
        return _html([report.heading(self.plan)], [*report.rows(self.name, self.scores), *report.floor_rows(self.plan)])


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Runs against the first of them; shows itself as a table of differences in points.

    Attributes:
        result: What `harness compare --json` prints.
    """

    result: Mapping[str, Any]

    @property
    def rows(self) -> list[dict[str, str]]:
        """The table: one row for each mode, later run and metric; p is corrected (Holm) for the number of later runs."""
        return [
            {"mode": mode, "run": pair["b"], "metric": metric, "n": f"{found['n']:,}"}
            | {"A": _number(found["a"], ".2f"), "B": _number(found["b"], ".2f"), "B - A": _number(found["difference"], "+.2f")}
            | {"95 %": _range(found["interval_95"])}
            | {"p": _number(found["p_holm"], ".3f")}
            for mode, one in self.result["modes"].items()
            for pair in one["comparisons"]
            for metric, found in pair["metrics"].items()
        ]

    def __repr__(self) -> str:
        return "\n".join([*self._heading(), report.render(self.rows)])

    def _repr_html_(self) -> str:
        return _html(self._heading(), self.rows)

    def _heading(self) -> list[str]:
        result, modes = self.result, self.result["modes"].values()
        limited = ", LIMITED to what every run was asked" if result["limited"] else ""
        lines = [f"{result['task']}, split {result['split']}, protocol {result['protocol']}: {result['n']:,} queries{limited}"]
        lines += [f"FORCED although these differ: {difference}" for difference in result["forced"]]
        return [*lines, f"A  {next(iter(modes))['systems'][0]['name']}"]


def run(model: str, task: str, **options: Any) -> Run:
    """What `harness run` does, on one task; the same call continues an interrupted run.

    Args:
        model: As after `--model`.
        task: As after `--task`.
        options: Those of `harness run`, `-` written `_`: `output="runs/a"`, `modes=["direct", "cot"]`, `videos=["DIR"]`.

    Raises:
        InputError: As the command says it, or several tasks at once.
    """
    typed = _options("run", [f"--model={model}", f"--tasks={task}"], options)
    if "," in typed.tasks:
        raise InputError("one task", typed.tasks, "api.run(MODEL, TASK) for each")
    ((plan, summary),) = run_command.evaluate(typed)
    return Run(summary.folder, model, plan, store.read_records(summary.folder))


def load_run(path: AnyPath, **options: Any) -> Run:
    """A finished run, under the rules it was asked with.

    Args:
        path: Run folder.
        options: Those of `harness compare`: `data_root="DIR"`; `task="DIR/my.jsonl"` where your own data have moved;
            `protocol="NAME"` for other rules.

    Raises:
        InputError: It is not there, is not finished, or was made on other annotations.
    """
    return _loaded(_options("compare", [os.fspath(path)], options), Path(path))


def score(path: AnyPath, **options: Any) -> Run:
    """What `harness score` does; nothing is written.

    Args:
        path: Run folder, or file of predictions; also a `Run`.
        options: Those of `harness score`: `task="charades@test"` for files, `protocol="NAME"`, `data_root="DIR"`.

    Raises:
        InputError: As the command says it.
    """
    place, typed = Path(path), _options("score", [os.fspath(path)], options)
    if (recorded := store.read_run(place)) is None:
        return _loaded(typed, place)
    return Run(place, place.name, *score_command.run_of(typed, place, recorded["spec"]))


def compare(*runs: AnyPath, **options: Any) -> Comparison:
    """What `harness compare` does.

    Args:
        runs: At least two run folders, files of predictions or `Run`; all are compared with the first.
        options: Those of `harness compare`: `task="charades@test"` for files, `protocol="NAME"`, `force=True`.

    Raises:
        InputError: As the command says it.
    """
    if len(runs) < 2:
        raise InputError("at least two runs", str(len(runs)), "api.compare(RUN, RUN)")
    return Comparison(compare_command.compared(_options("compare", [os.fspath(run) for run in runs], options)))


def _loaded(options: Namespace, path: Path) -> Run:
    loaded = compare_command.load(options, path, keep_texts=True)
    return Run(path, path.name, loaded.plan, loaded.records)


def _options(verb: str, arguments: Sequence[str], options: Mapping[str, Any]) -> Namespace:
    """The options of a verb, read by the parser of the command line. Raises InputError with what that says."""
    typed = [part for name, value in options.items() for part in _typed(name, value)]
    try:
        with redirect_stderr(io.StringIO()) as said:
            return parser().parse_args([verb, *typed, *arguments])
    except SystemExit as end:
        raise InputError(
            f"options of harness {verb}", said.getvalue().strip().splitlines()[-1], f"harness {verb} --help"
        ) from end


def _typed(name: str, value: Any) -> list[str]:
    option = f"--{name.replace('_', '-')}"
    if value is None or isinstance(value, bool):
        return [option] if value else []
    values = [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]
    return [f"{option}={each}" for each in values] if name in REPEATED else [f"{option}={','.join(values)}"]


def _html(lines: Sequence[str], table: Sequence[Mapping[str, str]]) -> str:
    body = tabulate(table, headers="keys", tablefmt="html", disable_numparse=True, stralign="right", missingval="-")
    return f"<p>{'<br>'.join(map(escape, lines))}</p>\n{body}"


def _range(bounds: Sequence[float | None]) -> str:
    return "-" if None in bounds else " to ".join(_number(bound, "+.2f") for bound in bounds)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
