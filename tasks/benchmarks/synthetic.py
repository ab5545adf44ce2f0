"""The embedded benchmark: coloured shapes in videos that `harness data make` renders."""

import json
from collections.abc import Mapping
from pathlib import Path

from tasks.errors import InputError
from tasks.sample import Sample
from tasks.task import Source, Split, Task

MAKE = "harness data make"
HELD_OUT = ("red circle", "green square", "blue triangle", "yellow cross", "purple circle", "white square")
"""Looks that are never asked for in a part `seen` of a split: one of each colour, so that every word is asked in other pairs."""


def is_held_out(sample: Sample) -> bool:
    """Whether the query is one of the looks that are held out."""
    return sample.query in HELD_OUT


def _splits(data_root: Path) -> Mapping[str, Split]:
    manifest = data_root / "synthetic" / "manifest.json"
    if not manifest.is_file():
        raise InputError(
            "the synthetic benchmark", f"no {manifest}", f"{MAKE}; or --data-root DIR, for a benchmark that was made elsewhere"
        )
    try:
        entries = json.loads(manifest.read_text(encoding="utf-8"))["splits"]
        return {
            name: Split((Source({f"synthetic/{entry['file']}": entry["sha256"]}),), entry["videos"], entry["queries"])
            for name, entry in entries.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("the manifest that `harness data make` writes", f"{manifest}: {error!r}", MAKE) from error


TASK = Task(
    name="synthetic",
    title="Synthetic shapes",
    published=_splits,
    default_split="test",
    protocol="synthetic",
    video_folders=("synthetic/videos",),
    obtain=MAKE,
    licence="generated, no terms",
    homepage="harness data make",
    citation="this project",
    parts={"unseen": is_held_out, "seen": lambda sample: not is_held_out(sample)},
    notes=("Three events a video, asked one by one: an answer that ignores the query scores at most 33.3 mIoU.",),
)
