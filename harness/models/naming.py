"""What a model is called in files, tables and pages, and that no folder and no server passes for a model of the hub."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.paths import last_part

HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w.-]+)?")
"""What can be the name of a model of the hub."""


def local(model: str) -> str:
    """How a folder is recorded: `./` before a name that could be a hub id as well; other names as they are given."""
    return _marked(str(Path(model))) if Path(model).is_dir() else model


def is_ambiguous(model: str) -> bool:
    """Whether there is a folder of the name of a hub id, `owner/name`."""
    return "/" in model and local(model) != str(Path(model)) and not model.startswith(".")


def shown(model: Mapping[str, Any]) -> str:
    """`spec.model` in tables: of a hub with its revision, of a server with its host, a folder so that it is seen to be one.

    A class in a file stands with the hash of that file.
    """
    name = str(model["name"])
    if model.get("server"):
        return f"{name} at {urlsplit(model['server']).netloc.rpartition('@')[2]}"
    if model.get("backend") == "own":
        return f"{name} ({model['fingerprint'][:8]})"
    if model.get("revision"):
        return f"{name}@{model['revision'][:8]}"
    if model.get("fingerprint") and (folder := _marked(name)).startswith("./"):
        return f"{folder} ({model['fingerprint'][:8]})"
    return name


def title(model: Mapping[str, Any]) -> str:
    """What a page for others calls a model: as `shown`, a folder by its last part, and what this project trained by its recipe.

    >>> title({"name": "/home/me/ck/whole", "backend": "hf", "fingerprint": "3fa2c1d0"})
    'whole (3fa2c1d0)'
    """
    trained = model.get("trained_on") or {}
    if trained.get("recipe") and trained.get("split"):
        seed = "" if trained.get("seed") is None else f", seed {trained['seed']}"
        return f"{trained['recipe']} on {trained['split']}{seed}"
    if model.get("fingerprint") and not model.get("revision") and model.get("backend") != "own":
        return f"{Path(str(model['name'])).name} ({model['fingerprint'][:8]})"
    return last_part(shown(model))


def _marked(folder: str) -> str:
    return f"./{folder}" if HUB_ID.fullmatch(folder) else folder
