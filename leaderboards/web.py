"""What every page of this project is made of: files of the package, and a policy under which nothing else can act."""

import base64
import hashlib
import os
from importlib import resources
from pathlib import Path
from urllib.parse import quote


def files(package: str, names: tuple[str, ...]) -> str:
    """Text files of a package, one after the other."""
    return "".join((resources.files(package) / name).read_text(encoding="utf-8") for name in names)


def policy(script: str, style: str, media: str = "") -> str:
    """A Content-Security-Policy: this script and this style alone may run, by their hashes, and nothing is loaded but media."""
    allowed = f"default-src 'none'; script-src {_hashed(script)}; style-src {_hashed(style)}; "
    return allowed + (f"media-src {media}; " if media else "") + "base-uri 'none'; form-action 'none'"


def address(file: Path, page: Path) -> str:
    """Where a page finds a file: a relative address, every unusual character of it escaped."""
    return quote(os.fsencode(os.path.relpath(file.resolve(), page.parent.resolve())))


def is_apart(file: Path, page: Path) -> bool:
    """Whether an address of a file would name folders of the machine: it shares no tree with the page.

    They lie in one tree if one folder holds both, and it is neither the root nor the folder of all users' homes.
    """
    common = Path(os.path.commonpath([file.resolve(), page.parent.resolve()]))
    return common in (Path(common.anchor), Path("~").expanduser().parent)


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
