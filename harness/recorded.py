"""The one door to what was recorded: run folders and files of predictions.

Which protocol counts: the one that the user names by `--protocol`. Otherwise a run keeps the protocol it was asked with, its
rules as they stand in `run.json`, also where the protocol of that name has changed since or is gone. A file has the
protocol of its task.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from tabulate import tabulate

from harness import export, extras, report, sessions, store
from harness.output import write
from harness.paths import AnyPath
from harness.plan import Plan, make_plan
from harness.predicted import hint, misread, predictions
from harness.predictions.collect import LAST
from harness.records import Record
from harness.scoring import Scored
from harness.store import AGAIN
from harness.summary import Summary, conclusion, judge_plan, scores_for, tells_whole_seconds
from tasks import protocol as protocols
from tasks.errors import InputError, quoted
from tasks.protocol import Protocol

KEPT = "predictions"
"""The backend of a run that keeps the scores of a file of predictions, without replies."""


@dataclass(frozen=True, eq=False, repr=False)
class Recorded:
    """A run, or a file of predictions; shows itself as the table of `harness score`.

    Attributes:
        path: The run folder, or the file of predictions.
        name: The name in tables.
        plan: Samples, modes, and the protocol that counts.
        records: The replies by sample id and mode.
        asked: The protocol of prompts and frames; of a file, the protocol that counts.
        document: The content of `run.json`; None for a file.
        notes: How the run was asked or the file was read, a line each.
    """

    path: Path
    name: str
    plan: Plan
    records: Mapping[tuple[str, str], Record]
    asked: Protocol
    document: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def judged(self) -> dict[str, Scored]:
        """The replies of each mode, read and judged once."""
        return judge_plan(self.plan, self.records)

    @cached_property
    def scores(self) -> dict[str, Any]:
        """The content of `scores.json`."""
        return scores_for(self.plan, self.judged)

    @cached_property
    def samples(self) -> list[export.Row]:
        """A list with one row for each question; docs/api.md names the columns."""
        return export.rows(self.records, self.judged)

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

    def model_card(self) -> Any:
        """The metrics of a run as `harness.export.model_card` gives them. Raises InputError, also where this is no run."""
        if self.document is None:
            step = "harness export RUN --format model-card"
            raise InputError("a run folder: a file of predictions does not name its model", str(self.path), step)
        with as_written(self.path):
            return export.model_card(self.plan, self.scores, self.document["spec"]["model"]["name"])

    @cached_property
    def misread(self) -> str | None:
        """What must be told of replies that were asked under another protocol and do not fit the one that counts."""
        return None if self.document is None else misread(self.asked, self.plan.protocol, self.records.values())

    @property
    def told(self) -> tuple[str, ...]:
        """`notes`, and `misread` with the name of the run."""
        return (*self.notes, *([f"{self.name}: {self.misread}"] if self.misread else []))

    @cached_property
    def hint(self) -> str | None:
        """Which protocols read more of the replies of a run, where the one that counts reads less than half; a note of a file."""
        return None if self.document is None else hint(self.plan, self.scores, self.records.values())

    @property
    def identity(self) -> dict[str, str]:
        """Task, split and protocol, in words: two numbers can be compared where these agree."""
        version = self.plan.task.version if self.document is None else self.document["spec"]["task_version"]
        return {
            "task": f"{self.plan.task.name} v{version}",
            "split": f"{self.plan.split} ({self.plan.split_sha256[:8]})",
            "protocol": named(self.plan.protocol),
        }

    @property
    def differ(self) -> str:
        """What differs between the sessions of a run, in words; empty where nothing differs."""
        return "" if self.document is None else sessions.differences(self.document["sessions"])

    @property
    def clock(self) -> str | None:
        """How right the times are that the model was told; None where they cannot be read back. Raises InputError."""
        with as_written(self.path):
            return None if self.document is None else self.document["spec"]["model"].get("clock_verdict")

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        limit = None if self.document is None else self.asked.decoding.max_new_tokens
        table = conclusion(self.name, self.plan, Summary(self.path, self.scores, 0, max_new_tokens=limit)).rstrip("\n")
        return f"{self.misread}\n{table}" if self.misread else table

    def _repr_html_(self) -> str:
        doubts = [*([self.misread] if self.misread else []), *([f"clock: {self.clock}"] if self.clock else [])]
        floors = report.floor_rows(self.plan, report.floors(self.plan, tells_whole_seconds(self.path)))
        return html([report.heading(self.plan), *doubts], [*report.rows(self.name, self.scores), *floors])


def named(protocol: Protocol) -> str:
    """A protocol in words: its name and the first digits of its hash."""
    return f"{protocol.name} ({protocol.sha256[:8]})"


def open_run(
    path: AnyPath,
    *,
    task: str | None = None,
    split: str | None = None,
    protocol: str | None = None,
    modes: str | Sequence[str] | None = None,
    videos: AnyPath | Sequence[AnyPath] = (),
    ids: AnyPath | Sequence[AnyPath] = (),
    reply_key: str | None = None,
    duplicates: str = LAST,
    data_root: AnyPath | None = None,
    choices: AnyPath | None = None,
    keep_texts: bool = True,
    whole: bool = False,
) -> Recorded:
    """Read a run folder, or a file of predictions; nothing is written. `harness score --help` tells the other options.

    Args:
        path: Run folder, or a file, which needs a task; also what this function gives.
        task: Task of a file; of a run, where its own data have moved: `DIR/my.jsonl`.
        keep_texts: Whether the records of a file hold its texts; a large file needs less memory without.
        whole: Whether a run must have finished, with a record of every question.

    Raises:
        InputError: It is neither, cannot be read, is not whole, or was made on other annotations.
    """
    place = Path(path)
    options = {"split": split, "protocol": protocol, "modes": modes, "videos": videos, "ids": ids, "data_root": data_root}
    if (document := store.read_run(place)) is None:
        plan = planned(place, None, task, **options)
        found, notes = predictions(plan, place, reply_key, duplicates, keep_texts, None if choices is None else Path(choices))
        return Recorded(place, place.name, plan, found, plan.protocol, notes=tuple(notes))
    with as_written(place):
        _check_replies(place, document)
        if whole:
            _check_end(place, document)
        plan, asked = planned(place, document, task, **options), protocols.from_dict(document["spec"]["protocol"])
        run = Recorded(place, place.name, plan, store.read_records(place), asked, document)
        return check_whole(run) if whole else run


def check_whole(run: Recorded) -> Recorded:
    """The same run. Raises InputError where it has not finished, or a question is without a record; a file is always whole."""
    if run.document is not None:
        _check_end(run.path, run.document)
        total = len(run.plan.samples) * len(run.plan.modes)
        if missing := sum((s.id, mode) not in run.records for s in run.plan.samples for mode in run.plan.modes):
            expected = f"a reply or an error for every question in {run.path / store.SAMPLES}"
            raise InputError(expected, f"{missing:,} of {total:,} questions lack a record", _again(run.document))
    return run


def planned(path: Path, document: Mapping[str, Any] | None, task: str | None, **options: Any) -> Plan:
    """What a run or a file of predictions answers, by the options of `make_plan`, and the protocol that counts.

    `document` is the content of `run.json`, None for a file. Raises InputError where there is no such run or file, no task of the
    file, or the annotations are not those of the run.
    """
    if document is not None:
        _check_replies(path, document)
        plan = plan_of(document["spec"], task or own_data(document), **options)
        digest = document["spec"].get("ids_sha256")
        return plan if digest is None or plan.ids_sha256 else _restricted(plan, digest, store.read_records(path))
    if path.is_file() and task:
        return make_plan(task, **options)
    found = f"{path}" if path.is_file() else f"no {store.RUN} in {path}" if path.is_dir() else f"no {path}"
    raise InputError(
        "a run folder, or a file of predictions with --task",
        found,
        f"harness score {path} --task TASK, with a name of harness ls tasks",
    )


def own_data(document: Mapping[str, Any]) -> str | None:
    """The own data of a run with its split, where they still lie where they were asked last; None otherwise."""
    place = document["sessions"][-1].get("own_data")
    return f"{place}@{document['spec']['split']}" if place is not None and Path(place).exists() else None


def plan_of(spec: Mapping[str, Any], task: str | None = None, **options: Any) -> Plan:
    """What a run was asked, as `planned` says, but for the restriction by `--ids`."""
    name = task or f"{spec['task']}@{spec['split']}"
    rules, modes = options.get("protocol") or protocols.from_dict(spec["protocol"]), options.get("modes") or spec["modes"]
    same = {"split": None, "limit": spec["limit"], "seed": spec["seed"]}
    plan = make_plan(name, **{**same, **options, "protocol": rules, "modes": modes})
    if plan.split_sha256 != spec["split_sha256"]:
        made_on = f"the samples of {plan.name} that the run was made on, {spec['split_sha256'][:8]}"
        place, step = f"below {plan.data_root}", "--data-root DIR"
        if plan.task.own_path:
            place, step = f"in {plan.task.own_path}", f"--task DIR/{quoted(plan.task.name)} with the samples of the run"
        raise InputError(made_on, f"{plan.split_sha256[:8]} {place}", step)
    return plan.with_choice_of(spec)


@contextmanager
def as_written(folder: Path) -> Iterator[None]:
    """Turn what only files of another shape raise into an InputError that names the run."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{store.RUN} and {store.SCORES} as the harness writes them", f"{folder}: {error!r}", AGAIN) from error


