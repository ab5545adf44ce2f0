"""`harness board`."""

import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from harness.paths import data_root
from leaderboards.board.formats import FORMATS
from leaderboards.board.request import FILES, Request, make, matches, of_file
from leaderboards.results import verify
from tasks.errors import InputError


def main(options: Namespace) -> int:
    """Print a leaderboard of runs and published rows; nothing is written."""
    request = asked(options)
    if options.verify:
        verify(request.runs, data_root(options.data_root))
    sys.stdout.write(FORMATS[request.format](make(request, data_root(options.data_root))))
    return 0


def asked(options: Namespace) -> Request:
    """What the command line asks for; it overrules a `board.yaml` that stands among the runs. Raises InputError."""
    files = [path for path in options.runs if path.endswith(FILES)]
    if len(files) > 1:
        raise InputError("one board", ", ".join(files), f"harness board {files[0]}")
    request = of_file(Path(files[0])) if files else Request()
    folders = tuple(Path(path) for path in options.runs if not path.endswith(FILES))
    given = {key: value for key in ("layout", "published", "format", "group") if (value := getattr(options, key)) is not None}
    labels = (*request.labels, *(label for text in options.label for label in _labels(text)))
    return replace(request, runs=(*request.runs, *folders), labels=labels, force=request.force or options.force, **given)


def _labels(text: str) -> list[tuple[Path, str]]:
    pattern, _, label = text.rpartition("=")
    if not pattern or not label:
        raise InputError("RUN=TEXT as a label", repr(text), "harness board --label RUN=TEXT RUN…")
    return [(folder, label) for folder in matches(Path(pattern), "harness board --label RUN=TEXT RUN…")]
