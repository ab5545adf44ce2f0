"""Default places on disk."""

import errno
import os
import re
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from tasks.errors import InputError

AnyPath = str | os.PathLike[str]
DATA = "HARNESS_DATA"
OPTIONS = {
    **{name: f"--{name.replace('_', '-')}" for name in ("data_root", "output", "videos", "ids", "ids_out", "model")},
    "path": "RUN",
    "file": "FILE",
    "runs": "RUN",
}
"""Options that are paths, or can be, and how a user knows them."""
_ROOT = r"(?:file:/+|(?:\\\\+[?.]\\+)?(?<![A-Za-z])[A-Za-z]:[\\/]+|\\\\+(?=[\w.$-]+\\)|(?<!:)//|(?!//)(?:~[\w.-]*/|/))"
"""How an absolute path begins: as an address, on a drive, on a share, below the user's home, below the root."""
_WORD = re.compile(rf"(?:(?<![^=,:])|(?<=file:)){_ROOT}(?:[^=,]*[\\/])?")
_PART = r"(?:[^\s'\"`<>|,:;()\[\]{}\\/=]|(?<=\w)'(?=\w))+"
_NAMED = rf"(?:{_PART}(?: (?!~){_PART})*[\\/]+)"
_QUOTED = re.compile(rf"(?P<quote>['\"`]){_ROOT}(?:(?!(?P=quote)).)*?[\\/]+(?=[^\\/\n]+?[\\/]*(?P=quote))")
_FOLDERS = re.compile(rf"(?<![\w/\\.~%)\]-])(?:{_ROOT}{_NAMED}+(?=[^\s\\/])|~[\w.-]*/(?=\w))")


def cache() -> Path:
    """The folder of this project below the user's cache directory."""
    return platformdirs.user_cache_path("vtg-harness")


def data_root(given: AnyPath | None) -> Path:
    """The data root: `--data-root`, else `HARNESS_DATA`, else the user cache directory. Raises InputError, as `folder`."""
    named = os.fspath(given) if given else os.environ.get(DATA)
    origin = "--data-root" if given else DATA
    return folder(named, origin) if named else cache()


def listed(given: AnyPath | Sequence[AnyPath]) -> list[Path]:
    """Paths of an option that can be given several times; a single one needs no list."""
    return [Path(given)] if isinstance(given, str | os.PathLike) else [Path(each) for each in given]


def folder(named: str, origin: str) -> Path:
    """A folder that a user names, which need not be there yet. Raises InputError where something else is, or nothing can be."""
    path = Path(usable(named, origin))
    if path.exists() and not path.is_dir():
        found = f"{path} is {'a file' if path.is_file() else 'no folder'}"
        raise InputError(f"a folder as {origin}", found, _step(origin, "DIR"))
    return path


def video_folders(given: AnyPath | Sequence[AnyPath]) -> list[Path]:
    """The folders of `--videos`. Raises InputError where one is not there: a typo would be searched in vain."""
    origin = OPTIONS["videos"]
    found = [folder(os.fspath(each), origin) for each in listed(given)]
    for path in found:
        if not path.exists():
            raise InputError(f"a folder as {origin}", f"{path} does not exist", _step(origin, "DIR"))
    return found


def usable(named: str, origin: str) -> str:
    """A path as a user names it, `~` written out. Raises InputError where the system refuses the name itself."""
    try:
        path = os.path.expanduser(named)  # noqa: PTH111 - unlike a Path, it keeps what is a name and no path
        Path(path).stat()
    except FileNotFoundError:
        return path
    except ValueError as error:
        raise InputError(f"a path as {origin}", f"{named[:80]!r}: {error}", _step(origin, "PATH")) from error
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES):
            shown = named if len(named) <= 80 else f"{named[:80]} …"
            raise InputError(f"a path as {origin}", f"{shown}: {error.strerror}", _step(origin, "PATH")) from error
    return path


def _step(origin: str, what: str) -> str:
    return f"export {DATA}={what}" if origin == DATA else what if origin.isupper() else f"{origin} {what}"


def _each(given: str, origin: str) -> str:
    """`usable` of each name in an option: seeds of one recipe are joined by commas, and a replay names its file."""
    kind, colon, named = given.partition(":") if given.startswith("replay:") else ("", "", given)
    return kind + colon + ",".join(usable(one, origin) for one in named.split(","))


def check(options: Namespace) -> None:
    """Write `~` out in every option that is a path, and refuse those that can be none. Raises InputError."""
    for name, origin in OPTIONS.items():
        given = getattr(options, name, None)
        if isinstance(given, str):
            setattr(options, name, _each(given, origin))
        elif isinstance(given, list):
            setattr(options, name, [_each(one, origin) for one in given])
    video_folders(getattr(options, "videos", ()))


def run_folder(output: AnyPath | None, model: str, run_name: str, only_one: bool) -> Path:
    """Where a run goes: `--output` itself for one task, a folder per task below it for several, else below `runs`."""
    if output:
        return Path(output) if only_one else Path(output) / run_name
    slug = re.sub(r"[^\w.@-]+", "_", model.rstrip("/").replace(":", "-"))[-80:].strip("_.")
    return Path("runs") / slug / run_name


def run_beside(model: Path, split: str) -> Path:
    """Where the run of a model that this project trained goes: in the model's own folder."""
    return model / "runs" / split.replace("/", "_")


def last_part(text: str) -> str:
    """A word of a command line, or the name of a model, with the last part alone of every absolute path in it.

    >>> last_part("replay:/home/me/a.jsonl"), last_part("--output=/home/me/runs/"), last_part("Qwen/Qwen3-VL-2B")
    ('replay:a.jsonl', '--output=runs', 'Qwen/Qwen3-VL-2B')
    """
    return without_folders(_WORD.sub("", text.rstrip("/\\")))


def without_folders(sentence: str) -> str:
    r"""A sentence for other people, with the last part alone of every absolute path in it.

    Names may hold blanks, so that a sentence can lose words between a folder and the next slash.

    >>> without_folders("no <b>file</b> in /home/me/films, ~/more/ or 'https://a.b/c/d' at 1/2 s")
    "no <b>file</b> in films, more/ or 'https://a.b/c/d' at 1/2 s"
    >>> without_folders(r"file:///home/me/a.mp4, C:\Users\Jane Doe\a.mp4, \\server\films\a.mp4 and '/media/my (old) disk/a.mp4'")
    "a.mp4, a.mp4, a.mp4 and 'a.mp4'"
    """
    return _FOLDERS.sub("", _QUOTED.sub(r"\g<quote>", sentence))