def _check_replies(folder: Path, run: Mapping[str, Any]) -> None:
    """Refuse the kept scores of a file of predictions where its replies are wanted. Raises InputError that names the file."""
    model = run["spec"]["model"]
    if model["backend"] != KEPT or (folder / store.SAMPLES).exists():
        return
    file = next((word for word in run["sessions"][-1]["command"] if Path(word).name == model["file"]), model["file"])
    task = own_data(run) or f"{run['spec']['task']}@{run['spec']['split']}"
    step = f"harness score {quoted(file)} --task {quoted(task)} (or compare, or export); harness board {quoted(folder)}"
    raise InputError("replies", f"{folder}, which keeps the scores of {model['file']} alone", step)


def check_last_line(folder: Path, again: str = AGAIN) -> None:
    """Refuse a file of records that is missing, empty or cut short. Raises InputError."""
    file = folder / store.SAMPLES
    if not file.is_file():
        raise InputError(f"the replies of the run in {file}", "no such file", again)
    with file.open("rb") as lines:
        lines.seek(max(0, file.stat().st_size - 1))
        if lines.read(1) != b"\n":
            raise InputError(f"whole lines in {file}", "the last line is cut short", again)


def _check_end(folder: Path, run: Mapping[str, Any]) -> None:
    """Refuse a run that is still going on, was cut off or has no replies. Raises InputError."""
    _check_replies(folder, run)
    if run["status"] != "finished":
        raise InputError("a finished run", f"{folder} is {run['status']}", _again(run))
    check_last_line(folder, _again(run))


def _again(run: Mapping[str, Any]) -> str:
    return f"{shlex.join(run['sessions'][-1]['command'])} (the same command continues the run)"


def _restricted(plan: Plan, ids_sha256: str, records: Mapping[tuple[str, str], Record]) -> Plan:
    """The plan of a run under `--ids`: which samples those were its records say. Raises InputError if they do not."""
    restricted = plan.only({identifier for identifier, _ in records})
    if restricted.ids_sha256 != ids_sha256:
        raise InputError("a finished run", "a run under --ids without a record of each", "harness score RUN --ids FILE")
    return restricted


def html(lines: Sequence[str], table: Sequence[Mapping[str, str]]) -> str:
    """Lines of text above a table, as HTML in which nothing of them can act."""
    body = tabulate(table, headers="keys", tablefmt="html", disable_numparse=True, stralign="right", missingval="-")
    return f"<p>{'<br>'.join(map(escape, lines))}</p>\n{body}"
