"""The embedded benchmark for every kind of question: five tasks on the same videos."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from tasks.errors import InputError
from tasks.formats.own import read_own
from tasks.task import Source, Split, Task

MAKE = "harness data make --kinds all"
FOLDER = "synthetic-kinds"
TITLES = {
    "moment": "one look, seen once",
    "pairs": "several looks at once, out of order",
    "choice": "the colour of a shape, with its evidence",
    "instances": "every time a look is seen",
    "union": "whatever is large",
}


def _splits(kind: str, data_root: Path) -> Mapping[str, Split]:
    manifest = data_root / FOLDER / "manifest.json"
    if not manifest.is_file():
        raise InputError("the synthetic benchmark of every kind", f"no {manifest}", MAKE)
    try:
        entries = json.loads(manifest.read_text(encoding="utf-8"))["splits"][kind]
        return {
            name: Split(
                (Source({f"{FOLDER}/{entry['file']}": entry["sha256"]}, partial(read_own, where=f"{FOLDER}/{entry['file']}")),),
                entry["videos"],
                entry["queries"],
            )
            for name, entry in entries.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the manifest that `{MAKE}` writes", f"{manifest}: {error!r}", MAKE) from error


def _task(kind: str) -> Task:
    return Task(
        name=f"synthetic-{kind}",
        title=f"Synthetic shapes: {TITLES[kind]}",
        published=partial(_splits, kind),
        default_split="test",
        protocol="synthetic",
        kinds=(kind, "highlights") if kind == "union" else (kind,),
        video_folders=(f"{FOLDER}/videos",),
        obtain=MAKE,
        licence="generated, no terms",
        homepage=MAKE,
        citation="this project",
        notes=("The five tasks `synthetic-KIND` ask about the same videos; in half of them one look is seen twice or thrice.",),
    )


TASKS = tuple(_task(kind) for kind in TITLES)
