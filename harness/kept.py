"""The scores of a file of predictions kept as a run: a board takes it like any other, without its replies."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from harness import environment, store
from harness.paths import AnyPath
from harness.recorded import KEPT, Recorded
from harness.run import check_same_run, session
from tasks.errors import InputError


def keep(run: Recorded, output: AnyPath, system: str | None = None, secrets: Sequence[str] = ()) -> Path:
    """Write `run.json` and `scores.json` of a scored file of predictions, called `system` or by its name; `secrets` nowhere.

    A folder that holds the same file under the same rules is written again. Raises InputError where it holds another run or
    cannot be written, or `run` is a run already.
    """
    if run.document is not None:
        raise InputError("a file of predictions to keep", f"the run {run.path}, which is kept", "harness board RUN")
    folder, path = Path(output), Path(run.path)
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    model = {"name": system or path.name, "backend": KEPT, "file": path.name, "sha256": digest}
    spec = {**run.plan.spec(), "model": model}
    store.prepare_folder(folder)
    check_same_run(folder, previous := store.read_run(folder), spec)
    sessions = [*(previous or {"sessions": []})["sessions"], session(run.plan, environment.launch(), None, secrets)]
    failed = sum(outcome.error is not None for scored in run.judged.values() for outcome in scored.outcomes)
    counts = {"questions": len(run.plan.samples) * len(run.plan.modes), "failed": failed}
    document = {"schema": store.RUN_SCHEMA, "status": "finished", "spec": spec, "sessions": sessions, "counts": counts}
    store.write_json(folder / store.SCORES, run.scores)
    store.write_json(folder / store.RUN, document)
    return folder
