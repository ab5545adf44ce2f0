"""`harness export`."""

import sys
from argparse import Namespace
from pathlib import Path

from harness import api, export
from harness.arguments import given
from harness.output import write
from tasks.errors import InputError

MODEL_CARD = "model-card"
USAGE = "harness export RUN --output samples.csv"


def main(options: Namespace) -> int:
    """Write every question of a run as a row of a file, or print the metadata of a model card."""
    output = Path(options.output) if options.output else None
    kind = options.format or (output.suffix.removeprefix(".") if output else "")
    if kind not in (*export.FORMATS, MODEL_CARD):
        raise InputError(f"--format: {', '.join((*export.FORMATS, MODEL_CARD))}, or a file with that ending", repr(kind), USAGE)
    run = api.load_run(**given(api.load_run, options))
    sys.stderr.write("".join(f"{note}\n" for note in run.told))
    content = f"---\n{run.model_card()}\n---\n".encode() if kind == MODEL_CARD else export.encode(run.samples, kind)
    if output is not None:
        write(output, content)
        sys.stdout.write(f"{output}\n")
    elif kind == "parquet":
        raise InputError("--output for Parquet, which no terminal shows", "none", "harness export RUN --output samples.parquet")
    else:
        sys.stdout.write(content.decode())
    return 0
