"""`board`: runs and published rows in one ranking."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from harness import extras, named_files, paths
from harness.named_files import Paths
from harness.paths import AnyPath
from harness.recorded import html
from leaderboards.board import formats
from leaderboards.board.grid import Grid, check_columns, grid
from leaderboards.board.ranking import Board as Content
from leaderboards.board.request import Request, make
from leaderboards.results import verify as verify_runs


@dataclass(frozen=True, eq=False, repr=False)
class Board:
    """A leaderboard; shows itself as the table of `harness board`."""

    content: Content

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row a line of the board: where it stands, how it was measured, and a column in percent for each metric."""
        found = []
        for section in json.loads(formats.data(self.content))["sections"]:
            for row in section["rows"]:
                told = {key: row[key] for key in ("block", "kind", "model", "mode")}
                values = {name: metric["value"] for name, metric in row["metrics"].items()}
                found.append({"task": section["task"], "split": section["split"], **told, **values})
        return found

    def to_pandas(self) -> Any:
        """`rows` as `pandas.DataFrame`. Raises InputError without the extra `train`."""
        return extras.package("pandas", "train").DataFrame(self.rows)

    def __repr__(self) -> str:
        return formats.text(self.content).rstrip("\n")

    def _repr_html_(self) -> str:
        # A cell is no page: styles and scripts of one would act on the whole notebook.
        shown = (grid(section, self.content.columns) for section in self.content.sections)
        return "\n".join(_table(one) for one in shown)


def board(
    *runs: AnyPath | Sequence[AnyPath],
    layout: str = "general",
    published: str | None = None,
    label: Mapping[str, str] | None = None,
    group: Literal["seeds", "none"] = "seeds",
    task: str | None = None,
    protocol: str | None = None,
    columns: Sequence[str] = (),
    force: bool = False,
    verify: bool = False,
    data_root: AnyPath | None = None,
    annotations: Paths = (),
    include: Paths = (),
) -> Board:
    """Rank runs and published rows, as `harness board` does. Raises InputError.

    Args:
        runs: Run folders, folders of runs, files of replies, `Run` objects, or lists of them.
        label: Names of the runs in the table, by run folder.
        columns: Columns of the table, in order: `["model", "mIoU", "rank"]`.
    """
    named_files.use(include, annotations)
    folders = tuple(one for some in runs for one in paths.listed(some))
    root = paths.data_root(data_root)
    labels = tuple((Path(folder), text) for folder, text in (label or {}).items())
    request = Request(runs=folders, labels=labels, group=group, layout=layout, published=published, force=force)
    request = replace(request, task=task, protocol=protocol, columns=tuple(columns))
    if verify:
        verify_runs(folders, root)
    made = make(request, root)
    check_columns(made)
    return Board(made)


def _table(found: Grid) -> str:
    lines = [line for line in (found.verdict, found.heading, *found.notes) if line]
    rows = [dict(zip(found.head, (cell.text for cell in line.cells), strict=True)) for _, some in found.groups for line in some]
    return html(lines, rows)
