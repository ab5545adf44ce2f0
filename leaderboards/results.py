"""A folder of submitted runs: each with its raw replies, which are scored again before anyone believes the numbers.

Layout: `TASK@SPLIT/PROTOCOL-HASH/MODEL-HASH/` with `run.json`, `samples.jsonl`, `scores.json` and `submission.json`, which holds
the hashes of the other three. `harness board FOLDER` reads it as any folder of runs.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness import store
from harness.output import write
from harness.paths import last_part
from harness.recorded import Recorded, named, open_run
from leaderboards.board.runs import find
from tasks import protocol as protocols
from tasks.errors import InputError, quoted

SUBMISSION, SCHEMA = "submission.json", "vtg-harness/submission/1"
FILES = (store.RUN, store.SAMPLES, store.SCORES)
MOST_NAMED = 5
DEPTH = 3  # Folders below a folder of results


def submit(path: Path, to: Path, data_root: Path | None) -> Path:
    """Copy a finished run into a folder of results, without the paths of this machine; the folder of the copy.

    Its scores are computed from its replies here. Raises InputError where the run is not whole, or another stands there already.
    """
    run = open_run(path, data_root=data_root, whole=True)
    if run.document is None:
        raise InputError(
            "a run folder", f"the file {path}", "harness score FILE --tasks TASK --output DIR makes a run of the file"
        )
    check_protocol(run)
    replies = (path / store.SAMPLES).read_bytes()
    folder = to / place(run, replies)
    contents = {
        store.RUN: _json(without_paths(run.document)),
        store.SAMPLES: replies,
        store.SCORES: _json(run.scores),
    }
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    contents[SUBMISSION] = _json({"schema": SCHEMA, "files": hashes})
    for name, content in contents.items():
        file = folder / name
        if file.is_file() and file.read_bytes() != content:
            raise InputError(f"a new folder, or the same run in {folder}", f"another {name}", f"git rm -r {quoted(folder)}")
        folder.mkdir(parents=True, exist_ok=True)
        write(file, content)
    return folder


def place(run: Recorded, replies: bytes) -> Path:
    """Where a run belongs in a folder of results."""
    assert run.document is not None
    spec, digest = run.document["spec"], hashlib.sha256(replies).hexdigest()
    model = re.sub(r"[^\w.-]+", "--", str(spec["model"]["name"])).strip("-")
    return Path(f"{spec['task']}@{spec['split']}", f"{run.asked.name}-{run.asked.sha256[:8]}", f"{model}-{digest[:8]}")


def without_paths(document: Mapping[str, Any]) -> dict[str, Any]:
    """`run.json` with the last part alone of every path that was typed, and not where own data lay.

    >>> run = {"sessions": [{"command": ["harness", "run", "--output", "/home/me/runs/a", "--model", "Qwen/Qwen3-VL-2B"]}]}
    >>> without_paths(run)["sessions"][0]["command"]
    ['harness', 'run', '--output', 'a', '--model', 'Qwen/Qwen3-VL-2B']
    """
    typed = ({key: value for key, value in one.items() if key != "own_data"} for one in document["sessions"])
    sessions = [{**one, "command": [last_part(part) for part in one["command"]]} for one in typed]
    return {**document, "sessions": sessions}


def verify(paths: Iterable[Path], data_root: Path) -> None:
    """Score every run below these folders again, from its raw replies. Raises InputError that names those that do not match."""
    folders = find(paths)
    wrong = {folder: problem for folder in folders if (problem := _problem(folder, data_root)) is not None}
    if wrong:
        shown = "; ".join(f"{'/'.join(folder.parts[-DEPTH:])}: {problem}" for folder, problem in [*wrong.items()][:MOST_NAMED])
        more = f"; and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
        expected = f"{len(folders):,} runs whose scores follow from their replies"
        raise InputError(expected, shown + more, "harness submit RUN --to FOLDER writes a run anew; leave out what is not yours")


def _problem(folder: Path, data_root: Path) -> str | None:
    """Why a run is not to be believed, None if its scores follow from its replies."""
    try:
        if (promised := _promised(folder)) is not None:
            for name in FILES:
                if hashlib.sha256((folder / name).read_bytes()).hexdigest() != promised.get(name):
                    return f"{name} is not the file that was submitted"
        run = open_run(folder, data_root=data_root, whole=True)
        check_protocol(run)
        told = json.loads((folder / store.SCORES).read_text(encoding="utf-8"))
    except InputError as error:
        return f"expected {error.expected}, found {error.found}"
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    differ = [key for key in {**told, **run.scores} if not _same(told.get(key), _plain(run.scores.get(key)))]
    return f"{', '.join(differ)} in {store.SCORES} does not follow from the replies" if differ else None


def check_protocol(run: Recorded) -> None:
    """Refuse a run whose protocol has the name of one of ours and other rules. Raises InputError."""
    if run.asked.name in protocols.names() and (ours := protocols.load(run.asked.name)).sha256 != run.asked.sha256:
        raise InputError(f"protocol {named(ours)}", named(run.asked), "run the model again with this version of the harness")


def _promised(folder: Path) -> Mapping[str, str] | None:
    file = folder / SUBMISSION
    if not file.is_file():
        return None
    document = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(document, dict) or document.get("schema") != SCHEMA or not isinstance(document.get("files"), dict):
        raise ValueError(f"{SUBMISSION} is not of schema {SCHEMA}")
    return dict(document["files"])


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode(errors=store.HALVES)


def _plain(value: Any) -> Any:
    """A value as it comes back from JSON."""
    return json.loads(json.dumps(value))


def _same(told: Any, found: Any) -> bool:
    """Whether two values of JSON are the same, numbers up to what processors round differently."""
    if isinstance(told, dict) and isinstance(found, dict):
        return told.keys() == found.keys() and all(_same(told[key], found[key]) for key in told)
    if isinstance(told, list) and isinstance(found, list):
        return len(told) == len(found) and all(map(_same, told, found))
    if isinstance(told, float) and isinstance(found, float):
        return abs(told - found) <= 1e-9 * max(1.0, abs(found))
    return type(told) is type(found) and bool(told == found)
