"""`harness view`."""

import errno
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from harness import store
from harness.commands import compare
from harness.paths import data_root
from leaderboards.board import runs
from leaderboards.view.data import Shown, facts, page_data
from leaderboards.view.index import Listed, index_data
from leaderboards.view.page import index_page, run_page
from leaderboards.view.training import LOG, curves, read_log
from tasks import protocol as protocols
from tasks.errors import InputError
from tasks.sample import Sample

USAGE = "harness view RUN"
PAGE, PAIR, INDEX = "view.html", "comparison.html", "index.html"
AGAIN = "type the command of that run again: it continues"


class Chosen(NamedTuple):
    """Runs that are shown together, the samples and modes that all of them were asked, and what differs all the same."""

    shown: list[Shown]
    samples: list[Sample]
    modes: list[str]
    forced: list[str]


def main(options: Namespace) -> int:
    """Write the page of a run, of two runs side by side, or of a folder of runs with a page for each."""
    paths = [Path(path) for path in options.runs]
    if len(paths) > 2:
        raise InputError("one run, two runs, or a folder of runs", f"{len(paths)} paths", "harness board RUNS… for many")
    if len(paths) == 1 and paths[0].is_dir() and not (paths[0] / store.RUN).is_file():
        return _folder(options, paths[0])
    output = Path(options.output or (paths[0] / PAGE if len(paths) == 1 else PAIR))
    write(output, run_page(data_of(options, paths, output)).encode())
    sys.stdout.write(f"{output}\n")
    return 0


def data_of(options: Namespace, paths: Sequence[Path], output: Path) -> dict[str, Any]:
    """The data of the page of one or two runs, which is going to stand at `output`. Raises InputError."""
    chosen = choose(options, paths)
    asked = {sample.video for sample in chosen.samples}
    videos = {key: file for one in reversed(chosen.shown) for key, file in one.plan.videos.items() if key in asked}
    urls = {key: address(file, output) for key, file in videos.items()}
    return page_data(chosen.samples, chosen.shown, chosen.modes, urls, chosen.forced)


def choose(options: Namespace, paths: Sequence[Path]) -> Chosen:
    """Load runs that may be shown together; what was not asked in all of them is left out.

    Raises:
        InputError: One is no finished run, or they differ in task, split or protocol (unless `--force`).
    """
    if len(set(paths)) < len(paths):
        raise InputError("each run once", " ".join(map(str, paths)), USAGE)
    for path in paths:
        if not (path / store.RUN).is_file():
            raise store.no_run(path, "a run folder", USAGE)
    loaded = [_load(options, path) for path in paths]
    samples, modes, different = compare.together(loaded, options.force)
    return Chosen([_shown(one) for one in loaded], samples, modes, different)


def address(file: Path, page: Path) -> str:
    """Where a page finds a file: a relative address, every unusual character of it escaped."""
    return quote(os.fsencode(os.path.relpath(file.resolve(), page.parent.resolve())))


def write(output: Path, content: bytes) -> None:
    """Write a file; a reader sees the old or the new one whole. Raises InputError where it cannot be written."""
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        if output.exists() and not output.is_file():
            # To replace a device would take it from every program.
            raise OSError(errno.EINVAL, "no regular file")
        output.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            temporary.replace(output)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            "a file that can be written",
            f"{output}: {error.strerror}",
            "type the command again with --output FILE, in a folder that you may write to",
        ) from error


def _load(options: Namespace, path: Path) -> compare.Loaded:
    try:
        return compare.load(Namespace(**{"task": None, **vars(options)}), path)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError(f"a {store.RUN} as the harness writes it", f"{path}: {error!r}", AGAIN) from error


def _shown(loaded: compare.Loaded) -> Shown:
    run = store.read_run(loaded.path) or {}
    try:
        asked = protocols.from_dict(run["spec"]["protocol"])
        known, model = facts(run, loaded.plan, asked), Path(run["spec"]["model"]["name"])
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError(f"a {store.RUN} as the harness writes it", f"{loaded.path}: {error!r}", AGAIN) from error
    return Shown(str(loaded.path), loaded.plan, asked, loaded.records, known, curves(_log(loaded.path, model)))


def _log(run: Path, model: Path) -> list[dict[str, Any]]:
    """The training log of a model that this project trained: in its folder, or in the folder that holds its runs."""
    folders = (model, run.resolve().parent.parent)
    return next((read_log(folder) for folder in folders if (folder / LOG).is_file()), [])


def _folder(options: Namespace, folder: Path) -> int:
    """Write a page for each run below a folder, and the page that lists them; with `--output`, all of them there."""
    output = Path(options.output or folder / INDEX)
    listed: list[Listed] = []
    refused: list[tuple[str, str]] = []
    for run in runs.find([folder]):
        name = os.path.relpath(run, folder.resolve())
        page = (run if name.startswith(os.pardir) else output.parent / name) / PAGE
        try:
            rows = runs.load(run, data_root(options.data_root)).rows
            write(page, run_page(data_of(options, [run], page)).encode())
        except InputError as error:
            refused.append((name, error.found))
            sys.stderr.write(f"no page for {run}: {error.found}\n")
        else:
            listed.append(Listed(name, address(page, output), rows))
            sys.stdout.write(f"{page}\n")
    write(output, index_page(index_data(f"Runs in {folder}", listed, refused)).encode())
    sys.stdout.write(f"{output}\n")
    return 0
