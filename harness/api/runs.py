"""`run`, `score`, `load_run` and `compare`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from harness import named_files, store
from harness.api.memory import Predictions, on_disk
from harness.evaluate import evaluate, notes_before
from harness.kept import keep
from harness.models import own
from harness.models.options import Options
from harness.named_files import Paths
from harness.paths import AnyPath
from harness.plan import make_plan
from harness.recorded import Recorded as Run
from harness.recorded import check_whole, open_run
from leaderboards.compare.runs import compare_runs
from leaderboards.compare.text import Comparison
from tasks.errors import InputError


def run(
    model: AnyPath | own.Answering | own.Function,
    task: str,
    *,
    split: str | None = None,
    protocol: str | None = None,
    modes: str | Sequence[str] | None = None,
    videos: AnyPath | Sequence[AnyPath] = (),
    output: AnyPath | None = None,
    limit: int | None = None,
    max_new_tokens: int | None = None,
    ids: AnyPath | Sequence[AnyPath] = (),
    seed: int = 0,
    backend: str = "hf",
    reply_key: str | None = None,
    model_args: str = "",
    base_url: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    attn: str = "sdpa",
    device_map: Literal["auto"] | None = None,
    batch_size: int | Literal["auto"] = 8,
    trust_remote_code: bool = False,
    tensor_parallel: int | None = None,
    gpu_memory: float | None = None,
    max_model_len: int | None = None,
    workers: int = 1,
    deadline: float = 120,
    report_to: str | Sequence[str] | None = None,
    data_root: AnyPath | None = None,
    annotations: Paths = (),
    include: Paths = (),
) -> Run:
    """Evaluate a model on one task, as `harness run` does; the same call continues an interrupted run. Raises InputError.

    `model` is what `--model` names, a function of frames and one question that returns a text, or an object with
    `answer(frames, questions)` (docs/own-model.md). `task` is a name, such as `charades@test`, or a file of your own.
    """
    _take_in(task, include, annotations)
    plan = make_plan(task, split, protocol, modes, data_root, videos, limit, seed, ids, max_new_tokens)
    settings = Options(device, dtype, attn, batch_size, trust_remote_code=trust_remote_code, seed=seed, device_map=device_map)
    settings = replace(settings, base_url=base_url, model_args=model_args, reply_key=reply_key)
    settings = replace(settings, tensor_parallel=tensor_parallel, gpu_memory=gpu_memory, max_model_len=max_model_len)
    asked = os.fspath(model) if isinstance(model, str | os.PathLike) else own.in_memory(model)
    name = asked if isinstance(asked, str) else asked.name
    ((_, summary),) = evaluate([plan], asked, settings, backend, output, workers, deadline, report_to)
    folder, notes = summary.folder, (*notes_before(name, [plan]), *summary.notes)
    return Run(folder, name, plan, store.read_records(folder), plan.protocol, store.read_run(folder), notes)


def _take_in(task: str, include: Paths, annotations: Paths) -> None:
    """Refuse several tasks, and take in files of the user's own. Raises InputError."""
    if "," in task:
        raise InputError("one task", task, "api.run(MODEL, TASK) for each")
    named_files.use(include, annotations)


def score(
    path: AnyPath | Predictions,
    *,
    task: str | None = None,
    split: str | None = None,
    protocol: str | None = None,
    modes: str | Sequence[str] | None = None,
    videos: AnyPath | Sequence[AnyPath] = (),
    ids: AnyPath | Sequence[AnyPath] = (),
    reply_key: str | None = None,
    duplicates: str = "last",
    data_root: AnyPath | None = None,
    annotations: Paths = (),
    include: Paths = (),
    choices: AnyPath | None = None,
    output: AnyPath | None = None,
    system: str | None = None,
) -> Run:
    """Score a run or predictions, as `harness score` does; this function writes only `output`.

    Args:
        path: Run folder, file of predictions, or predictions in memory: a data frame, a list of rows, or replies by id.
        output: Run folder that keeps the scores of predictions, under the name `system`, for `board`.

    Raises:
        InputError: The command would refuse the same.
    """
    named_files.use(include, annotations)
    found = open_run(
        on_disk(path),
        task=task,
        split=split,
        protocol=protocol,
        modes=modes,
        videos=videos,
        ids=ids,
        reply_key=reply_key,
        duplicates=duplicates,
        data_root=data_root,
        choices=choices,
    )
    if output is not None:
        keep(found, output, system)
    return found


def load_run(
    path: AnyPath | Predictions,
    *,
    task: str | None = None,
    protocol: str | None = None,
    reply_key: str | None = None,
    duplicates: str = "last",
    data_root: AnyPath | None = None,
    annotations: Paths = (),
    include: Paths = (),
) -> Run:
    """Open a finished run, or predictions. `score` has the same arguments and also opens unfinished runs. Raises InputError."""
    named_files.use(include, annotations)
    asked: dict[str, Any] = {"task": task, "protocol": protocol, "reply_key": reply_key, "duplicates": duplicates}
    return open_run(on_disk(path), **asked, data_root=data_root, whole=True)


def compare(
    first: AnyPath | Sequence[AnyPath],
    *others: AnyPath | Sequence[AnyPath],
    task: str | None = None,
    protocol: str | None = None,
    reply_key: str | None = None,
    duplicates: str = "last",
    force: bool = False,
    data_root: AnyPath | None = None,
    annotations: Paths = (),
    include: Paths = (),
) -> Comparison:
    """Compare every run with the first, as `harness compare` does, or diagnose a single run. Raises InputError.

    Each argument is a run folder, a file of predictions or a `Run`; a list holds the seeds of one system. A `Run` is compared as
    it was opened, unless `protocol` names other rules.
    """
    named_files.use(include, annotations)
    groups = [_seeds(argument) for argument in (first, *others)]
    names = [",".join(os.fspath(one) for one in group) for group in groups]
    places = [Path(one).resolve() for group in groups for one in group]
    if len(set(places)) < len(places):
        raise InputError("each run once", " ".join(names), "harness compare RUN RUN")
    opened = partial(_opened, task=task, protocol=protocol, reply_key=reply_key, duplicates=duplicates, data_root=data_root)
    runs = {name: [opened(one) for one in group] for name, group in zip(names, groups, strict=True)}
    notes = tuple(note for some in runs.values() for one in some for note in one.notes)
    return Comparison(compare_runs(runs, force), notes)


def _opened(one: AnyPath, task: str | None, protocol: str | None, data_root: AnyPath | None, **asked: Any) -> Run:
    if not isinstance(one, Run):
        return open_run(one, task=task, protocol=protocol, data_root=data_root, whole=True, **asked)
    if protocol is None:
        return check_whole(one)
    named = f"{one.plan.task.name}@{one.plan.split}" if one.document is None else None
    root = data_root or one.plan.data_root
    return open_run(one, task=task or named, protocol=protocol, data_root=root, whole=True, **asked)


def _seeds(argument: AnyPath | Sequence[AnyPath]) -> list[AnyPath]:
    """The runs that an argument names: one, a list, or the seeds of one system joined by commas."""
    if not isinstance(argument, str):
        return [argument] if isinstance(argument, os.PathLike) else [*argument]
    try:
        is_one = Path(argument).exists()
    except OSError:  # several names together can be longer than a name may be
        is_one = False
    return [argument] if is_one else [*argument.split(",")]
