"""A folder of submitted runs: each with its raw replies, which are scored again before anyone believes the numbers.

Layout: `TASK@SPLIT/PROTOCOL-HASH/MODEL-HASH/` with `run.json`, `samples.jsonl`, `scores.json` and `submission.json`, which holds
the hashes of the other three. `harness board FOLDER` reads it as any folder of runs.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness import store
from harness.output import write
from harness.paths import last_part, without_folders
from harness.recorded import Recorded, as_written, named, open_run
from harness.records import check
from leaderboards.board.runs import find, load
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
    replies = b"".join(map(_without_folders, (path / store.SAMPLES).read_bytes().splitlines(keepends=True)))
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
    model = re.sub(r"[^\w.-]+", "--", last_part(str(spec["model"]["name"]))).strip("-")
    parts = (f"{spec['task']}@{spec['split']}", f"{run.asked.name}-{run.asked.sha256[:8]}", f"{model}-{digest[:8]}")
    return Path(*(part.replace("/", "--").lstrip(".") for part in parts))


def without_paths(document: Mapping[str, Any]) -> dict[str, Any]:
    """`run.json` with the last part alone of every path that was typed or that the model names, and not where own data lay.

    >>> run = {"spec": {"model": {"name": "/home/me/sft"}}, "sessions": [{"command": ["harness", "--output", "/me/a"]}]}
    >>> without_paths(run)
    {'spec': {'model': {'name': 'sft'}}, 'sessions': [{'command': ['harness', '--output', 'a']}]}
    """
    typed = ({key: value for key, value in one.items() if key != "own_data"} for one in document["sessions"])
    sessions = [{**one, "command": [last_part(part) for part in one["command"]]} for one in typed]
    spec = document["spec"]
    return {**document, "spec": {**spec, "model": _each_text(spec["model"], last_part)}, "sessions": sessions}


def _without_folders(line: bytes) -> bytes:
    """A line of `samples.jsonl` without the folders that its error names; a reply stays as it is."""
    record = json.loads(line)
    if record.get("error") is None:
        return line
    return (json.dumps(_each_text(record, without_folders), ensure_ascii=False) + "\n").encode(errors=store.HALVES)


def _each_text(value: Any, told: Callable[[str], str]) -> Any:
    """A value of JSON with every text in it as `told` gives it."""
    if isinstance(value, str):
        return told(value)
    if isinstance(value, list):
        return [_each_text(one, told) for one in value]
    return {key: _each_text(one, told) for key, one in value.items()} if isinstance(value, dict) else value


def verify(paths: Iterable[Path], data_root: Path) -> None:
    """Score every run below these folders again, from its raw replies. Raises InputError that names those that do not match."""
    folders = find(paths)
    problems = {folder: _problem(folder, data_root) for folder in folders}
    submitted = [folder for folder in folders if (folder / SUBMISSION).is_file()]
    strangers = [folder for folder in folders if submitted and folder not in submitted]
    problems |= {folder: f"no {SUBMISSION}, unlike other runs here" for folder in strangers if problems[folder] is None}
    problems |= {folder: f"the same replies as {_named(first)}" for first, folder in _copies(submitted)}
    if wrong := {folder: problem for folder, problem in problems.items() if problem is not None}:
        shown = "; ".join(f"{_named(folder)}: {problem}" for folder, problem in [*wrong.items()][:MOST_NAMED])
        more = f"; and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
        expected = f"runs whose scores follow from their replies, each as it was submitted ({len(folders):,} here)"
        raise InputError(expected, shown + more, "harness submit RUN --to FOLDER writes a run anew; leave out what is not yours")


def _named(folder: Path) -> str:
    return "/".join(folder.parts[-DEPTH:])


def _copies(folders: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Runs with the very replies of another, after that one: records say how long each reply took, so no two runs share them."""
    first: dict[bytes, Path] = {}
    for folder in folders:
        if (file := folder / store.SAMPLES).is_file():
            known = first.setdefault(hashlib.sha256(file.read_bytes()).digest(), folder)
            if known != folder:
                yield known, folder


def _problem(folder: Path, data_root: Path) -> str | None:
    """Why a run is not to be believed, None if its scores follow from its replies."""
    try:
        if linked := [name for name in (*FILES, SUBMISSION) if (folder / name).is_symlink()]:
            return f"{linked[0]} is a link, not a file"
        promised = _promised(folder)
        for name in FILES if promised is not None else ():
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != (promised or {}).get(name):
                return f"{name} is not the file that was submitted"
        run = open_run(folder, data_root=data_root, whole=True)
        with as_written(folder):
            check_protocol(run)
            belongs = place(run, (folder / store.SAMPLES).read_bytes())
            load(folder, data_root)
            told = dict(json.loads((folder / store.SCORES).read_text(encoding="utf-8")))
    except InputError as error:
        return f"expected {error.expected}, found {error.found}".replace(f"{folder}/", "")
    except OSError as error:
        return f"{type(error).__name__}: {error}".replace(f"{folder}/", "")
    differ = [key for key in {**told, **run.scores} if not _same(told.get(key), _plain(run.scores.get(key)))]
    if differ:
        return f"{', '.join(differ)} in {store.SCORES} does not follow from the replies"
    is_apart = promised is not None and folder.parts[-DEPTH:] != belongs.parts
    return f"its {store.RUN} and replies belong in {belongs}" if is_apart else None


def check_protocol(run: Recorded) -> None:
    """Refuse a run that names rules, a task or modes which are not those that it is scored by. Raises InputError.

    So is one with several replies to a question, or with a reply to none: which of them counts would be a choice.
    """
    assert run.document is not None
    spec, step = run.document["spec"], "run the model again with this version of the harness"
    if run.asked.name in protocols.names() and (ours := protocols.load(run.asked.name)).sha256 != run.asked.sha256:
        raise InputError(f"protocol {named(ours)}", named(run.asked), step)
    for key, counts in (("task_version", run.plan.task.version), ("modes", list(run.plan.modes))):
        if spec[key] != counts:
            raise InputError(f"{key} {counts} in {store.RUN}", str(spec[key]), step)
    lines = [*store.read_lines(run.path / store.SAMPLES, check, "one JSON record a line")]
    asked = {(sample.id, mode) for sample in run.plan.samples for mode in run.plan.modes}
    replies = Counter((one["id"], one["mode"]) for one in lines if one["text"] is not None)
    several = sum(count > 1 for count in replies.values())
    strange = sum((one["id"], one["mode"]) not in asked for one in lines)
    if several or strange:
        counted = {"questions with several replies": several, "records of no question of the split": strange}
        found = ", ".join(f"{count:,} {what}" for what, count in counted.items() if count)
        raise InputError(f"one reply to each question in {store.SAMPLES}", found, step)


def _promised(folder: Path) -> Mapping[str, str] | None:
    file = folder / SUBMISSION
    if not file.is_file():
        return None
    with as_written(folder):
        document = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(document, dict) or document.get("schema") != SCHEMA or not isinstance(document.get("files"), dict):
        raise InputError(f"a {SUBMISSION} of schema {SCHEMA}", "another document", "harness submit RUN --to FOLDER")
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
