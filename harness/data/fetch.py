"""Annotation files from their public homes: known by hash, resumed where a download broke off, in place only when whole."""

import fcntl
import hashlib
import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import quote

from tasks.errors import InputError
from tasks.task import Source, Task, origin

ATTEMPTS = 4
PAUSE_S = 1.0
TIMEOUT_S = 30.0
LARGEST_BYTES = 2**30
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
NETWORK_ERRORS = (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException, ssl.SSLError)


class Wanted(NamedTuple):
    """One file of a benchmark: where it goes below the data root, its published hash, and its address at home or in a mirror."""

    path: str
    sha256: str
    url: str


def wanted(task: Task, split: str | None, data_root: Path, mirror: str | None = None) -> list[Wanted]:
    """The files of a split, or of every split: of the form that is there already, else of the first that has a home.

    Below a mirror the files lie as they do below the data root. Raises InputError where there is no such split, or its files are
    supplied by the user.
    """
    published = task.splits(data_root)
    files: dict[str, Wanted] = {}
    for name in [origin(task, split, data_root)] if split else published:
        with_home = [source for source in published[name].sources if source.homes]
        if not with_home:
            raise InputError(f"a published home of {task.name}@{name}", "none: the files are supplied by you", task.obtain)
        there = (source for source in with_home if all(item_is_there(item, data_root) for item in _items(source, mirror)))
        files |= {item.path: item for item in _items(next(there, with_home[0]), mirror)}
    return list(files.values())


def _items(source: Source, mirror: str | None) -> Iterator[Wanted]:
    for (path, sha256), home in zip(source.files.items(), source.homes, strict=True):
        yield Wanted(path, sha256 or "", f"{mirror.rstrip('/')}/{quote(path)}" if mirror else home)


def item_is_there(item: Wanted, data_root: Path) -> bool:
    """Whether the file is in place with its published hash."""
    path = data_root / item.path
    return path.is_file() and _sha256(path) == item.sha256


def fetch(url: str, target: Path, sha256: str) -> None:
    """Download one file. What broke off stays beside the target as `.NAME.part`, and the next call goes on from there.

    A file that stands at the target already is kept as `NAME.altered`, once the hash fits. Raises InputError: nothing useful at
    that address, another hash, a network that keeps failing, a target that cannot be written.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise InputError("an address that begins with http:// or https://", url, "harness data fetch … --mirror URL")
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = part.open("ab")
    except OSError as error:
        raise InputError("a data root that can be written", f"{target.parent}: {error.strerror}", "--data-root DIR") from error
    with file, _no_empty_part(part):
        _lock(file, target)
        resumed = file.tell() > 0
        _receive_all(url, file)
        if resumed and _sha256(part) != sha256:
            # The part may have been of another file: once more from the start.
            _empty(file)
            _receive_all(url, file)
        found = _sha256(part)
        if found != sha256:
            found = f"sha256 {found} ({part.stat().st_size:,} bytes); nothing was kept"
            part.unlink()
            raise InputError(f"sha256 {sha256} at {url}", found, "try another --mirror URL")
        if target.exists():
            target.replace(target.with_name(f"{target.name}.altered"))
        part.replace(target)


@contextmanager
def _no_empty_part(part: Path) -> Iterator[None]:
    try:
        yield
    finally:
        if part.is_file() and not part.stat().st_size:
            part.unlink()


def _lock(file: BinaryIO, target: Path) -> None:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"nobody else at work on {target}", "another process is fetching that file", "wait for that process"
        ) from error


def _receive_all(url: str, file: BinaryIO) -> None:
    """Complete the file; a connection that breaks is tried again, each time from where it broke. Raises InputError."""
    problem: Exception | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_S * 2 ** (attempt - 1))
        try:
            _receive(url, file)
            file.flush()
            return
        except NETWORK_ERRORS as error:
            if isinstance(error, urllib.error.HTTPError) and error.code not in TRANSIENT:
                step = "harness data fetch … --mirror URL, or place the file by hand"
                raise InputError(f"a file at {url}", f"HTTP {error.code} {error.reason}", step) from error
            problem = error
        except ValueError as error:
            raise InputError("an address", f"{url}: {error}", "harness data fetch … --mirror URL") from error
    found = f"{file.tell():,} bytes after {ATTEMPTS} attempts, then: {problem}"
    step = "type the same command again to resume the download, or give a --mirror URL"
    raise InputError(f"all of {url}", found, step) from problem


def _receive(url: str, file: BinaryIO) -> None:
    """Append what is missing. Raises one of NETWORK_ERRORS if the connection breaks, InputError if it does not end."""
    start = file.tell()
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            return  # nothing is missing, or the part is of another file: the hash decides
        raise
    with response:
        if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            _empty(file)
        length = response.headers.get("Content-Length", "")
        missing = int(length) if length.isdecimal() else 0
        while block := response.read(1 << 16):
            file.write(block)
            missing -= len(block)
            if file.tell() > LARGEST_BYTES:
                _empty(file)
                raise InputError(f"a file of at most {LARGEST_BYTES:,} bytes", f"more at {url}", "try another --mirror URL")
        if missing > 0:
            raise ConnectionError(f"the connection ended {missing:,} bytes early")


def _empty(file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
