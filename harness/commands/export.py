"""`harness export`."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from harness import export, store
from harness.commands import compare
from harness.commands.view import write
from harness.run import judge_plan, score_plan
from tasks.errors import InputError

MODEL_CARD = "model-card"
USAGE = "harness export RUN --output samples.csv"


def main(options: Namespace) -> int:
    """Write every question of a run as a row of a file, or print the metadata of a model card."""
    output = Path(options.output) if options.output else None
    kind = options.format or (output.suffix.removeprefix(".") if output else "")
    if kind == MODEL_CARD:
        content = f"---\n{card(options)}\n---\n".encode()
    elif kind in export.FORMATS:
        loaded = compare.load(options, Path(options.path), keep_texts=True)
        table = export.rows(loaded.records, judge_plan(loaded.plan, loaded.records))
        content = export.encode(table, kind)
    else:
        raise InputError(f"--format: {', '.join((*export.FORMATS, MODEL_CARD))}, or a file named so", repr(kind), USAGE)
    if output is not None:
        write(output, content)
        sys.stdout.write(f"{output}\n")
    elif kind == "parquet":
        raise InputError("--output for Parquet, which no terminal shows", "none", "harness export RUN --output samples.parquet")
    else:
        sys.stdout.write(content.decode())
    return 0


def card(options: Namespace) -> Any:
    """The model card of a run, as `export.model_card` makes it. Raises InputError where the path is no finished run."""
    path = Path(options.path)
    if (run := store.read_run(path)) is None:
        raise InputError("a run folder: a file of predictions does not name its model", str(path), USAGE)
    loaded = compare.load(options, path)
    return export.model_card(loaded.plan, score_plan(loaded.plan, loaded.records), run["spec"]["model"]["name"])
