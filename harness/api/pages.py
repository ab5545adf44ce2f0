"""`view`: a run, or two side by side, as a page that a browser opens and a notebook shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from harness import named_files
from harness.named_files import Paths
from harness.output import write
from harness.paths import AnyPath
from leaderboards.view.page import run_page
from leaderboards.view.runs import choose, data_of
from tasks.errors import InputError

ALONE, PAIR = "view.html", "comparison.html"
HEIGHT = 720
"""Pixels of a page in a cell."""


@dataclass(frozen=True)
class Page:
    """A page on disk; a notebook shows the page in the cell, without its videos, which only the file itself can load."""

    path: Path

    def __fspath__(self) -> str:
        return str(self.path)

    def _repr_html_(self) -> str:
        page = escape(self.path.read_text(encoding="utf-8"))
        return f'<iframe srcdoc="{page}" width="100%" height="{HEIGHT}" style="border: 0"></iframe>'


def view(
    *runs: AnyPath,
    output: AnyPath | None = None,
    protocol: str | None = None,
    videos: AnyPath | Sequence[AnyPath] = (),
    force: bool = False,
    data_root: AnyPath | None = None,
    annotations: Paths = (),
    include: Paths = (),
) -> Page:
    """Write the page of one run, or of two runs side by side, as `harness view` does. Raises InputError."""
    named_files.use(include, annotations)
    paths = [Path(run) for run in runs]
    if not 1 <= len(paths) <= 2:
        raise InputError("one run, or two runs", f"{len(paths)}", "api.view(RUN)")
    page = Path(output) if output else paths[0] / ALONE if len(paths) == 1 else Path(PAIR)
    chosen = choose(paths, protocol=protocol, videos=videos, data_root=data_root, force=force)
    write(page, run_page(data_of(chosen, page)).encode())
    return Page(page)
