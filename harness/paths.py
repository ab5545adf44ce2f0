"""Default places on disk."""

import os
import re
from pathlib import Path

import platformdirs


def data_root(given: str | None) -> Path:
    """The data root: `--data-root`, else `HARNESS_DATA`, else the user cache directory."""
    if given:
        return Path(given)
    return Path(os.environ.get("HARNESS_DATA") or platformdirs.user_cache_path("vtg-harness"))


def run_folder(output: str | None, model: str, run_name: str, only_one: bool) -> Path:
    """Where a run goes: `--output` itself for one task, a folder per task below it for several, else below `runs`."""
    if output:
        return Path(output) if only_one else Path(output) / run_name
    slug = re.sub(r"[^\w.@-]+", "_", model.rstrip("/").replace(":", "-"))[-80:].strip("_.")
    return Path("runs") / slug / run_name


def run_beside(model: Path, split: str) -> Path:
    """Where the run of a model that this project trained goes: in the model's own folder."""
    return model / "runs" / split.replace("/", "_")
