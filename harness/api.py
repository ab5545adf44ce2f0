"""Runs in notebooks: what the verbs of the command line do, as objects that show themselves as tables (see docs/api.md).

Names, defaults and errors are those of the verbs, which call these functions.
"""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from harness import store
from harness.evaluate import evaluate, notes_before
from harness.models.options import Options
from harness.paths import AnyPath
from harness.plan import make_plan
from harness.recorded import Recorded as Run
from harness.recorded import open_run as score
from leaderboards.compare.runs import compare_runs
from leaderboards.compare.text import Comparison
from tasks.errors import InputError

__all__ = ["Comparison", "Run", "compare", "load_run", "run", "score"]


def run(
    model: str,
    task: str,
    *,
    split: str | None = None,
    protocol: str | None = None,
    modes: str | Sequence[str] | None = None,
    videos: AnyPath | Sequence[AnyPath] = (),
    output: AnyPath | None = None,
    limit: int | None = None,
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
    data_root: AnyPath | None = None,
) -> Run:
    """What `harness run` does, on one task; the same call continues an interrupted run. `harness run --help` tells the options.

    Raises:
        InputError: As the command says it, or several tasks at once.
    """
    if "," in task:
        raise InputError("one task", task, "api.run(MODEL, TASK) for each")
    plan = make_plan(task, split, protocol, modes, data_root, videos, limit, seed, ids)
    settings = Options(
        device=device,
        dtype=dtype,
        attn=attn,
        device_map=device_map,
        batch_size=batch_size,
        trust_remote_code=trust_remote_code,
        seed=seed,
        base_url=base_url,
        model_args=model_args,
        reply_key=reply_key,
        tensor_parallel=tensor_parallel,
        gpu_memory=gpu_memory,
        max_model_len=max_model_len,
    )
    ((_, summary),) = evaluate([plan], model, settings, backend, output, workers, deadline)
    folder, notes = summary.folder, (*notes_before(model, [plan]), *summary.notes)
    return Run(folder, model, plan, store.read_records(folder), plan.protocol, store.read_run(folder), notes)


def load_run(
    path: AnyPath,
    *,
    task: str | None = None,
    protocol: str | None = None,
    reply_key: str | None = None,
    duplicates: str = "last",
    data_root: AnyPath | None = None,
) -> Run:
    """A finished run, or a file of predictions: as `score`, which also takes what is not finished."""
    return score(path, task=task, protocol=protocol, reply_key=reply_key, duplicates=duplicates, data_root=data_root, whole=True)


def compare(
    first: AnyPath,
    *others: AnyPath,
    task: str | None = None,
    protocol: str | None = None,
    reply_key: str | None = None,
    duplicates: str = "last",
    force: bool = False,
    data_root: AnyPath | None = None,
) -> Comparison:
    """What `harness compare` does; `harness compare --help` tells the options. Raises InputError, as the command says it.

    Each is a run folder, a file of predictions or a `Run`; seeds of one system are joined by commas. One alone is diagnosed.
    """
    names = [os.fspath(argument) for argument in (first, *others)]
    paths = {name: _seeds(name) for name in names}
    places = [path.resolve() for name in names for path in paths[name]]
    if len(set(places)) < len(places):
        raise InputError("each run once", " ".join(names), "harness compare RUN RUN")
    opened = partial(load_run, task=task, protocol=protocol, reply_key=reply_key, duplicates=duplicates, data_root=data_root)
    runs = {name: [opened(path) for path in some] for name, some in paths.items()}
    notes = tuple(note for some in runs.values() for one in some for note in one.notes)
    return Comparison(compare_runs(runs, force), notes)


def _seeds(argument: str) -> list[Path]:
    """The runs that an argument names: one, or the seeds of one system joined by commas."""
    try:
        is_one = Path(argument).exists()
    except OSError:  # several names together can be longer than a name may be
        is_one = False
    return [Path(argument)] if is_one else [Path(part) for part in argument.split(",")]
