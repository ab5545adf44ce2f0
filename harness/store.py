"""The files of a run: written so that a crash, a full disk or a second process loses nothing."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.records import Record, check
from harness.scores import SCHEMA
from tasks.errors import InputError, quoted

SAMPLES, RUN, SCORES, LOCK = "samples.jsonl", "run.json", "scores.json", ".lock"
RUN_SCHEMA = "vtg-harness/run/1"
AGAIN = "type the command of that run again to continue"
HALVES = "backslashreplace"
"""UTF-8 cannot hold halves of characters (`"\\ud800"`), which replies may contain; so encoded they are what JSON spells them."""


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a JSON file atomically, so that a reader sees the old or the new one whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8", errors=HALVES) as file:
        json.dump(value, file, indent=1, ensure_ascii=False, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_run(folder: Path) -> dict[str, Any] | None:
    """`run.json` of a run folder, None if there is none. Raises InputError if it cannot be read."""
    return read_document(folder / RUN, RUN_SCHEMA)


def read_document(path: Path, schema: str) -> dict[str, Any] | None:
    """A document with spec, sessions and status (`run.json`, `train.json`), None if there is none. Raises InputError."""
    if not path.is_file():
        return None
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != schema:
            raise ValueError(f"schema {document['schema']!r}")
        for key, kind in (("spec", dict), ("sessions", list), ("status", str)):
            if not isinstance(document[key], kind):
                raise TypeError(f"{key}: {type(document[key]).__name__}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        expected = f"a {path.name} of schema {schema} in {path.parent}"
        raise InputError(
            expected, repr(error), "use another folder, or the version of the harness that wrote the file"
        ) from error
    return document


def read_scores(folder: Path, spec: Mapping[str, Any]) -> dict[str, Any] | None:
    """`scores.json` of a run without its lists of samples, of this schema or an older one; None where there is none.

    Raises InputError where it is cut short, of a newer schema, or of another run.
    """
    path = folder / SCORES
    if not path.is_file():
        return None
    name, _, version = SCHEMA.rpartition("/")
    try:
        scores: dict[str, Any] = _without_samples(path.read_bytes())
        theirs, _, number = scores["schema"].rpartition("/")
        if theirs != name or int(number) > int(version):
            raise ValueError(f"schema {scores['schema']!r}")
        identity = tuple(scores[key] for key in ("task", "split_sha256", "protocol_sha256"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        expected = f"a {SCORES} of schema {SCHEMA} in {folder}"
        raise InputError(expected, repr(error)[:200], f"remove {SCORES}, or {AGAIN}") from error
    if identity != (spec["task"], spec["split_sha256"], spec["protocol"]["sha256"]):
        raise InputError(f"the scores of the run in {folder}", f"{SCORES} of another run", f"remove {SCORES}, or {AGAIN}")
    return scores


def _without_samples(content: bytes) -> Any:
    """The content of a `scores.json` with empty lists of samples, which are nearly all of it and stay undecoded.

    No line end can stand in a JSON string, and no other list of a mode starts at its depth, so in a file as `write_json`
    indents it the last line of three blanks and a bracket before the next such list ends it. A file that is indented in another
    way is read whole.
    """
    start, end = b'\n   "samples": [\n', b"\n   ]"
    head, *lists = content.split(start)
    try:
        return json.loads(start.join([head, *(part[max(part.rfind(end), 0) :] for part in lists)]).decode())
    except ValueError:
        return json.loads(content.decode())


def prepare_folder(folder: Path) -> None:
    """Create a run folder and prove that it can be written. Raises InputError."""
    probe = folder / f".probe.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        read = f"harness score {quoted(folder)}, which only reads, or " if (folder / RUN).is_file() else ""
        found = f"{folder}: {error.strerror}"
        raise InputError("an output folder that can be written", found, f"{read}harness run … --output DIR") from error


@contextmanager
def locked(folder: Path, launch: str) -> Iterator[None]:
    """Hold the run folder for one launch, by its id; the ranks of that launch share it, anyone else is refused by InputError."""
    deadline = time.monotonic() + 10
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        while True:
            if _try_lock(file.fileno(), fcntl.LOCK_EX):
                file.truncate(0)
                file.write(launch)
                file.flush()
            if _try_lock(file.fileno(), fcntl.LOCK_SH):
                file.seek(0)
                holder = file.read()
                if holder == launch:
                    break
                if holder:
                    found = f"another process is running there ({holder})"
                    raise InputError(f"{folder} not in use", found, "wait for that process, or use another --output")
            if time.monotonic() > deadline:
                raise InputError(f"{folder} not in use", "another process holds the lock", "wait, or use another --output")
            time.sleep(0.05)
        yield


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def exclusive(folder: Path) -> Iterator[int]:
    """Open `samples.jsonl` for reading and appending, alone among the ranks; drops a line that a crash cut short."""
    descriptor = os.open(folder / SAMPLES, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _drop_torn_line(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def append(folder: Path, records: Sequence[Record], sync: bool = True) -> None:
    """Append records; with `sync`, wait until they are on the disk and not only with the operating system.

    Raises OSError where the disk is full or the file cannot be written; the file is as before.
    """
    lines = [json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records]
    data = memoryview("".join(lines).encode(errors=HALVES))
    with exclusive(folder) as descriptor:
        size = os.fstat(descriptor).st_size
        try:
            while data:
                data = data[os.write(descriptor, data) :]
            if sync:
                os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise


def read_records(folder: Path) -> dict[tuple[str, str], Record]:
    """Records by sample id and mode; of several for one, the last counts, and a last line that was cut short is none.

    Nothing is written, so that runs on a disk that can only be read are read as well. Raises InputError if a line is no record.
    """
    return {(one["id"], one["mode"]): one for one in read_lines(folder / SAMPLES, check, "one JSON record a line")}


def read_lines(path: Path, checked: Callable[[Any], Any], expected: str) -> Iterator[Any]:
    """What stands on each line of a file, as `checked` gives it; nothing without the file, or of a last line that was cut short.

    Raises InputError where a line is no JSON, or where `checked` raises ValueError.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                value = checked(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise InputError(expected, f"{path} line {number}: {error}", "remove that line and run again") from error
            yield value


def _drop_torn_line(descriptor: int) -> None:
    """Cut the file after its last line end; power loss can leave a torn line or a block of zeros behind it."""
    size = os.fstat(descriptor).st_size
    end, block = size, 1 << 16
    while end > 0:
        start = max(0, end - block)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end != size:
        os.ftruncate(descriptor, end)


def no_run(path: Path, expected: str, step: str) -> InputError:
    """A path without a run, for a verb that shows runs: a file of predictions becomes one by `replay:`."""
    if path.is_file():
        step = f"harness run --model {quoted(f'replay:{path}')} --tasks TASK --output DIR"
        return InputError(expected, f"the file {path}", f"{step} makes a run of a file of predictions")
    return InputError(expected, f"no {RUN} in {path}" if path.is_dir() else f"no folder {path}", step)
